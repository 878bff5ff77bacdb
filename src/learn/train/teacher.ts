/**
 * @file What a teacher says of a batch. A teacher is frozen, so what it says of one image as it is shown never changes: it
 * can be kept, by image and view. Hashes of the teacher with the wanted values and of the example's own numbers are part of
 * the key, so that a cache may serve runs of any seed, augmentation, data and teacher, and is never wrong. Student and teacher always see
 * the same view (a teacher that saw another crop would be inconsistent: Beyer et al. 2021, arXiv:2106.05237).
 */
import { compile, type EngineOptions } from '../../engine/index.ts';
import { MoonletError, UsageError } from '../../errors.ts';
import { inputShape, printShape, type Shape, sizeOf } from '../../graph/index.ts';
import { type Net, pack } from '../../weights/index.ts';
import { digest } from '../digest.ts';
import type { Batch } from '../task/batches.ts';
import { exampleHash } from './example-hash.ts';

/** What a teacher said, by `teacher/view/example`, where teacher and example are hashes. Bounded: what does not fit is worked out anew each time. */
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
  if (!(maxBytes >= 0)) throw new UsageError(`maxBytes must be 0 or more, got ${maxBytes}`);
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

/** A hash of all that a teacher's words depend on: its graph and weights, the wanted values, and how views are made. */
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
  const sizes = ids.map((id) => sizeOf(runner.shapes.get(id) as Shape));
  const length = sizes.reduce((a, b) => a + b, 0);
  const scope = cache ? (await teacherIdentity(teacher, ids, undefined)).slice(0, 16) : '';
  const shape = inputShape(teacher.graph);
  const size = sizeOf(shape);
  /** What the teacher sees, example by example. */
  const examplesOf = (batch: Batch): readonly Float32Array[] => {
    const seen = batch.teacherX ?? batch.x;
    const count = batch.images.length;
    if (seen.length !== count * size)
      throw new MoonletError(
        `${teacher.graph.name}: the teacher takes ${printShape(shape)}, ${size} values, and an example has ${seen.length / count}; give it what it takes`,
      );
    return Array.from({ length: count }, (_, i) => seen.subarray(i * size, (i + 1) * size));
  };

  const keyOf = ({ images, view }: Batch, i: number, x: Float32Array): string =>
    `${scope}/${view}/${exampleHash(images[i]!, x)}`;

  /** Each example's values one after another. */
  const ask = async (x: Float32Array, count: number): Promise<Float32Array[]> => {
    const values = await runner.run(x);
    return Array.from({ length: count }, (_, i) => {
      const all = new Float32Array(length);
      let at = 0;
      ids.forEach((id, k) => {
        const n = sizes[k]!;
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
        const n = sizes[k]!;
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
      const examples = examplesOf(batch);
      if (!cache) return runner.run(batch.teacherX ?? batch.x);
      const keys = examples.map((x, i) => keyOf(batch, i, x));
      const kept = keys.map((key) => cache.get(key));
      const missing = kept.flatMap((k, i) => (k ? [] : [i]));
      if (missing.length) {
        // one pass over what is missing: other batch sizes give the same values to the last bit or nearly
        const x = new Float32Array(missing.length * size);
        for (const [k, i] of missing.entries()) x.set(examples[i] as Float32Array, k * size);
        const said = await ask(x, missing.length);
        for (const [k, i] of missing.entries()) {
          kept[i] = said[k];
          cache.set(keys[i] as string, said[k] as Float32Array);
        }
      }
      return joined(kept as Float32Array[]);
    },
    verify: async (batch) => {
      const examples = examplesOf(batch);
      const fresh = await ask(batch.teacherX ?? batch.x, examples.length);
      let worst = 0;
      fresh.forEach((values, i) => {
        const kept = cache?.get(keyOf(batch, i, examples[i] as Float32Array));
        kept?.forEach((v, k) => {
          worst = Math.max(worst, Math.abs(v - values[k]!));
        });
      });
      return worst;
    },
  };
}
