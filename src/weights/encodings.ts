/**
 * @file The encodings of weights: the arrays that each stores, the values that it represents, and its number of bytes.
 *
 * Scales belong to output channels, the last axis of every kernel: the value at flat place p has scale p mod n of the
 * n scales that there are (one for all, or one a channel). Codes are packed, see bits.ts.
 */

import { getFloat16 } from '@petamoriken/float16';
import { item, last } from '../access.ts';
import { packedLength, signed, unpackBits } from './bits.ts';
import { isDeferred } from './deferred.ts';

interface Shaped {
  readonly shape: readonly number[];
}
/** A plain array. */
export interface FloatWeight extends Shaped {
  readonly encoding: 'float32';
  readonly data: Float32Array;
}
/** Half precision (IEEE 754 binary16), as bits. */
export interface HalfWeight extends Shaped {
  readonly encoding: 'float16';
  readonly data: Uint16Array;
}
/** Symmetric whole numbers: value = code * scale, codes of 2 to 8 bits in two's complement. */
export interface QuantizedWeight extends Shaped {
  readonly encoding: 'quantized';
  readonly bits: number;
  readonly data: Uint8Array;
  readonly scales: Float32Array;
}
/** Codes of 2 bits: 0 is 0, 1 is scale, 2 is -negative (Zhu et al. 2016, arXiv:1612.01064; with equal scales a TWN). */
export interface TernaryWeight extends Shaped {
  readonly encoding: 'ternary';
  readonly data: Uint8Array;
  readonly scales: Float32Array;
  readonly negative: Float32Array;
}
/** Codes of 1 bit: 1 is scale, 0 is -scale (Rastegari et al. 2016, arXiv:1603.05279). */
export interface BinaryWeight extends Shaped {
  readonly encoding: 'binary';
  readonly data: Uint8Array;
  readonly scales: Float32Array;
}
/** Codes of 1 to 8 bits that index a table of values (Han et al. 2015, arXiv:1510.00149). */
export interface CodebookWeight extends Shaped {
  readonly encoding: 'codebook';
  readonly bits: number;
  readonly data: Uint8Array;
  readonly centroids: Float32Array;
}
/** Value p is bucket h(p) times a sign s(p), both hashes of seed and place (Chen et al. 2015, arXiv:1504.04788). */
export interface HashedWeight extends Shaped {
  readonly encoding: 'hashed';
  readonly seed: number;
  readonly data: Float32Array;
}
/**
 * Each block x block part of the matrix [in, out] (one at each tap of a conv) is circulant: value (i, o) of a part is
 * its number (o - i) mod block (Cheng et al. 2015, arXiv:1502.03436, in blocks). Stored [taps, in/block, out/block, block].
 */
export interface CirculantWeight extends Shaped {
  readonly encoding: 'circulant';
  readonly block: number;
  readonly data: Float32Array;
}
/** A mask of one bit per place marks where values are; the values, in order of place, are a weight of shape [count]. */
export interface SparseWeight extends Shaped {
  readonly encoding: 'sparse';
  readonly data: Uint8Array;
  readonly values: PlacedWeight;
}
/** Encodings in which each value has a place of its own, so that places may be left out. */
export type PlacedWeight =
  | FloatWeight
  | HalfWeight
  | QuantizedWeight
  | TernaryWeight
  | BinaryWeight
  | CodebookWeight;
export type Weight = PlacedWeight | HashedWeight | CirculantWeight | SparseWeight;
export type Encoding = Weight['encoding'];
export const encodings: readonly Encoding[] = [
  ...(['float32', 'float16', 'quantized', 'ternary', 'binary'] as const),
  ...(['codebook', 'hashed', 'circulant', 'sparse'] as const),
];

/** Whether the values of an encoding have a place of their own each. */
export const isPlaced = (encoding: Encoding): encoding is PlacedWeight['encoding'] =>
  encoding !== 'hashed' && encoding !== 'circulant' && encoding !== 'sparse';

