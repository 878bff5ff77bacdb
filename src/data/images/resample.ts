/**
 * @file Resizing as Pillow does it, to the last bit: antialiased by a filter that widens with the reduction, in a pass along rows and
 * one along columns, each in fixed point and rounded to bytes. Rows come first, except where the height shrinks by more than twice as
 * many pixels as the width: that is so since Pillow 13; older ones always begin with rows, and differ there in a last bit.
 *
 * An output pixel x has its centre at c = (x + 1/2) s of the input, with s the ratio of the lengths. Input pixel i has the weight
 * f((i + 1/2 - c) / max(s, 1)), and weights are divided by their sum. In fixed point a weight has 22 bits behind the point.
 */
import { UsageError } from '../../errors.ts';
import { checkPicture, cropped, type Picture } from './picture.ts';

/** Neighbouring pixels of a row or of a column. */
interface Part {
  readonly from: number;
  readonly count: number;
}
interface Filter {
  /** f is zero from here on. */
  readonly support: number;
  weight(x: number): number;
}
/** 1 - |x| */
const bilinear: Filter = { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };
/** Keys' cubic convolution with a = -1/2, in the order of operations of Horner's scheme. */
const bicubic: Filter = {
  support: 2,
  weight(at) {
    const [a, x] = [-0.5, Math.abs(at)];
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  },
};
const filters = { bilinear, bicubic } as const;
/** How pixels between pixels are computed. */
export type Interpolation = keyof typeof filters;
export const interpolations: readonly Interpolation[] = ['bilinear', 'bicubic'];
export const isInterpolation = (name: string): name is Interpolation => Object.hasOwn(filters, name);

const bits = 22;
/** For each output pixel: the first input pixel that counts, and the weights from there in fixed point. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `size` weights for each output pixel, of which `count` are used. */
  readonly weights: Int32Array;
  readonly size: number;
}

/** Those of `part.count` of the `to` output pixels, from the one numbered `part.from`. */
function tapsOf(from: number, to: number, { support, weight }: Filter, part: Part): Taps {
  const scale = from / to;
  const widened = Math.max(scale, 1);
  const reach = support * widened;
  const size = Math.ceil(reach) * 2 + 1;
  const [first, count] = [new Int32Array(part.count), new Int32Array(part.count)];
  const weights = new Int32Array(part.count * size);
  const inverse = 1 / widened;
  const row = new Float64Array(size);
  for (let x = 0; x < part.count; x++) {
    const centre = (part.from + x + 0.5) * scale;
    const begin = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const taps = Math.min(Math.trunc(centre + reach + 0.5), from) - begin;
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      row[k] = weight((k + begin - centre + 0.5) * inverse);
      sum += row[k]!;
    }
    for (let k = 0; k < taps; k++) {
      const exact = (sum === 0 ? row[k]! : row[k]! / sum) * 2 ** bits;
      weights[x * size + k] = Math.trunc(exact < 0 ? exact - 0.5 : exact + 0.5);
    }
    first[x] = begin;
    count[x] = taps;
  }
  return { first, count, weights, size };
}

const half = 1 << (bits - 1);
const byte = (sum: number): number => Math.min(Math.max(sum >> bits, 0), 255);

/** The same of three channels, whose sums go along together: twice as fast. */
function rgbAlongRows(
  data: Uint8Array,
  out: Uint8Array,
  { height, width, to }: Readonly<Record<'height' | 'width' | 'to', number>>,
  { first, count, weights, size }: Taps,
): void {
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < to; x++, at += 3) {
      let [from, r, g, b] = [(y * width + first[x]!) * 3, half, half, half];
      const end = x * size + count[x]!;
      for (let k = x * size; k < end; k++, from += 3) {
        const weight = weights[k]!;
        r += data[from]! * weight;
        g += data[from + 1]! * weight;
        b += data[from + 2]! * weight;
      }
      out[at] = byte(r);
      out[at + 1] = byte(g);
      out[at + 2] = byte(b);
    }
}

/** Each row of `from` pixels becomes one of `to` pixels. */
function alongRows({ height, width, channels, data }: Picture, to: number, taps: Taps): Picture {
  const { first, count, weights, size } = taps;
  const out = new Uint8Array(height * to * channels);
  if (channels === 3) rgbAlongRows(data, out, { height, width, to }, taps);
  else
    for (let y = 0; y < height; y++)
      for (let x = 0; x < to; x++) {
        const [at, begin, n] = [(y * width + first[x]!) * channels, x * size, count[x]!];
        for (let c = 0; c < channels; c++) {
          let sum = half;
          for (let k = 0; k < n; k++) sum += data[at + k * channels + c]! * weights[begin + k]!;
          out[(y * to + x) * channels + c] = byte(sum);
        }
      }
  return { width: to, height, channels, data: out };
}

/** The rows become `to` rows; a column is summed up for a whole row at once. */
function alongColumns({ width, channels, data }: Picture, to: number, taps: Taps): Picture {
  const { first, count, weights, size } = taps;
  const length = width * channels;
  const out = new Uint8Array(to * length);
  const sums = new Int32Array(length);
  for (let y = 0; y < to; y++) {
    sums.fill(half);
    for (let k = 0; k < count[y]!; k++) {
      const [at, weight] = [(first[y]! + k) * length, weights[y * size + k]!];
      for (let i = 0; i < length; i++) sums[i]! += data[at + i]! * weight;
    }
    for (let i = 0; i < length; i++) out[y * length + i] = byte(sums[i]!);
  }
  return { width, height: to, channels, data: out };
}

/**
 * The picture in another size, equal to `Image.resize((width, height), BILINEAR or BICUBIC)` of Pillow 13 to the last bit.
 * @throws UsageError for a size that is no whole number from 1 up, or an interpolation that is not known.
 *
 * @example
 * import { resize } from 'moonlet/pictures';
 *
 * const picture = { width: 4, height: 1, channels: 1, data: Uint8Array.of(0, 100, 200, 250) };
 * resize(picture, 2, 1, 'bilinear').data.join(' '); // '71 207'
 */
export function resize(picture: Picture, width: number, height: number, how: string): Picture {
  checkPicture(picture);
  if (!isInterpolation(how))
    throw new UsageError(`resize: no interpolation "${how}"; there are ${interpolations.join(' and ')}`);
  for (const [name, n] of Object.entries({ width, height }))
    if (!Number.isSafeInteger(n) || n < 1)
      throw new UsageError(`resize: ${name} must be a whole number from 1 up, got ${n}`);
  return resizedPart(picture, [width, height], how, { left: 0, top: 0, width, height });
}

/** Some columns and rows of `resize`, in the time and memory that they take: a long strip becomes very long. */
export function resizedPart(
  picture: Picture,
  [width, height]: readonly [width: number, height: number],
  how: Interpolation,
  part: Readonly<Record<'left' | 'top' | 'width' | 'height', number>>,
): Picture {
  const filter = filters[how];
  const beside: Part = { from: part.left, count: part.width };
  const below: Part = { from: part.top, count: part.height };
  const rows = (p: Picture): Picture =>
    width === p.width
      ? cropped(p, { ...part, top: 0, height: p.height })
      : alongRows(p, part.width, tapsOf(p.width, width, filter, beside));
  const columns = (p: Picture): Picture =>
    height === p.height
      ? cropped(p, { ...part, left: 0, width: p.width })
      : alongColumns(p, part.height, tapsOf(p.height, height, filter, below));
  const columnsFirst = picture.height - height > 2 * Math.max(picture.width - width, 0);
  return columnsFirst ? rows(columns(picture)) : columns(rows(picture));
}
