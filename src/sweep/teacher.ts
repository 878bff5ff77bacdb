/**
 * @file A teacher's outputs, computed once for all trials that show the teacher the same views of the same examples. They are read
 * whole by every trial, and never added to, so that no number depends on which trial came first.
 */
import { createHash } from 'node:crypto';
import { classification } from '../learn/task/index.ts';
import type { FitTaskOptions } from '../learn/train/index.ts';
import { guide, memoryCache, teacherIdentity } from '../learn/train/teacher.ts';
import { packCache, unpackCache } from '../learn/train/teacher-cache-file.ts';
import { teachersOf } from '../learn/train/teachers.ts';
import { boundFor } from '../learn/train/trainer.ts';
import type { Ready } from '../run/classify.ts';
import { fitOptions } from '../run/fit-options.ts';
import { computedOnce, type OnceOptions } from './once.ts';
import type { Store } from './store.ts';

/** At most so many bytes of outputs are shared. */
const mostBytes = 2 ** 31;

/**
 * The shared cache of a recipe's teacher, as an option of `fit`; nothing where the views of each epoch are new ones (no `views`), or
 * labels are mixed. The first trial that needs the outputs computes them; those that begin meanwhile wait for it, and one of
 * them takes over if it dies.
 */
export async function sharedTeacher(
  ready: Ready,
  store: Store,
  o: OnceOptions = {},
): Promise<Pick<FitTaskOptions, 'teacherCache'>> {
  const { recipe, teacher, engine, student } = ready;
  const { views } = recipe;
  if (!teacher || views === undefined || recipe.stages || ready.teacherData || ready.pictures) return {};
  const options = await fitOptions(recipe, ready.context);
  if (!options.teacherCache) return {};
  const { train } = await ready.images(() => {});
  if (!('pixels' in train)) return {};
  const task = classification(train, ready.scale, options);
  const bound = boundFor(student.graph, task, { ...options, teacher, teachers: ready.teachers });
  const asks = teachersOf(bound.losses, { teacher }).at(0);
  if (!asks) return {};
  const { augment, viewSeed, seed, limit, validation, data } = recipe;
  const about = { augment, views, viewSeed: viewSeed ?? seed, limit, validation, data };
  const identity = await teacherIdentity(asks.teacher, asks.ids, about);
  const key = `teachers/${createHash('sha256').update(identity).digest('hex').slice(0, 24)}.safetensors`;
  const bytes = await computedOnce(
    store,
    key,
    async (alive) => {
      const cache = memoryCache(mostBytes);
      const batch = divisorOf(train.count);
      const perEpoch = train.count / batch;
      const steps = views * perEpoch;
      const next = task.batches({ batch, seed: 0, steps });
      const asked = await guide(asks.teacher, asks.ids, { ...engine, cache });
      try {
        for (let step = 0; step < steps; step++) {
          if (o.signal?.aborted) return undefined;
          await asked.of(await next(step));
          await alive();
        }
      } finally {
        await asked.release();
      }
      return packCache(cache, identity);
    },
    o,
  );
  return bytes ? { teacherCache: unpackCache(bytes, identity, mostBytes) } : {};
}

/** The largest batch up to 256 that divides the examples, so that none is left out. */
function divisorOf(count: number): number {
  for (let n = Math.min(256, count); n > 1; n--) if (count % n === 0) return n;
  return 1;
}