export const sizeOfShape = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** The values of a weight as floats; the array of a plain weight is returned itself, not a copy. */
export function materialize(weight: Weight): Float32Array {
  const size = sizeOfShape(weight.shape);
  switch (weight.encoding) {
    case 'hashed':
      return Float32Array.from({ length: size }, (_, p) => hashedValue(weight, p));
    case 'circulant':
      return unrolled(weight, size);
    case 'sparse': {
      const places = placesOf(weight);
      const values = decode(weight.values, (k) => places[k]!);
      const all = new Float32Array(size);
      places.forEach((p, k) => {
        all[p] = values[k]!;
      });
      return all;
    }
    default:
      return decode(weight, (p) => p);
  }
}

/** The flat places at which a sparse weight has values, in order. */
export function placesOf({ data, shape }: SparseWeight): Uint32Array {
  const bits = unpackBits(data, 1, sizeOfShape(shape));
  const places = new Uint32Array(bits.reduce((n, bit) => n + bit, 0));
  let k = 0;
  bits.forEach((bit, p) => {
    if (bit) places[k++] = p;
  });
  return places;
}

/** The values in order; value k stands at place `place(k)`, which decides its channel. */
function decode(weight: PlacedWeight, place: (k: number) => number): Float32Array {
  const count = sizeOfShape(weight.shape);
  if (weight.encoding === 'float32') return weight.data;
  if (weight.encoding === 'float16') {
    const view = new DataView(weight.data.buffer, weight.data.byteOffset, weight.data.byteLength);
    return Float32Array.from(weight.data, (_, k) => getFloat16(view, 2 * k, true));
  }
  const width = codeWidth(weight);
  const codes = unpackBits(weight.data, width, count);
  if (weight.encoding === 'codebook') return Float32Array.from(codes, (code) => weight.centroids[code]!);
  const { scales } = weight;
  const scale = (k: number): number => scales[place(k) % scales.length]!;
  switch (weight.encoding) {
    case 'quantized':
      return Float32Array.from(codes, (code, k) => signed(code, width) * scale(k));
    case 'ternary': {
      const { negative } = weight;
      const below = (k: number): number => -negative[place(k) % negative.length]!;
      return Float32Array.from(codes, (code, k) => (code === 0 ? 0 : code === 1 ? scale(k) : below(k)));
    }
    case 'binary':
      return Float32Array.from(codes, (code, k) => (code ? scale(k) : -scale(k)));
  }
}

/** Bits of a code. */
export const codeWidth = (weight: QuantizedWeight | TernaryWeight | BinaryWeight | CodebookWeight): number =>
  weight.encoding === 'ternary' ? 2 : weight.encoding === 'binary' ? 1 : weight.bits;

