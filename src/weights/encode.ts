/** @file Converts floats to each encoding: the nearest weight of that kind, as defined in its paper. */

import { setFloat16 } from '@petamoriken/float16';
import { last } from '../access.ts';
import { MoonletError } from '../errors.ts';
import { packBits, unpackBits } from './bits.ts';
import {
  type BinaryWeight,
  type CirculantWeight,
  type CodebookWeight,
  circulantIndex,
  codeWidth,
  type FloatWeight,
  type HalfWeight,
  type HashedWeight,
  hashOf,
  materialize,
  type PlacedWeight,
  placesOf,
  type QuantizedWeight,
  type SparseWeight,
  sizeOfShape,
  type TernaryWeight,
  type Weight,
} from './encodings.ts';
import { shrinkPairs } from './pairs.ts';

/** Whether half precision holds all values: magnitudes from 65,520 up would become infinite. */
export const fitsHalf = (data: Float32Array): boolean => data.every((v) => Math.abs(v) < 65_520);

/** Rounded to half precision, ties to even; what `fitsHalf` refuses becomes infinite. */
export function half({ shape, data }: FloatWeight): HalfWeight {
  const bits = new Uint16Array(data.length);
  const view = new DataView(bits.buffer);
  data.forEach((v, i) => {
    setFloat16(view, 2 * i, v, true);
  });
  return { encoding: 'float16', shape, data: bits };
}

export interface QuantizeOptions {
  /** 2 to 8. */
  readonly bits: number;
  /** The step of each output channel, or one step; largest magnitude / (2^(bits - 1) - 1) by default. */
  readonly scales?: Float32Array;
  /** Of 8 bits: shrink neighbouring codes that no processor without VNNI multiplies exactly; see pairs.ts. */
  readonly paired?: boolean;
}

/** Half of the codes less one: 127 for 8 bits. */
export const levelsOf = (bits: number): number => 2 ** (bits - 1) - 1;

/** The step with which the largest magnitude has the last code. Magnitudes that no float32 step divides count as 0. */
export const fullStep = (largest: number, bits: number): number =>
  (largest < 2 ** -100 ? 1 : largest) / levelsOf(bits);

/** The largest magnitude of each output channel, [channels]. */
export function largestByChannel(data: Float32Array, channels: number): Float32Array {
  const largest = new Float32Array(channels);
  data.forEach((v, p) => {
    const c = p % channels;
    largest[c] = Math.max(largest[c]!, Math.abs(v));
  });
  return largest;
}

/**
 * Symmetric codes, per output channel: code = round(value / scale), ties to even, clipped to +-(2^(bits - 1) - 1), so
 * that zero is exact (Jacob et al. 2017, arXiv:1712.05877, section 2.1, with zero-point 0).
 */
export function quantized(weight: FloatWeight, o: QuantizeOptions): QuantizedWeight {
  const { shape, data } = weight;
  const { bits } = o;
  if (!Number.isInteger(bits) || bits < 2 || bits > 8)
    throw new MoonletError(`quantized: bits must be a whole number from 2 to 8, got ${bits}`);
  const scales = o.scales ?? largestByChannel(data, last(shape)).map((largest) => fullStep(largest, bits));
  return withCodes(shape, bits, roundedCodes(weight, { ...o, scales }), scales);
}

/** The codes alone. */
export function roundedCodes(
  { shape, data }: FloatWeight,
  { bits, scales, paired = false }: QuantizeOptions & { readonly scales: Float32Array },
): Int8Array {
  const top = levelsOf(bits);
  const codes = new Int8Array(data.length);
  const n = scales.length;
  for (let p = 0; p < codes.length; p++) {
    const code = roundHalfEven(data[p]! / scales[p % n]!);
    codes[p] = Math.max(-top, Math.min(top, code));
  }
  if (paired && bits === 8) shrinkPairs(codes, shape);
  return codes;
}

/** The weight of these signed codes. */
export const withCodes = (
  shape: readonly number[],
  bits: number,
  codes: Int8Array,
  scales: Float32Array,
): QuantizedWeight => ({
  encoding: 'quantized',
  shape,
  bits,
  scales,
  data: packBits(
    Uint8Array.from(codes, (code) => code & (2 ** bits - 1)),
    bits,
  ),
});

/** As ONNX and tf round: 0.5 to 0, 1.5 to 2. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Per output channel: threshold 0.7 E|w|, scale the mean magnitude above it (Li and Liu 2016, arXiv:1605.04711, equations
 * 4 and 6), the nearest ternary weight for normal values.
 */
export function ternary(weight: FloatWeight): TernaryWeight {
  const { shape, data } = weight;
  const channels = last(shape);
  const threshold = meansByChannel(data, channels, () => true).map((mean) => 0.7 * mean);
  const above = (p: number): boolean => Math.abs(data[p]!) > threshold[p % channels]!;
  const scales = meansByChannel(data, channels, above);
  return ternaryBy(weight, above, scales, scales);
}

/** Codes from which places are kept, by sign, with given scales. */
export function ternaryBy(
  { shape, data }: FloatWeight,
  kept: (place: number) => boolean,
  scales: Float32Array,
  negative: Float32Array,
): TernaryWeight {
  const codes = Array.from(data, (v, p) => (!kept(p) ? 0 : v > 0 ? 1 : 2));
  return { encoding: 'ternary', shape, data: packBits(codes, 2), scales, negative };
}

