/** @file A decoded picture: bytes of grey or RGB, row after row; and the changes of colour that Pillow's `convert` makes. */
import { UsageError } from '../../errors.ts';

/** Pixels of 0 to 255, `height * width * channels` of them: row after row, the channels of a pixel side by side. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1 of grey, 3 of red, green and blue. */
  readonly channels: number;
  readonly data: Uint8Array;
}

/** @throws UsageError when sizes are no whole numbers from 1 up, or the bytes are not as many as they say. */
export function checkPicture({ width, height, channels, data }: Picture): void {
  for (const [name, n] of Object.entries({ width, height, channels }))
    if (!Number.isSafeInteger(n) || n < 1)
      throw new UsageError(`picture: ${name} must be a whole number from 1 up, got ${n}`);
  if (data.length !== width * height * channels)
    throw new UsageError(
      `picture: ${width} x ${height} with ${channels} channels has ${width * height * channels} bytes, got ${data.length}`,
    );
}

/**
 * The picture in so many channels, as Pillow's `convert('L')` and `convert('RGB')`: grey is L = (19595 R + 38470 G + 7471 B) / 65536,
 * rounded (ITU-R 601-2), and grey as RGB is three times the same.
 * @throws UsageError for a number of channels other than 1 and 3.
 */
export function inChannels(picture: Picture, channels: number): Picture {
  const { width, height, data } = picture;
  if (channels === picture.channels) return picture;
  if (channels === 3 && picture.channels === 1) {
    const rgb = new Uint8Array(3 * data.length);
    for (let i = 0; i < rgb.length; i += 3) rgb[i] = rgb[i + 1] = rgb[i + 2] = data[i / 3]!;
    return { width, height, channels, data: rgb };
  }
  if (channels !== 1 || picture.channels !== 3)
    throw new UsageError(
      `picture: ${picture.channels} channels do not become ${channels}; pictures have 1 (grey) or 3 (RGB)`,
    );
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = (19595 * data[3 * i]! + 38470 * data[3 * i + 1]! + 7471 * data[3 * i + 2]! + 32768) >> 16;
  }
  return { width, height, channels, data: grey };
}

/** The pixels with red and blue exchanged: RGB from BGR, and the other way. */
export function exchanged(data: Uint8Array): Uint8Array {
  const out = data.slice();
  for (let i = 0; i < data.length; i += 3) {
    out[i] = data[i + 2]!;
    out[i + 2] = data[i]!;
  }
  return out;
}

/**
 * A part of the picture, or the picture in a larger frame: `width` x `height` pixels, of which the first is at (left, top) of the
 * picture; what lies outside it has the values of `fill`, one a channel.
 */
export function cropped(
  picture: Picture,
  { left, top, width, height }: Readonly<Record<'left' | 'top' | 'width' | 'height', number>>,
  fill: readonly number[] = [],
): Picture {
  const { channels, data } = picture;
  const out = new Uint8Array(width * height * channels);
  if (fill.some((v) => v)) for (let i = 0; i < out.length; i++) out[i] = fill[i % channels] ?? 0;
  const [from, to] = [Math.max(left, 0), Math.min(left + width, picture.width)];
  for (let y = Math.max(top, 0); y < Math.min(top + height, picture.height) && to > from; y++) {
    const row = y * picture.width;
    out.set(
      data.subarray((row + from) * channels, (row + to) * channels),
      ((y - top) * width + from - left) * channels,
    );
  }
  return { width, height, channels, data: out };
}
