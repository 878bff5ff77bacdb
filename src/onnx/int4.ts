/** @file Tensors of 4-bit codes: two in a byte, the first in its lower half; an odd one out leaves the upper half empty. */
import type { OnnxData } from './model.ts';

/** The bytes of `count` codes. */
export const int4Bytes = (count: number): number => Math.ceil(count / 2);

/** Codes from -8 to 7 in bytes. */
export function packedInt4(codes: OnnxData): Uint8Array {
  const bytes = new Uint8Array(int4Bytes(codes.length));
  for (let i = 0; i < codes.length; i++) bytes[i >> 1]! |= (codes[i]! & 15) << (i % 2 ? 4 : 0);
  return bytes;
}

/** The first `count` codes of some bytes. */
export const unpackedInt4 = (bytes: ArrayLike<number>, count: number): Int8Array =>
  // shifted to the top and back, so that the sign is kept
  Int8Array.from({ length: count }, (_, i) => ((bytes[i >> 1]! >> (i % 2 ? 4 : 0)) << 28) >> 28);