/** Bucket and sign of a place: two finalizers of murmur3 over seed and place. */
export function hashOf(seed: number, place: number, buckets: number): { bucket: number; sign: 1 | -1 } {
  const mixed = mix(Math.imul(place + 1, 0x9e3779b1) ^ mix(seed | 0));
  return { bucket: mixed % buckets, sign: mix(mixed ^ 0x5bd1e995) & 1 ? 1 : -1 };
}
function mix(h: number): number {
  let x = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
function hashedValue({ seed, data }: HashedWeight, place: number): number {
  const { bucket, sign } = hashOf(seed, place, data.length);
  return sign * data[bucket]!;
}

/** Where a flat place of a circulant weight has its number. */
export function circulantIndex(shape: readonly number[], block: number): (place: number) => number {
  const [inner, outer] = [item(shape, -2), last(shape)];
  const [rows, columns] = [inner / block, outer / block];
  return (place) => {
    const o = place % outer;
    const i = Math.floor(place / outer) % inner;
    const tap = Math.floor(place / (outer * inner));
    const part = (tap * rows + Math.floor(i / block)) * columns + Math.floor(o / block);
    return part * block + (((o % block) - (i % block) + block) % block);
  };
}
function unrolled({ shape, block, data }: CirculantWeight, size: number): Float32Array {
  const index = circulantIndex(shape, block);
  return Float32Array.from({ length: size }, (_, p) => data[index(p)]!);
}

/** The arrays that a weight stores, by name, in the order in which a file has them. */
export function arraysOf(weight: Weight): readonly (readonly [name: string, array: StoredArray])[] {
  switch (weight.encoding) {
    case 'float32':
    case 'float16':
    case 'hashed':
    case 'circulant':
      return [['data', weight.data]];
    case 'quantized':
    case 'binary':
      return [
        ['data', weight.data],
        ['scales', weight.scales],
      ];
    case 'ternary':
      return [
        ['data', weight.data],
        ['scales', weight.scales],
        ['negative', weight.negative],
      ];
    case 'codebook':
      return [
        ['data', weight.data],
        ['centroids', weight.centroids],
      ];
    case 'sparse':
      return [
        ['data', weight.data],
        ...arraysOf(weight.values).map(([name, array]) => [`values.${name}`, array] as const),
      ];
  }
}
export type StoredArray = Float32Array | Uint16Array | Uint8Array;

/** Bytes that a weight takes as it is stored. */
export const bytesOfWeight = (weight: Weight): number =>
  weight.encoding === 'float32'
    ? Float32Array.BYTES_PER_ELEMENT * sizeOfShape(weight.shape)
    : arraysOf(weight).reduce((n, [, array]) => n + array.byteLength, 0);

/** What is wrong with the stored arrays, or undefined when they are as shape and channels (of the last axis) need them. */
export function faultOf(weight: Weight, channels = weight.shape.at(-1) ?? 1): string | undefined {
  const size = sizeOfShape(weight.shape);
  const expects = (what: string, got: number, wanted: number): string | undefined =>
    got === wanted ? undefined : `has ${got} ${what}; expected ${wanted}`;
  const perChannel = (name: string, scales: Float32Array): string | undefined =>
    scales.length === 1 || scales.length === channels
      ? undefined
      : `has ${scales.length} ${name}; expected 1 or one for each of ${channels} channels`;
  switch (weight.encoding) {
    case 'float32':
      return isDeferred(weight) ? undefined : expects('values', weight.data.length, size);
    case 'float16':
      return expects('values', weight.data.length, size);
    case 'quantized':
    case 'ternary':
    case 'binary':
      return (
        expects('bytes of codes', weight.data.length, packedLength(size, codeWidth(weight))) ??
        perChannel('scales', weight.scales) ??
        (weight.encoding === 'ternary' ? perChannel('negative scales', weight.negative) : undefined)
      );
    case 'codebook': {
      const { data, bits, centroids } = weight;
      const short = expects('bytes of codes', data.length, packedLength(size, bits));
      if (short) return short; // before as many codes are unpacked
      const largest = unpackBits(data, bits, size).reduce((a, b) => Math.max(a, b), 0);
      return size && largest >= centroids.length
        ? `has the code ${largest}, and a codebook of ${centroids.length}`
        : undefined;
    }
    case 'hashed':
      return size && !weight.data.length ? 'has no buckets' : undefined;
    case 'circulant': {
      const { shape, block, data } = weight;
      const fits = shape.length >= 2 && shape.slice(-2).every((n) => n % block === 0);
      return fits
        ? expects('numbers', data.length, size / block)
        : `has blocks of ${block}, which do not divide ${shape.slice(-2).join(' x ')}`;
    }
    case 'sparse': {
      const short = expects('bytes of mask', weight.data.length, packedLength(size, 1));
      if (short) return short;
      const count = placesOf(weight).length;
      const { values } = weight;
      if (values.shape.length !== 1 || values.shape[0] !== count)
        return `has ${values.shape.join(' x ')} values; its mask has ${count} places`;
      return faultOf(values, channels);
    }
  }
}
