/**
 * @file What a teacher says of a batch. A teacher is frozen, so what it says of one view of one image never changes: it
 * can be kept, by image and view. Student and teacher always see the same view (a teacher that saw another crop would
 * be inconsistent: Beyer et al. 2021, arXiv:2106.05237).
 */
import { compile, type EngineOptions } from '../engine/index.ts';
import { MoonletError } from '../errors.ts';
import { type Shape, sizeOf } from '../graph/index.ts';
import { type Net, pack, readSafetensors, type StoredTensor, writeSafetensors } from '../weights/index.ts';
import type { Batch } from './batches.ts';

/** What a teacher said, by image and view. Bounded: what does not fit is worked out anew each time. */
export interface TeacherCache {
  get(key: string): Float32Array | undefined;
  set(key: string, values: Float32Array): void;
  readonly bytes: number;
  readonly size: number;
  readonly hits: number;
  readonly misses: number;
  entries(): Iterable<readonly [string, Float32Array]>;
}

/** A cache in memory of at most so many bytes; one gibibyte unless told. */
export function memoryCache(maxBytes = 2 ** 30): TeacherCache {
  const kept = new Map<string, Float32Array>();
  const told = { bytes: 0, hits: 0, misses: 0 };
  return {
    get: (key) => {
      const found = kept.get(key);
      if (found) told.hits++;
      else told.misses++;
      return found;
    },
    set: (key, values) => {
      if (kept.has(key) || told.bytes + values.byteLength > maxBytes) return;
      kept.set(key, values);
      told.bytes += values.byteLength;
    },
    get bytes() {
      return told.bytes;
    },
    get size() {
      return kept.size;
    },
    get hits() {
      return told.hits;
    },
    get misses() {
      return told.misses;
    },
    entries: () => kept.entries(),
  };
}

/**
 * A cache as a file's content: by view, the images and a row of values for each. `identity` says what it belongs to:
 * see `teacherIdentity`.
 */
export function packCache(cache: TeacherCache, identity: string): Uint8Array {
  const byView = new Map<string, [image: number, values: Float32Array][]>();
  for (const [key, values] of cache.entries()) {
    const [image, view = ''] = key.split('/');
    const rows = byView.get(view) ?? [];
    rows.push([Number(image), values]);
    byView.set(view, rows);
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [view, rows] of byView) {
    const length = rows[0]?.[1].length ?? 0;
    const data = new Float32Array(rows.length * length);
    for (const [i, [, values]] of rows.entries()) data.set(values, i * length);
    const images = Int32Array.from(rows, ([image]) => image);
    tensors.set(`images/${view}`, { dtype: 'I32', shape: [rows.length], data: images });
    tensors.set(`values/${view}`, { dtype: 'F32', shape: [rows.length, length], data });
  }
  return writeSafetensors({ tensors, metadata: { format: 'moonlet-teacher-cache', identity } });
}

/** The cache in a file's content; an empty one when it belongs to another teacher or to other views. */
export function unpackCache(bytes: Uint8Array, identity: string, maxBytes?: number): TeacherCache {
  const cache = memoryCache(maxBytes);
  const { tensors, metadata } = readSafetensors(bytes, 'teacher cache');
  if (metadata['format'] !== 'moonlet-teacher-cache')
    throw new MoonletError('teacher cache: the file is not one of ours');
  if (metadata['identity'] !== identity) return cache;
  for (const [name, images] of tensors) {
    const [kind, view] = name.split('/');
    const values = tensors.get(`values/${view}`);
    const length = values?.shape[1] ?? 0;
    if (kind !== 'images' || !values) continue;
    images.data.forEach((image, i) => {
      cache.set(`${image}/${view}`, (values.data as Float32Array).subarray(i * length, (i + 1) * length));
    });
  }
  return cache;
}

/** A hash of all that a teacher's words depend on: its graph and weights, the wanted values, and how views are made. */
export async function teacherIdentity(teacher: Net, ids: readonly string[], views: unknown): Promise<string> {
  const { graphJson, weights } = pack(teacher);
  const text = new TextEncoder().encode(JSON.stringify([graphJson, ids, views]));
  const all = new Uint8Array(text.length + weights.length);
  all.set(text);
  all.set(weights, text.length);
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', all));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export interface Guide {
  readonly shapes: ReadonlyMap<string, Shape>;
  /** The wanted values for a batch, [batch, ...] flat, by node id. */
  of(batch: Batch): Promise<ReadonlyMap<string, Float32Array>>;
  /** The largest difference between what is kept for a batch and what the teacher says now; 0 when nothing is kept. */
  verify(batch: Batch): Promise<number>;
  release(): Promise<void>;
}

/** A teacher made ready to be asked, with or without a cache. */
export async function guide(
  teacher: Net,
  ids: readonly string[],
  { cache, ...engine }: EngineOptions & { readonly cache?: TeacherCache } = {},
): Promise<Guide> {
  const runner = await compile(teacher, { ...engine, values: ids });
  const sizes = ids.map((id) => sizeOf(runner.shapes.get(id) as Shape));
  const length = sizes.reduce((a, b) => a + b, 0);
  const keyOf = (batch: Batch, i: number): string => `${batch.images[i]}/${batch.view}`;

  /** Each example's values one after another. */
  const ask = async (x: Float32Array, count: number): Promise<Float32Array[]> => {
    const values = await runner.run(x);
    return Array.from({ length: count }, (_, i) => {
      const all = new Float32Array(length);
      let at = 0;
      ids.forEach((id, k) => {
        const n = sizes[k] as number;
        all.set((values.get(id) as Float32Array).subarray(i * n, (i + 1) * n), at);
        at += n;
      });
      return all;
    });
  };
  const joined = (examples: readonly Float32Array[]): ReadonlyMap<string, Float32Array> => {
    let at = 0;
    return new Map(
      ids.map((id, k) => {
        const n = sizes[k] as number;
        const values = new Float32Array(examples.length * n);
        for (const [i, e] of examples.entries()) values.set(e.subarray(at, at + n), i * n);
        at += n;
        return [id, values];
      }),
    );
  };
  return {
    shapes: runner.shapes,
    release: () => runner.release(),
    of: async (batch) => {
      const seen = batch.teacherX ?? batch.x;
      if (!cache) return runner.run(seen);
      const count = batch.images.length;
      const example = seen.length / count;
      const kept = Array.from({ length: count }, (_, i) => cache.get(keyOf(batch, i)));
      const missing = kept.flatMap((k, i) => (k ? [] : [i]));
      if (missing.length) {
        // one pass over what is missing: other batch sizes give the same values to the last bit or nearly
        const x = new Float32Array(missing.length * example);
        for (const [k, i] of missing.entries()) {
          x.set(seen.subarray(i * example, (i + 1) * example), k * example);
        }
        const said = await ask(x, missing.length);
        for (const [k, i] of missing.entries()) {
          kept[i] = said[k];
          cache.set(keyOf(batch, i), said[k] as Float32Array);
        }
      }
      return joined(kept as Float32Array[]);
    },
    verify: async (batch) => {
      const count = batch.images.length;
      const fresh = await ask(batch.teacherX ?? batch.x, count);
      let worst = 0;
      fresh.forEach((values, i) => {
        const kept = cache?.get(keyOf(batch, i));
        kept?.forEach((v, k) => {
          worst = Math.max(worst, Math.abs(v - (values[k] as number)));
        });
      });
      return worst;
    },
  };
}
