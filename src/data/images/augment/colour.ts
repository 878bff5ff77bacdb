/**
 * @file Changes of brightness, contrast, colour and sharpness, equal to those of Pillow's `ImageEnhance` and `ImageOps` and of
 * torchvision's `adjust_hue` on Pillow images, byte for byte. Pillow computes blends in 32-bit floats and cuts them off; so does this.
 */
import { inChannels, type Picture } from '../picture.ts';

const { fround } = Math;

/** The picture with each byte changed by a function of it. */
const mapped = (picture: Picture, change: (value: number) => number): Picture => {
  const table = Uint8Array.from({ length: 256 }, (_, value) => change(value));
  const { data } = picture;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = table[data[i]!]!;
  return { ...picture, data: out };
};

/**
 * from + factor (to - from) of bytes, cut off to a byte: Pillow's `Image.blend`. A factor above 1 goes beyond `to`.
 */
function blended(from: number, to: number, factor: number): number {
  const value = fround(from + fround(factor * (to - from)));
  return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
}

/** Each byte blended with the one of another picture at the same place. */
function blend(from: Uint8Array, to: Picture, factor: number): Picture {
  if (factor === 1) return to;
  const [share, { data }] = [fround(factor), to];
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = blended(from[i]!, data[i]!, share);
  return { ...to, data: out };
}

/** Multiplies all values: 0 is black, 1 leaves the picture as it is. `ImageEnhance.Brightness`. */
export function brightness(picture: Picture, factor: number): Picture {
  const share = fround(factor);
  return factor === 1 ? picture : mapped(picture, (value) => blended(0, value, share));
}

/** Blends with the mean grey: 0 is that grey alone, 1 leaves the picture as it is. `ImageEnhance.Contrast`. */
export function contrast(picture: Picture, factor: number): Picture {
  if (factor === 1) return picture;
  const grey = inChannels(picture, 1).data;
  const mean = Math.floor(grey.reduce((sum, value) => sum + value, 0) / grey.length + 0.5);
  const share = fround(factor);
  return mapped(picture, (value) => blended(mean, value, share));
}

/** Blends with the grey picture: 0 is grey, 1 leaves the picture as it is. `ImageEnhance.Color`. Grey pictures stay as they are. */
export function saturation(picture: Picture, factor: number): Picture {
  if (picture.channels === 1 || factor === 1) return picture;
  return blend(inChannels(inChannels(picture, 1), 3).data, picture, factor);
}

/**
 * Blends with the picture smoothed by the 3 x 3 kernel of ones with 5 in its middle: 0 is smoothed, 1 leaves the picture as it is, more
 * sharpens. Pixels of the border stay. `ImageEnhance.Sharpness`.
 */
export function sharpness(picture: Picture, factor: number): Picture {
  if (factor === 1) return picture;
  const { width, height, channels, data } = picture;
  const row = width * channels;
  const smooth = data.slice();
  for (let y = 1; y < height - 1; y++)
    for (let i = y * row + channels; i < (y + 1) * row - channels; i++) {
      let sum = 4 * data[i]!;
      for (let k = i - row; k <= i + row; k += row)
        sum += data[k - channels]! + data[k]! + data[k + channels]!;
      smooth[i] = Math.floor((2 * sum + 13) / 26);
    }
  return blend(smooth, picture, factor);
}

/** Keeps the upper bits of each byte. `ImageOps.posterize`. */
export const posterize = (picture: Picture, bits: number): Picture =>
  mapped(picture, (value) => value & (256 - 2 ** (8 - bits)));

/** Inverts the bytes from a threshold on. `ImageOps.solarize`. */
export const solarize = (picture: Picture, threshold: number): Picture =>
  mapped(picture, (value) => (value < threshold ? value : 255 - value));

/** How often each byte comes in a channel. */
function histogram({ channels, data }: Picture, channel: number): Uint32Array {
  const counts = new Uint32Array(256);
  for (let i = channel; i < data.length; i += channels) counts[data[i]!]!++;
  return counts;
}

/** Each channel changed by a table of its own, made of its histogram; undefined leaves the channel. */
function byHistogram(
  picture: Picture,
  tableOf: (counts: Uint32Array) => ((value: number) => number) | undefined,
): Picture {
  const { channels } = picture;
  const data = picture.data.slice();
  for (let channel = 0; channel < channels; channel++) {
    const change = tableOf(histogram(picture, channel));
    if (!change) continue;
    const table = Uint8ClampedArray.from({ length: 256 }, (_, value) => Math.trunc(change(value)));
    for (let i = channel; i < data.length; i += channels) data[i] = table[data[i]!]!;
  }
  return { ...picture, data };
}

/** Stretches each channel from its least and largest byte to 0 and 255. `ImageOps.autocontrast` without a cutoff. */
export const autoContrast = (picture: Picture): Picture =>
  byHistogram(picture, (counts) => {
    const least = counts.findIndex((count) => count > 0);
    const most = counts.findLastIndex((count) => count > 0);
    if (most <= least) return undefined;
    const scale = 255 / (most - least);
    const offset = -least * scale;
    return (value) => value * scale + offset;
  });

/** Makes the bytes of each channel about equally frequent. `ImageOps.equalize`. */
export const equalize = (picture: Picture): Picture =>
  byHistogram(picture, (counts) => {
    const present = counts.filter((count) => count > 0);
    const all = present.reduce((sum, count) => sum + count, 0);
    const step = Math.floor((all - (present.at(-1) ?? 0)) / 255);
    if (present.length < 2 || step === 0) return undefined;
    const below = new Float64Array(256);
    let sum = Math.floor(step / 2);
    for (let value = 0; value < 256; value++) {
      below[value] = Math.floor(sum / step);
      sum += counts[value]!;
    }
    return (value) => below[value]!;
  });