/** sign(w) E|w| per output channel: the scale that minimizes |w - a sign(w)|^2 (Rastegari et al. 2016, equation 6). */
export function binary({ shape, data }: FloatWeight): BinaryWeight {
  const scales = meansByChannel(data, last(shape), () => true);
  const codes = Array.from(data, (v) => (v >= 0 ? 1 : 0));
  return { encoding: 'binary', shape, data: packBits(codes, 1), scales };
}

/** Mean magnitude of the chosen places of each channel; 0 where none is chosen. */
function meansByChannel(
  data: Float32Array,
  channels: number,
  chosen: (place: number) => boolean,
): Float32Array {
  const sums = new Float64Array(channels);
  const counts = new Float64Array(channels);
  data.forEach((v, p) => {
    if (!chosen(p)) return;
    const c = p % channels;
    sums[c]! += Math.abs(v);
    counts[c]!++;
  });
  return Float32Array.from(sums, (sum, c) => (counts[c] ? sum / counts[c]! : 0));
}

/** Each value as the code of its nearest centroid. Centroids are sorted; there are at most 256. */
export function codebook({ shape, data }: FloatWeight, centroids: Float32Array): CodebookWeight {
  if (!centroids.length || centroids.length > 256)
    throw new MoonletError(`codebook: 1 to 256 centroids, got ${centroids.length}`);
  const table = Float32Array.from(centroids).sort();
  const bits = Math.max(1, Math.ceil(Math.log2(table.length)));
  const codes = Array.from(data, (v) => nearest(table, v));
  return { encoding: 'codebook', shape, bits, centroids: table, data: packBits(codes, bits) };
}

/** The index of the nearest of sorted numbers; the lower of two that are equally near. */
export function nearest(sorted: Float32Array, v: number): number {
  let [low, high] = [0, sorted.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= v) low = middle;
    else high = middle;
  }
  return v - sorted[low]! <= sorted[high]! - v ? low : high;
}

/** So many buckets, each the mean of its members after their signs: the nearest hashed weight in squared error. */
export function hashed({ shape, data }: FloatWeight, buckets: number, seed: number): HashedWeight {
  if (!Number.isInteger(buckets) || buckets < 1)
    throw new MoonletError(`hashed: buckets must be a whole number from 1 up, got ${buckets}`);
  const [sums, counts] = [new Float64Array(buckets), new Float64Array(buckets)];
  data.forEach((v, p) => {
    const { bucket, sign } = hashOf(seed, p, buckets);
    sums[bucket]! += sign * v;
    counts[bucket]!++;
  });
  return { encoding: 'hashed', shape, seed, data: meansOf(sums, counts) };
}

/** Each diagonal of each block becomes its mean: the nearest circulant weight in squared error. */
export function circulant({ shape, data }: FloatWeight, block: number): CirculantWeight {
  const [inner = 0, outer = 0] = shape.slice(-2);
  if (!Number.isInteger(block) || block < 1 || shape.length < 2 || inner % block || outer % block) {
    throw new MoonletError(
      `circulant: blocks of ${block} do not divide ${inner} x ${outer} channels; choose a divisor of both`,
    );
  }
  const count = data.length / block;
  const [sums, counts] = [new Float64Array(count), new Float64Array(count)];
  const index = circulantIndex(shape, block);
  data.forEach((v, p) => {
    const k = index(p);
    sums[k]! += v;
    counts[k]!++;
  });
  return { encoding: 'circulant', shape, block, data: meansOf(sums, counts) };
}

const meansOf = (sums: Float64Array, counts: Float64Array): Float32Array =>
  Float32Array.from(sums, (sum, k) => (counts[k] ? sum / counts[k]! : 0));

/**
 * A weight without the values that are zero. What is left keeps its encoding, codes and scales with it; a codebook keeps
 * its table as it is.
 */
export function sparse(weight: PlacedWeight): SparseWeight {
  const floats = materialize(weight);
  const kept = Uint32Array.from(floats.keys()).filter((p) => floats[p] !== 0);
  const mask = packBits(
    Uint8Array.from(floats, (v) => (v === 0 ? 0 : 1)),
    1,
  );
  return { encoding: 'sparse', shape: weight.shape, data: mask, values: picked(weight, kept) };
}

/** A sparse weight with its codes at every place, or any other weight as it is; undefined where zero has no code. */
export function dense(weight: Weight): Weight | undefined {
  if (weight.encoding !== 'sparse') return weight;
  const { values, shape } = weight;
  if (values.encoding !== 'quantized' && values.encoding !== 'ternary') return undefined;
  const width = codeWidth(values);
  const codes = unpackBits(values.data, width, values.shape[0]!);
  const all = new Uint8Array(sizeOfShape(shape));
  placesOf(weight).forEach((p, k) => {
    all[p] = codes[k]!;
  });
  return { ...values, shape, data: packBits(all, width) };
}

/** The values at some places, as a weight of one axis. */
function picked(weight: PlacedWeight, places: Uint32Array): PlacedWeight {
  const shape = [places.length];
  if (weight.encoding === 'float32')
    return { ...weight, shape, data: Float32Array.from(places, (p) => weight.data[p]!) };
  if (weight.encoding === 'float16')
    return { ...weight, shape, data: Uint16Array.from(places, (p) => weight.data[p]!) };
  const width = codeWidth(weight);
  const codes = unpackBits(weight.data, width, sizeOfShape(weight.shape));
  return {
    ...weight,
    shape,
    data: packBits(
      places.map((p) => codes[p]!),
      width,
    ),
  };
}
