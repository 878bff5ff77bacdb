/**
 * @file Reads zip archives of other programs (PyTorch's .pth and Keras's .keras are zips): every size is checked
 * before memory is allocated for it; fflate inflates the entries, and is stopped if an entry is larger than declared.
 * Format: APPNOTE.TXT of PKWARE, sections 4.3.7 to 4.3.16.
 */
import { Inflate } from 'fflate';
import { MoonletError, quote } from '../errors.ts';
import { type Bytes, guarded, type ReadOptions, readOptions } from './file.ts';

/** Entries stored as they are add up to no more than the file; packed ones may grow to this beyond four times it. */
const slack = 48 * 2 ** 20;
const smallestEntry = 46; // bytes of an entry in the directory
const pushed = 2 ** 14; // packed bytes at a time: at most 16 MiB when inflated

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly packed: number;
  readonly size: number;
  readonly crc: number;
  /** Where its local header begins. */
  readonly at: number;
}
type Fail = (reason: string) => never;

const failFor =
  (name: string): Fail =>
  (reason) => {
    throw new MoonletError(`${name}: ${reason}`);
  };
/** Whether bytes begin as an archive does: with a local header, or, without entries, with the end record. */
export const isZip = (bytes: Bytes): boolean =>
  bytes[0] === 0x50 &&
  bytes[1] === 0x4b &&
  ((bytes[2] === 3 && bytes[3] === 4) || (bytes[2] === 5 && bytes[3] === 6));

/** The names of its entries. @throws MoonletError when the archive is damaged. */
export const zipNames = (bytes: Bytes, name: string): readonly string[] =>
  guarded(name, 'zip archive', () => directory(bytes, failFor(name)).map((entry) => entry.name));

/** The entries that `wanted` names. @throws MoonletError when the archive is damaged or unpacks to too much. */
export function unzip(
  bytes: Bytes,
  name: string,
  wanted: (entry: string) => boolean,
  options: ReadOptions = {},
): ReadonlyMap<string, Bytes> {
  const { maxBytes, accept } = readOptions(options);
  const fail = failFor(name);
  return guarded(name, 'zip archive', () => {
    const most = Math.min(4 * bytes.length + slack, maxBytes);
    const files = new Map<string, Bytes>();
    let total = 0;
    const entries = directory(bytes, fail);
    // PyTorch can leave checksums out (torch.serialization.set_crc32_options): then each of them is 0
    const checked = !accept.includes('checksums') && entries.some(({ crc }) => crc !== 0);
    for (const entry of entries) {
      if (!wanted(entry.name)) continue;
      if (files.has(entry.name)) fail(`the zip has two entries ${quote(entry.name)}`);
      total += entry.size;
      if (total > most)
        fail(
          `the zip unpacks to more than ${most} bytes from ${bytes.length}; it is refused${most === maxBytes ? '; if this size is intended, raise maxBytes' : ''}`,
        );
      const content = contents(bytes, entry, fail);
      if (checked && crc32(content) !== entry.crc)
        fail(
          `the checksum of ${quote(entry.name)} in the zip does not match; the file is damaged: download it again, or accept "checksums"`,
        );
      files.set(entry.name, content);
    }
    return files;
  });
}

function directory(bytes: Bytes, fail: Fail): readonly Entry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const far = (at: number): number => Number(view.getBigUint64(at, true));
  // the end record: 22 bytes and a comment of at most 65,535
  let end = bytes.length - 22;
  const first = Math.max(0, end - 65_535);
  while (end >= first && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < first) fail('the zip has no end record; it is truncated');
  let [count, at] = [view.getUint16(end + 10, true), view.getUint32(end + 16, true)];
  if (end >= 20 && view.getUint32(end - 20, true) === 0x07064b50) {
    const record = far(end - 12); // zip64
    if (view.getUint32(record, true) !== 0x06064b50) fail('the zip64 end record is not where it should be');
    [count, at] = [far(record + 32), far(record + 48)];
  }
  if (count * smallestEntry > bytes.length)
    fail(`the zip claims ${count} entries, but is too short for them`);
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    if (view.getUint32(at, true) !== 0x02014b50) fail('the directory of the zip is damaged');
    const [nameLength, extraLength] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true)];
    const extra = at + 46 + nameLength;
    const sizes = { size: view.getUint32(at + 24, true), packed: view.getUint32(at + 20, true) };
    const place = { ...sizes, at: view.getUint32(at + 42, true) };
    // zip64: those that are all ones stand as 64 bits in the extra field 1, in this order
    const large = (['size', 'packed', 'at'] as const).filter((key) => place[key] === 0xffffffff);
    for (let e = extra; large.length && e + 4 <= extra + extraLength; e += 4 + view.getUint16(e + 2, true)) {
      if (view.getUint16(e, true) !== 1) continue;
      if (view.getUint16(e + 2, true) < 8 * large.length) fail('a zip64 field is too short');
      for (const [j, key] of large.entries()) place[key] = far(e + 4 + 8 * j);
      break;
    }
    const entryName = new TextDecoder().decode(bytes.subarray(at + 46, extra));
    const crc = view.getUint32(at + 16, true);
    entries.push({ name: entryName, method: view.getUint16(at + 10, true), crc, ...place });
    at = extra + extraLength + view.getUint16(at + 32, true);
  }
  return entries;
}

function contents(bytes: Bytes, { name, method, packed, size, at }: Entry, fail: Fail): Bytes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(at, true) !== 0x04034b50)
    fail(`${quote(name)} is not at the position that the directory of the zip gives`);
  const from = at + 30 + view.getUint16(at + 26, true) + view.getUint16(at + 28, true);
  if (from + packed > bytes.length)
    fail(`truncated: ${quote(name)} ends at byte ${from + packed} of ${bytes.length}`);
  const stored = bytes.subarray(from, from + packed);
  if (method === 0) {
    if (packed !== size) fail(`${quote(name)} claims ${size} bytes, but has ${packed}`);
    return stored;
  }
  if (method !== 8)
    fail(`${quote(name)} is compressed by method ${method}; only stored and deflated entries are supported`);
  const whole = new Uint8Array(size);
  let got = 0;
  const inflate = new Inflate((part) => {
    if (got + part.length > size) fail(`${quote(name)} claims ${size} bytes, but unpacks to more`);
    whole.set(part, got);
    got += part.length;
  });
  for (let i = 0; i < packed; i += pushed) {
    inflate.push(stored.subarray(i, Math.min(i + pushed, packed)), i + pushed >= packed);
  }
  if (got !== size) fail(`${quote(name)} claims ${size} bytes, but unpacks to ${got}`);
  return whole;
}

/** Of each byte, for CRC-32 (ISO 3309; the polynomial 0xedb88320, lowest bits first). */
const crcOfByte = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});
function crc32(bytes: Bytes): number {
  let crc = -1;
  for (const byte of bytes) crc = (crc >>> 8) ^ crcOfByte[(crc ^ byte) & 255]!;
  return ~crc >>> 0;
}
