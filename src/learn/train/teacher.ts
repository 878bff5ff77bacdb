/**
 * @file A teacher's values for a batch. A teacher is frozen, so its values for one view of an image never change and can be
 * kept. The key holds hashes of the teacher, of the wanted values and of the example's own numbers, so that one cache serves
 * runs of any seed, augmentation, data and teacher. Student and teacher always see the same view (a teacher that saw another
 * crop would be inconsistent: Beyer et al. 2021, arXiv:2106.05237).
 */
import { get, item } from '../../access.ts';
import { compile, type EngineOptions } from '../../engine/index.ts';
import { MoonletError, UsageError } from '../../errors.ts';
import { inputShape, printShape, type Shape, sizeOf } from '../../graph/index.ts';
import { type Net, pack } from '../../weights/index.ts';
import { digest } from '../digest.ts';
import type { Batch } from '../task/batches.ts';
import { exampleHash } from './example-hash.ts';

/**
 * A teacher's values, by `teacher/view/example`, where teacher and example are hashes. Its size is bounded: values that do
 * not fit are computed each time.
 */
export interface TeacherCache {
  get(key: string): Float32Array | undefined;
  set(key: string, values: Float32Array): void;
  readonly bytes: number;
  readonly size: number;
  readonly hits: number;
  readonly misses: number;
  entries(): Iterable<readonly [string, Float32Array]>;
}

/** A cache in memory of at most so many bytes; one gibibyte by default. */
export function memoryCache(maxBytes = 2 ** 30): TeacherCache {
  if (!(maxBytes >= 0)) throw new UsageError(`maxBytes must be 0 or more, got ${maxBytes}`);
  const kept = new Map<string, Float32Array>();
  const counts = { bytes: 0, hits: 0, misses: 0 };
  return {
    get: (key) => {
      const found = kept.get(key);
      if (found) counts.hits++;
      else counts.misses++;
      return found;
    },
    set: (key, values) => {
      if (kept.has(key) || counts.bytes + values.byteLength > maxBytes) return;
      kept.set(key, values);
      counts.bytes += values.byteLength;
    },
    get bytes() {
      return counts.bytes;
    },
    get size() {
      return kept.size;
    },
    get hits() {
      return counts.hits;
    },
    get misses() {
      return counts.misses;
    },
    entries: () => kept.entries(),
  };
}

/** A hash of all that a teacher's values depend on: its graph and weights, the wanted values, and how views are made. */
export async function teacherIdentity(teacher: Net, ids: readonly string[], views: unknown): Promise<string> {
  const { graphJson, weights } = pack(teacher);
  return digest([JSON.stringify([graphJson, ids, views]), weights]);
}

export interface Guide {
  readonly shapes: ReadonlyMap<string, Shape>;
  /** The wanted values for a batch, [batch, ...] flat, by node id. */
  of(batch: Batch): Promise<ReadonlyMap<string, Float32Array>>;
  /** The largest difference between what is kept for a batch and what the teacher says now; 0 when nothing is kept. */
  verify(batch: Batch): Promise<number>;
  release(): Promise<void>;
}

/** Where each wanted value of one example stands in the array that is kept of it. */
interface Part {
  readonly id: string;
  readonly from: number;
  readonly size: number;
}

/**
 * A teacher made ready to be asked, with or without a cache.
 * @throws MoonletError, when asked, for examples of another size than the teacher takes.
 */
