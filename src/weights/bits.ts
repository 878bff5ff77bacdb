/** @file Small whole numbers packed into bytes, the lowest bits first: number i takes bits i * width .. (i + 1) * width - 1. */

/** Bytes that `count` numbers of `width` bits take. */
export const packedLength = (count: number, width: number): number => Math.ceil((count * width) / 8);

/** Numbers 0 .. 2^width - 1, width from 1 to 8, into bytes. */
export function packBits(numbers: ArrayLike<number>, width: number): Uint8Array {
  const bytes = new Uint8Array(packedLength(numbers.length, width));
  for (let i = 0; i < numbers.length; i++) {
    const at = i * width;
    const [byte, shift] = [at >> 3, at & 7];
    const spread = numbers[i]! << shift;
    bytes[byte]! |= spread & 0xff;
    if (shift + width > 8) bytes[byte + 1] = spread >> 8;
  }
  return bytes;
}

/** The first `count` numbers that `packBits` wrote. */
export function unpackBits(bytes: Uint8Array, width: number, count: number): Uint8Array {
  const numbers = new Uint8Array(count);
  const mask = 2 ** width - 1;
  for (let i = 0; i < count; i++) {
    const at = i * width;
    const [byte, shift] = [at >> 3, at & 7];
    const both = bytes[byte]! | ((bytes[byte + 1] ?? 0) << 8);
    numbers[i] = (both >> shift) & mask;
  }
  return numbers;
}

/** A code of `width` bits in two's complement as the number that it means. */
export const signed = (code: number, width: number): number =>
  code >= 2 ** (width - 1) ? code - 2 ** width : code;
