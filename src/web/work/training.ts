/** @file A run in the worker: its steps and measures are told to the page; it can be stopped, and resumes from its last checkpoint. */

import { fetchNet } from '../../../zoo/web.ts';
import { type Dataset, hold, type Split } from '../../data/in-memory.ts';
import { compile } from '../../engine/index.ts';
import { init, type Net } from '../../index.ts';
import {
  browserCheckpoints,
  evaluate,
  type FitTaskOptions,
  fitTask,
  oneCycle,
  sgd,
  tasks,
} from '../../learn/index.ts';
import { wholeDataset } from './data.ts';
import { trainingRuntime } from './engine.ts';
import { lossesOf } from './methods.ts';
import { nets } from './places.ts';
import { tell } from './rpc.ts';
import { type Attention, attentionOf, tapsOf } from './running.ts';
import { studentGraph } from './students.ts';

export interface Job {
  /** Of the run: its events carry it, and its checkpoints are kept under it. */
  readonly name: string;
  readonly data: string;
  readonly student: string;
  /** A shipped net, and the method by which it teaches; without it the student learns from labels alone. */
  readonly teacher?: { readonly id: string; readonly method: string };
  readonly steps: number;
  readonly batch: number;
  readonly rate: number;
  readonly seed: number;
}
export type TrainingEvent =
  | { readonly kind: 'resumed'; readonly run: string; readonly step: number }
  | {
      readonly kind: 'step';
      readonly run: string;
      readonly step: number;
      readonly loss: number;
      readonly accuracy: number;
      readonly ms: number;
    }
  | {
      readonly kind: 'measured';
      readonly run: string;
      readonly step: number;
      readonly accuracy: number;
      readonly attention: readonly Attention[];
    };
export interface Ended {
  readonly finished: boolean;
  readonly steps: number;
  /** On the test split; only for a run that is finished. */
  readonly accuracy?: number;
  readonly net: Net;
  readonly seconds: number;
}

const heldOut = 1000;
const say = (event: TrainingEvent): void => tell(event);

const held = new WeakMap<Dataset, { readonly train: Split; readonly validation: Split }>();
/** Training images, and those of the training split that measure a run while it goes on. */
export function parts(data: Dataset<Uint8Array>) {
  const found = held.get(data) ?? hold(data.train, heldOut, 1);
  held.set(data, found);
  return found;
}

/** The pixels of one image as the nets' input. */
export const inputOf = ({ test, mean, std, shape }: Dataset<Uint8Array>, index: number): Float32Array => {
  const size = shape[0] * shape[1] * shape[2];
  return Float32Array.from(
    test.pixels.subarray(index * size, (index + 1) * size),
    (byte) => (byte / 255 - Number(mean)) / Number(std),
  );
};

/** Where a net looks on an image. */
export async function attentionsOf(net: Net, x: Float32Array): Promise<readonly Attention[]> {
  const taps = tapsOf(net.graph);
  if (!taps.length) return [];
  const compiled = await compile(net, { values: taps.map(({ id }) => id) });
  const values = await compiled.run(x);
  await compiled.release();
  return taps.map(({ stage, id, shape }) => attentionOf(stage, shape, values.get(id)));
}

/** The image whose attention maps are shown. */
export const shownImage = 7;

interface Run {
  readonly name: string;
  readonly data: Dataset<Uint8Array>;
  readonly signal: AbortSignal;
}

/** Runs a task as `fitTask` does, and tells the page. */
export async function told(
  net: Net,
  { name, data, signal }: Run,
  o: Pick<FitTaskOptions, 'steps'> & Partial<FitTaskOptions>,
) {
  const { train, validation } = parts(data);
  const task = tasks.classification(train, data, {
    augment: { shift: data.name === 'mnist' ? 1 : 0 },
    validation,
  });
  const x = inputOf(data, shownImage);
  let [last, done] = [performance.now(), 0];
  return fitTask(
    net,
    {
      ...task,
      validate: async (now, engine) => {
        const accuracy = (await task.validate?.(now, engine)) ?? 0;
        say({ kind: 'measured', run: name, step: done, accuracy, attention: await attentionsOf(now, x) });
        last = performance.now();
        return accuracy;
      },
    },
    {
      ...o,
      ...trainingRuntime(),
      signal,
      onResume: (step) => {
        done = step;
        say({ kind: 'resumed', run: name, step });
      },
      onStep: ({ step, loss, accuracy = 0 }) => {
        const now = performance.now();
        done = step;
        say({ kind: 'step', run: name, step, loss, accuracy, ms: now - last });
        last = now;
      },
    },
  );
}

let stop = new AbortController();
/** Ends the run after the step that is under way. */
export const stopRun = (): void => stop.abort();
/** The signal of a run that begins now. */
export function signalOfRun(): AbortSignal {
  stop = new AbortController();
  return stop.signal;
}

/** Trains a student, or goes on with it. */
export async function train(job: Job): Promise<Ended> {
  const start = performance.now();
  const signal = signalOfRun();
  const data = await wholeDataset(job.data);
  const { teacher } = job;
  const taught = teacher
    ? { teacher: (await fetchNet(teacher.id, { from: nets })).net, losses: lossesOf(teacher.method) }
    : {};
  const net = init(studentGraph(job.student), { seed: job.seed });
  const { steps, batch, seed } = job;
  const fitted = await told(
    net,
    { name: job.name, data, signal },
    {
      ...{ steps, batch, seed, ...taught },
      optimizer: sgd({ nesterov: true, weightDecay: 5e-4 }),
      rate: oneCycle({ steps, peak: job.rate }),
      evaluateEvery: 50,
      checkpoints: browserCheckpoints(job.name),
      checkpointEvery: 25,
      recipe: JSON.stringify(job),
    },
  );
  const end = { finished: fitted.finished, steps: fitted.history.loss.length, net: fitted.net };
  if (!fitted.finished) return { ...end, seconds: (performance.now() - start) / 1000 };
  const { accuracy } = await evaluate(fitted.net, data.test, data);
  return { ...end, accuracy, seconds: (performance.now() - start) / 1000 };
}
