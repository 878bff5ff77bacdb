/**
 * @file The IDX format of MNIST (LeCun, Cortes, Burges): two zero bytes, the type of an element (8 is an
 * unsigned byte), the number of dimensions, each dimension as a big-endian 32-bit number, then the elements.
 */

export interface Idx {
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Reads bytes of these dimensions. The data is a view of the file's bytes, not a copy.
 * @param expected each dimension; undefined for one that may have any size.
 * @param fail is called with the reason, and throws with the name of the file.
 */
export function parseIdx(
  bytes: Uint8Array,
  expected: readonly (number | undefined)[],
  fail: (reason: string) => never,
): Idx {
  const header = 4 + 4 * expected.length;
  if (bytes.length < header)
    fail(`${bytes.length} bytes are too few for a header of ${header}; it is truncated`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = 0x0800 + expected.length;
  if (view.getUint32(0) !== magic) {
    fail(`it begins with ${hex(view.getUint32(0))}, and an IDX file of this kind begins with ${hex(magic)}`);
  }
  const dims = expected.map((_, i) => view.getUint32(4 + 4 * i));
  if (dims.some((n, i) => expected[i] !== undefined && n !== expected[i])) {
    fail(`it holds ${dims.join(' x ')} bytes, expected ${expected.map((n) => n ?? 'any').join(' x ')}`);
  }
  const length = header + dims.reduce((a, b) => a * b, 1);
  if (bytes.length !== length) {
    const how = bytes.length < length ? 'truncated' : 'too long';
    fail(`it has ${bytes.length} bytes, expected ${length}; it is ${how}`);
  }
  return { dims, data: bytes.subarray(header) };
}

const hex = (n: number): string => `0x${n.toString(16).padStart(8, '0')}`;
