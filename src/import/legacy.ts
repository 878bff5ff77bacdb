/**
 * @file PyTorch's format of before 1.6 (`torch.save` with `_use_new_zipfile_serialization=False` still writes it): one
 * pickle after another (a magic number, the version 1001, what the machine was, the value, the keys of its storages), then
 * each storage in the order of the keys: how many values it has (8 bytes), and these, little-endian on every machine.
 */
import { MoonletError, quote } from '../errors.ts';
import { type Bytes, type WeightFile, widthOf } from './file.ts';
import { unpickleAt } from './pickle.ts';
import { dtypeOf, fileOf } from './pytorch.ts';

/** 0x1950a86a20f9469cfc6c as LONG1, and STOP. */
const magic = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
const version = 1001;
/** PROTO and its number; from protocol 4 on a FRAME and its length stand between these and the number. */
const preludes = [2, 11];

const magicEnd = (bytes: Bytes): number | undefined => {
  const start = preludes.find((at) => bytes[0] === 0x80 && magic.every((b, i) => bytes[at + i] === b));
  return start === undefined ? undefined : start + magic.length;
};
export const isLegacy = (bytes: Bytes): boolean => magicEnd(bytes) !== undefined;

/** @throws MoonletError that says what is wrong with the file. */
export function readLegacy(bytes: Bytes, name: string, maxBytes: number): WeightFile {
  const fail = (reason: string): never => {
    throw new MoonletError(`${name}: ${reason}`);
  };
  const written = unpickleAt(bytes, name, magicEnd(bytes) ?? fail('does not begin like a PyTorch file'));
  if (written.value !== version)
    fail(`written as version ${String(written.value)}; only ${version} is supported`);
  const machine = unpickleAt(bytes, name, written.end);
  const { value, end, storages } = unpickleAt(bytes, name, machine.end);
  const keys = unpickleAt(bytes, name, end);
  if (!Array.isArray(keys.value)) return fail('has no list of storages; the file is damaged');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const held = new Map<string, Bytes>();
  let at = keys.end;
  for (const key of keys.value) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage || held.has(storage.key))
      return fail('lists a storage twice, or one that no tensor has; the file is damaged');
    const which = `the storage ${quote(storage.key)}`;
    if (at + 8 > bytes.length) fail(`truncated: ${which} begins at byte ${at} of ${bytes.length}`);
    const size = view.getBigUint64(at, true);
    if (size !== BigInt(storage.size))
      fail(`${which} has ${size} values, but its tensors give ${storage.size}; the file is damaged`);
    const from = at + 8;
    at = from + storage.size * widthOf(dtypeOf(storage.type));
    if (at > bytes.length) fail(`truncated: ${which} ends at byte ${at} of ${bytes.length}`);
    held.set(storage.key, bytes.subarray(from, at));
  }
  if (at !== bytes.length) fail(`${bytes.length - at} bytes belong to no storage; the file is damaged`);
  return fileOf(value, (key) => held.get(key), name, maxBytes);
}
