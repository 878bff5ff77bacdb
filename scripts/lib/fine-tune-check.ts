/**
 * @file The first steps of fine-tuning, done by Moonlet and by PyTorch on the same batches, each against PyTorch in float64. PyTorch
 * begins each step with Moonlet's weights and velocities: with batch norm and relu6 rounding grows from step to step, in PyTorch too.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defined, item } from '../../src/access.ts';
import { loadDataset } from '../../src/data/index.ts';
import { toSafetensors } from '../../src/export/index.ts';
import type { Arrays } from '../../src/jit/index.ts';
import { sgd, type Task, tasks } from '../../src/learn/index.ts';
import { firstState, weightsIn } from '../../src/learn/train/index.ts';
import { trainer } from '../../src/learn/train/trainer.ts';
import { float, type Net, type Weights } from '../../src/weights/index.ts';
import { loadNet } from '../../zoo/index.ts';
import type { Job } from './fine-tune-job.ts';
import { table } from './markdown.ts';

/** How far a step in float32 is from the same step in float64: the loss, and the changes of weights and statistics, in norm. */
export interface Apart {
  readonly loss: number;
  readonly weights: number;
  readonly means: number;
  readonly variances: number;
}
export interface StepRow {
  readonly step: number;
  /** In float64. */
  readonly loss: number;
  readonly ours: Apart;
  readonly torch: Apart;
}
export interface ComparedStep extends StepRow {
  readonly agrees: boolean;
}
const kinds = ['loss', 'weights', 'means', 'variances'] as const;
/** Ours may be so many times as far from float64 as PyTorch's float32 is: sums in another order round otherwise. */
const times = 10;
/** And is never refused below this: a few roundings of float32. */
const least = 1e-5;
/** Nor accepted above this. */
const most = 5e-2;

const agrees = ({ ours, torch }: StepRow): boolean =>
  kinds.every((kind) => ours[kind] <= Math.min(most, Math.max(least, times * torch[kind])));

/** Does as many steps as the job has rates. @param ask runs PyTorch's side on a folder. */
export async function comparedSteps(
  job: Job,
  ask: (folder: string) => readonly StepRow[],
): Promise<readonly ComparedStep[]> {
  const folder = join(job.scratch, 'check');
  mkdirSync(folder, { recursive: true });
  const net = loadNet(job.start);
  const preparation = { size: job.size, mean: job.mean, std: job.std, crop: 1 };
  const data = await loadDataset(job.pictures, {
    pictures: { preparation, cacheDir: join(folder, 'decoded') },
  });
  const inner = tasks.classification(data.train, data, { augment: { shift: job.shift, flip: true } });
  // keeps what the net sees for the other side
  const task: Task = {
    ...inner,
    batches: (o) => {
      const next = inner.batches(o);
      return (step) => {
        const batch = next(step);
        writeFileSync(join(folder, `x${step}.bin`), batch.x);
        writeFileSync(join(folder, `labels${step}.bin`), defined(batch.targets['labels'], 'labels'));
        return batch;
      };
    },
  };
  const run = await trainer(net.graph, task, {
    ...{ steps: job.rates.length, batch: job.batch, seed: job.seed, threads: job.threads },
    optimizer: sgd({ momentum: job.momentum, nesterov: true, weightDecay: job.weightDecay }),
    rate: (step) => item(job.rates, step),
  });
  const save = (name: string, weights: Weights): void =>
    writeFileSync(
      join(folder, `${name}.safetensors`),
      toSafetensors({ graph: net.graph, weights }, { names: 'timm' }).weights,
    );
  const losses: number[] = [];
  try {
    let state = firstState(net, run.specs);
    for (const step of job.rates.keys()) {
      const done = await run.run(state, step);
      state = done.state;
      losses.push(done.report.loss);
      save(`after${step}`, weightsIn(net.graph, state));
      save(`velocity${step}`, velocitiesIn(net, state));
    }
  } finally {
    await run.release();
  }
  writeFileSync(join(folder, 'losses.json'), JSON.stringify(losses));
  writeFileSync(join(folder, 'job.json'), JSON.stringify(job));
  return ask(folder).map((row) => ({ ...row, agrees: agrees(row) }));
}

/** What SGD keeps for each weight, in the place of that weight; statistics of norms have none, and stay. */
const velocitiesIn = ({ weights }: Net, state: Arrays): Weights =>
  new Map(
    [...weights].map(([key, weight]) => {
      const velocity = state[`velocity/${key}`];
      return [key, velocity ? float(weight.shape, Float32Array.from(velocity)) : weight];
    }),
  );

export function stepTable(steps: readonly ComparedStep[]): string {
  const cell = (v: number): string => v.toExponential(1);
  const head = ['step', 'loss', ...kinds.flatMap((kind) => [`${kind}, Moonlet`, `${kind}, PyTorch`]), ''];
  const rows = steps.map(({ step, loss, ours, torch, agrees: good }) => [
    ...[String(step), loss.toFixed(5)],
    ...kinds.flatMap((kind) => [cell(ours[kind]), cell(torch[kind])]),
    good ? 'agrees' : 'DIFFERS',
  ]);
  return `Each in float32, from PyTorch in float64, relative\n\n${table([head, ...rows], [])}`;
}
