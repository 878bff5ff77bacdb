/**
 * @file Everything that the numbers of a run depend on, as JSON, so that the checkpoint of another run is refused with
 * an error that names the difference. Nets and data are hashed. Schedules are functions and are compared by their
 * values at the run's steps. Left out: engine and threads, which change no more than rounding, and the student's first
 * weights, which a checkpoint replaces.
 */
import { toJson } from '../../graph/index.ts';
import { type Net, pack } from '../../weights/index.ts';
import { hashed, plain } from '../digest.ts';
import { bind } from '../loss/bind.ts';
import { crossEntropy } from '../loss/cross-entropy.ts';
import type { Loss } from '../loss/loss.ts';
import { type Schedule, scheduleOf } from '../loss/schedule.ts';
import type { Projection } from '../structure/sparse.ts';
import type { Task } from '../task/task.ts';
import { averageOf } from './average.ts';
import { fromJson } from './differences.ts';
import { type TrainerOptions, usualOptimizer, usualRate } from './trainer.ts';
import { tuningIdentity, tuningOf } from './tuning.ts';

/** The options of a run that its numbers depend on. */
export interface RunOptions extends TrainerOptions {
  readonly evaluateEvery?: number;
  readonly growth?: readonly unknown[];
  readonly project?: Projection;
  readonly recipe?: string;
  readonly patience?: number;
}

/** Steps at which a schedule of a longer run is looked at. */
const mostSamples = 4096;

/** The run as a text, equal for equal runs. */
export async function runIdentity(net: Net, task: Task, o: RunOptions): Promise<string> {
  const { steps, batch = 64, seed = 0, form, project, growth, evaluateEvery } = o;
  const tuning = tuningOf(net.graph, o);
  const tuned = tuning && tuningIdentity(net.graph, tuning);
  const { losses } = bind(net.graph, o.losses ?? [crossEntropy()], o, task.examples);
  const optimizer = o.optimizer ?? usualOptimizer();
  const parts = {
    recipe: o.recipe === undefined ? undefined : fromJson(o.recipe),
    ...{ steps, batch, seed },
    student: await hashed([JSON.stringify(toJson(net.graph))]),
    rate: await scheduleIdentity(o.rate ?? usualRate(steps), steps),
    losses: Object.fromEntries(
      await Promise.all(losses.map(async (l) => [l.name, await lossIdentity(l, steps)] as const)),
    ),
    optimizer: {
      name: optimizer.name,
      constants: optimizer.constants ?? optimizer.update,
      slots: optimizer.slots,
      numbers: [1, 2, steps].map((count) => optimizer.numbers(count)),
    },
    teacher: o.teacher && (await netIdentity(o.teacher)),
    teachers: Object.fromEntries(
      await Promise.all(
        Object.entries(o.teachers ?? {}).map(async ([name, t]) => [name, await netIdentity(t)] as const),
      ),
    ),
    trained: tuned && (await hashed([tuned.trained])),
    rates: tuned && (await hashed([tuned.rates])),
    ema: o.ema === undefined ? undefined : averageOf(o.ema),
    form: form && {
      name: form.name,
      parameters: shapesOf(form.parameters),
      constants: form.constants ?? form.through,
    },
    project: project?.name,
    growth: growth?.length ? growth : undefined,
    task: task.name,
    data: task.identity ? await task.identity() : await sampledBatches(task, { steps, batch, seed }),
    evaluateEvery: task.validate ? evaluateEvery : undefined,
    patience: o.patience,
  };
  return JSON.stringify(await plain(parts));
}

const netIdentity = async (net: Net): Promise<string> => {
  const { graphJson, weights } = pack(net);
  return hashed([JSON.stringify(graphJson), weights]);
};

const shapesOf = (parameters: ReadonlyMap<string, { readonly shape: readonly number[] }> = new Map()) =>
  Object.fromEntries([...parameters].map(([name, { shape }]) => [name, shape]));

async function lossIdentity(l: Loss, steps: number): Promise<unknown> {
  const settings = Object.entries(l.settings ?? {});
  return {
    weight: await scheduleIdentity(l.weight, steps),
    ...Object.fromEntries(
      await Promise.all(settings.map(async ([name, v]) => [name, await scheduleIdentity(v, steps)] as const)),
    ),
    reads: await hashed([
      JSON.stringify([l.student, l.teacher, l.targets, l.draws, l.beside, l.besideTeacher?.nodes]),
    ]),
    constants: l.constants ?? l.compute,
    picks: l.picks,
    variables:
      l.variables &&
      Object.fromEntries(Object.entries(l.variables).map(([name, v]) => [name, [v.shape, v.trained]])),
  };
}

/** A number that does not change as itself; else the first value, the last one and a hash of all that are looked at. */
async function scheduleIdentity(schedule: number | Schedule, steps: number): Promise<unknown> {
  const at = scheduleOf(schedule);
  const count = Math.min(steps, mostSamples);
  const stride = count > 1 ? (steps - 1) / (count - 1) : 0;
  const values = Float64Array.from({ length: count }, (_, i) => at(Math.round(i * stride)));
  const [first] = values;
  if (values.every((v) => v === first)) return first;
  return { first, last: values.at(-1), values: await hashed([values]) };
}

/** The first, the middle and the last batches of a run, of a task that does not say what its batches depend on. */
async function sampledBatches(
  task: Task,
  { steps, batch, seed }: { readonly steps: number; readonly batch: number; readonly seed: number },
): Promise<string> {
  const next = task.batches({ batch, seed, steps });
  const parts: (string | ArrayBufferView)[] = [];
  for (const step of new Set([0, 1, steps >> 1, steps - 1])) {
    if (step >= steps) continue;
    const { x, targets, teacherX, images, view } = await next(step);
    parts.push(x, images, `${view}`, ...(teacherX ? [teacherX] : []));
    for (const [name, values] of Object.entries(targets)) parts.push(name, values);
  }
  return hashed(parts);
}