export async function guide(
  teacher: Net,
  ids: readonly string[],
  { cache, ...engine }: EngineOptions & { readonly cache?: TeacherCache } = {},
): Promise<Guide> {
  const runner = await compile(teacher, { ...engine, values: ids });
  const parts = partsOf(ids, runner.shapes);
  const scope = cache ? (await teacherIdentity(teacher, ids, undefined)).slice(0, 16) : '';
  const size = sizeOf(inputShape(teacher.graph));
  /** Each example's values one after another. */
  const ask = async (x: Float32Array, count: number): Promise<readonly Float32Array[]> =>
    split(await runner.run(x), parts, count);
  /** Keeps the values of those examples, until the cache is full. */
  const keep = (
    into: TeacherCache,
    examples: readonly number[],
    keys: readonly string[],
    values: ReadonlyMap<string, Float32Array>,
  ): void => {
    for (const [key, i] of new Map(examples.map((i) => [item(keys, i), i]))) {
      const { size: before } = into;
      into.set(key, ofExample(values, parts, i));
      if (into.size === before) return;
    }
  };
  const keysOf = ({ images, view }: Batch, examples: readonly Float32Array[]): readonly string[] =>
    examples.map((x, i) => `${scope}/${view}/${exampleHash(images[i]!, x)}`);
  return {
    shapes: runner.shapes,
    release: () => runner.release(),
    of: async (batch) => {
      const examples = examplesOf(teacher, batch);
      if (!cache) return runner.run(batch.teacherX ?? batch.x);
      const keys = keysOf(batch, examples);
      const known = keys.map((key) => cache.get(key));
      const missing = known.flatMap((values, i) => (values ? [] : [i]));
      if (missing.length > keys.length / 2) {
        // to put a batch together of a few kept values would take longer than to compute them again
        const values = await runner.run(batch.teacherX ?? batch.x);
        keep(cache, missing, keys, values);
        return values;
      }
      const fresh = new Map<number, Float32Array>();
      if (missing.length) {
        // one pass over what is missing: other batch sizes give the same values to the last bit or nearly
        const x = new Float32Array(missing.length * size);
        for (const [k, i] of missing.entries()) x.set(item(examples, i), k * size);
        for (const [k, values] of (await ask(x, missing.length)).entries()) {
          const i = item(missing, k);
          fresh.set(i, values);
          cache.set(item(keys, i), values);
        }
      }
      return joined(
        known.map((values, i) => values ?? get(fresh, i)),
        parts,
      );
    },
    verify: async (batch) => {
      const examples = examplesOf(teacher, batch);
      const keys = keysOf(batch, examples);
      let worst = 0;
      for (const [i, values] of (await ask(batch.teacherX ?? batch.x, examples.length)).entries())
        cache?.get(item(keys, i))?.forEach((v, k) => {
          worst = Math.max(worst, Math.abs(v - values[k]!));
        });
      return worst;
    },
  };
}

/** What the teacher sees, example by example. @throws MoonletError when they are of another size. */
function examplesOf({ graph }: Net, { teacherX, x, images }: Batch): readonly Float32Array[] {
  const shape = inputShape(graph);
  const size = sizeOf(shape);
  const seen = teacherX ?? x;
  const count = images.length;
  if (seen.length !== count * size)
    throw new MoonletError(
      `${graph.name}: the teacher takes ${printShape(shape)}, ${size} values, and an example has ${seen.length / count}; give it what it takes`,
    );
  return Array.from({ length: count }, (_, i) => seen.subarray(i * size, (i + 1) * size));
}

function partsOf(ids: readonly string[], shapeById: ReadonlyMap<string, Shape>): readonly Part[] {
  let from = 0;
  return ids.map((id) => {
    const part = { id, from, size: sizeOf(get(shapeById, id)) };
    from += part.size;
    return part;
  });
}

/** The values of one example of a batch, by node, in one array. */
function ofExample(
  values: ReadonlyMap<string, Float32Array>,
  parts: readonly Part[],
  i: number,
): Float32Array {
  const all = new Float32Array(parts.reduce((n, { size }) => n + size, 0));
  for (const { id, from, size } of parts) all.set(get(values, id).subarray(i * size, (i + 1) * size), from);
  return all;
}

/** The values of a batch by node, as one array for each example. */
const split = (
  values: ReadonlyMap<string, Float32Array>,
  parts: readonly Part[],
  count: number,
): readonly Float32Array[] => Array.from({ length: count }, (_, i) => ofExample(values, parts, i));

/** The inverse of `split`. */
const joined = (
  examples: readonly Float32Array[],
  parts: readonly Part[],
): ReadonlyMap<string, Float32Array> =>
  new Map(
    parts.map(({ id, from, size }) => {
      const values = new Float32Array(examples.length * size);
      for (const [i, e] of examples.entries()) values.set(e.subarray(from, from + size), i * size);
      return [id, values];
    }),
  );
