/** @file The hash that identifies an augmented image. */

/**
 * 64 bits of an image's number and of what is seen of it, as hexadecimal digits: two multiplicative hashes of the values' bits,
 * each mixed at the end as MurmurHash3 does.
 */
export function exampleHash(image: number, example: Float32Array): string {
  const bits = new Uint32Array(example.buffer, example.byteOffset, example.length);
  let [a, b] = [0x9e3779b9 ^ image, 0x85ebca6b ^ Math.imul(image, 0x27d4eb2f)];
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    a = Math.imul(a ^ word, 0x01000193);
    a ^= a >>> 15;
    b = Math.imul((b << 13) | (b >>> 19), 5) + Math.imul(word, 0xcc9e2d51);
    b ^= b >>> 17;
  }
  return [mixed(a ^ b), mixed(b + 0x27d4eb2f)].map((h) => h.toString(16).padStart(8, '0')).join('');
}
function mixed(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
