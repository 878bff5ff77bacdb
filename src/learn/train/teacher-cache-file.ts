/** @file A teacher cache as a file: the cached values of each example, and their keys. */
import { MoonletError } from '../../errors.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../weights/index.ts';
import { memoryCache, type TeacherCache } from './teacher.ts';

/** Files of the former format had images and views for keys, and nothing of what was seen. */
const format = 'moonlet-teacher-cache-2';
/** A key that ends in 64 bits as hexadecimal digits: they are stored as two words. */
const hashKey = /^(.*)\/([0-9a-f]{8})([0-9a-f]{8})$/;

/**
 * A cache as a file's content: the keys and a row of values for each, by what keys have in common and by length. `identity`
 * says what it belongs to: see `teacherIdentity`.
 */
export function packCache(cache: TeacherCache, identity: string): Uint8Array {
  const rooms = new Map<string, [key: string, values: Float32Array][]>();
  for (const [key, values] of cache.entries()) {
    const prefix = hashKey.exec(key)?.[1];
    const room = prefix === undefined ? `${values.length}` : `${values.length}/${prefix}`;
    const rows = rooms.get(room) ?? [];
    rows.push([key, values]);
    rooms.set(room, rows);
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [room, rows] of rooms) {
    const length = Number.parseInt(room, 10);
    const data = new Float32Array(rows.length * length);
    for (const [i, [, values]] of rows.entries()) data.set(values, i * length);
    const keys = rows.map(([key]) => key);
    tensors.set(`keys/${room}`, room.includes('/') ? hashes(keys) : names(keys));
    tensors.set(`values/${room}`, { dtype: 'F32', shape: [rows.length, length], data });
  }
  return writeSafetensors({ tensors, metadata: { format, identity } });
}

/** The hashes that keys end in, [n, 2]. */
function hashes(keys: readonly string[]): StoredTensor {
  const words = keys.flatMap((key) => (hashKey.exec(key) ?? []).slice(2).map((w) => Number.parseInt(w, 16)));
  return { dtype: 'I32', shape: [keys.length, 2], data: Int32Array.from(words, (w) => w | 0) };
}
/** Whole keys as JSON, [bytes]. */
function names(keys: readonly string[]): StoredTensor {
  const bytes = new TextEncoder().encode(JSON.stringify(keys));
  return { dtype: 'U8', shape: [bytes.length], data: bytes };
}

/**
 * The cache in a file's content; an empty one when it belongs to another teacher or to other views, or is of a former format.
 * @throws MoonletError when the file is damaged or another one.
 */
export function unpackCache(bytes: Uint8Array, identity: string, maxBytes?: number): TeacherCache {
  const cache = memoryCache(maxBytes);
  const { tensors, metadata } = readSafetensors(bytes, 'teacher cache');
  if (!metadata['format']?.startsWith('moonlet-teacher-cache'))
    throw new MoonletError('teacher cache: the file is not one of ours');
  if (metadata['format'] !== format || metadata['identity'] !== identity) return cache;
  for (const [name, stored] of tensors) {
    if (!name.startsWith('keys/')) continue;
    const room = name.slice('keys/'.length);
    const values = tensors.get(`values/${room}`)?.data;
    const length = Number.parseInt(room, 10);
    const keys = keysIn(stored, room);
    if (!(values instanceof Float32Array) || values.length !== keys.length * length)
      throw new MoonletError(`teacher cache: the values of length ${length} are damaged; remove the file`);
    keys.forEach((key, i) => {
      cache.set(key, values.subarray(i * length, (i + 1) * length));
    });
  }
  return cache;
}

function keysIn({ data }: StoredTensor, room: string): readonly string[] {
  const cut = room.indexOf('/');
  if (cut >= 0 && data instanceof Int32Array && data.length % 2 === 0)
    return Array.from({ length: data.length / 2 }, (_, i) => {
      const words = data.subarray(2 * i, 2 * i + 2);
      return `${room.slice(cut + 1)}/${Array.from(words, (w) => hexOf(w)).join('')}`;
    });
  try {
    const keys: unknown = cut < 0 && data instanceof Uint8Array && JSON.parse(new TextDecoder().decode(data));
    if (Array.isArray(keys) && keys.every((key) => typeof key === 'string')) return keys;
  } catch {}
  throw new MoonletError('teacher cache: the keys are damaged; remove the file');
}
const hexOf = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
