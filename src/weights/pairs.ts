/**
 * @file Pairs of codes that processors without VNNI multiply exactly. There the product of unsigned by signed bytes is
 * one instruction, `pmaddubsw`, that adds two neighbouring products in 16 bits and saturates. With values up to 255 a
 * pair of codes a, b is exact when its positive part and its negative part are 128 at most: 255 * 128 = 32640 <= 2^15
 * - 1.
 *
 * Neighbours are two inputs that follow each other at one tap, (0, 1), (2, 3), ...; runtimes flatten taps and inputs before
 * they pair, so that with an odd number of inputs any two that follow each other may meet.
 */
import { last } from '../access.ts';
import { signed, unpackBits } from './bits.ts';
import { type QuantizedWeight, sizeOfShape } from './encodings.ts';

/** The largest sum of two neighbouring codes of one sign. */
export const largestPair = 128;

/** How far apart first members of pairs are, counted along taps and inputs of an output channel. */
export const pairStride = (shape: readonly number[]): 1 | 2 => ((shape.at(-2) ?? 1) % 2 === 0 ? 2 : 1);

/** The codes as signed numbers, in the kernel's order. */
export function codesOf({ data, bits, shape }: QuantizedWeight): Int8Array {
  if (bits === 8) return new Int8Array(data.buffer, data.byteOffset, data.length);
  return Int8Array.from(unpackBits(data, bits, sizeOfShape(shape)), (code) => signed(code, bits));
}

/** Whether no pair of a kernel's codes leaves 16 bits. */
export function pairsFit(codes: Int8Array, shape: readonly number[]): boolean {
  const channels = last(shape);
  const rows = codes.length / channels;
  for (let row = 0; row + 1 < rows; row += pairStride(shape)) {
    for (let p = row * channels; p < (row + 1) * channels; p++) {
      if (excess(codes[p]!, codes[p + channels]!) > 0) return false;
    }
  }
  return true;
}

/** By how much two codes of one sign are too large together. */
export const excess = (a: number, b: number): number => (a * b > 0 ? Math.abs(a + b) - largestPair : 0);

/** Makes pairs fit, in place: both codes of a pair that is too large lose half of the excess. */
export function shrinkPairs(codes: Int8Array, shape: readonly number[]): void {
  const channels = last(shape);
  const rows = codes.length / channels;
  for (let row = 0; row + 1 < rows; row += pairStride(shape)) {
    for (let p = row * channels; p < (row + 1) * channels; p++) {
      const [a, b] = [codes[p]!, codes[p + channels]!];
      const over = excess(a, b);
      if (over <= 0) continue;
      const less = Math.abs(a) > Math.abs(b) ? Math.ceil(over / 2) : Math.floor(over / 2);
      codes[p] = a - Math.sign(a) * less;
      codes[p + channels] = b - Math.sign(b) * (over - less);
    }
  }
}
