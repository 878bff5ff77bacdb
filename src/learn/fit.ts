/** @file Training: one loop for plain fitting and for distillation, seeded, resumable to the same numbers. */
import type { Split } from '../data/index.ts';
import { compile, type EngineOptions, prepare } from '../engine/index.ts';
import { MoonletError, UsageError } from '../errors.ts';
import { toJson } from '../graph/index.ts';
import type { Arrays } from '../jit/index.ts';
import { random } from '../random.ts';
import type { Net } from '../weights/index.ts';
import { type Augment, batches, type Scale } from './batches.ts';
import { type CheckpointStore, type History, packCheckpoint, unpackCheckpoint } from './checkpoint.ts';
import { crossEntropy } from './cross-entropy.ts';
import { evaluate } from './evaluate.ts';
import type { Loss, LossMaker } from './loss.ts';
import { type Optimizer, sgd } from './optimizer.ts';
import { oneCycle, type Schedule, scheduleOf } from './schedule.ts';
import { firstState, step as makeStep, weightsIn } from './step.ts';

export interface FitOptions extends EngineOptions {
  readonly steps: number;
  /** 64 unless told. */
  readonly batch?: number;
  readonly seed?: number;
  /** Weighted and added up; plain cross-entropy unless told. */
  readonly losses?: readonly LossMaker[];
  /** SGD with momentum 0.9 and Nesterov, weight decay 5e-4, unless told. */
  readonly optimizer?: Optimizer;
  /** The learning rate; one cycle with peak 0.1 unless told. */
  readonly rate?: number | Schedule;
  readonly augment?: Augment;
  /** The net whose values the losses may read. It is frozen. */
  readonly teacher?: Net;
  /** Nodes whose weights are trained; all unless told. */
  readonly trained?: (node: string) => boolean;
  /** Held-out examples for periodic evaluation. */
  readonly validation?: Split;
  /** Steps between evaluations; a tenth of the run unless told. */
  readonly evaluateEvery?: number;
  /** Which weights come back: the last ones (unless told), or those that did best on the held-out part. */
  readonly keep?: 'last' | 'best';
  readonly checkpoints?: CheckpointStore;
  /** Steps between checkpoints; 100 unless told. */
  readonly checkpointEvery?: number;
  /** Says what the run is, so that a checkpoint of another is refused. */
  readonly recipe?: string;
  /** Stops after the step under way, with a checkpoint saved. */
  readonly signal?: AbortSignal;
  readonly onStep?: (at: StepReport) => void;
  readonly onValidation?: (step: number, accuracy: number) => void;
  readonly onResume?: (step: number) => void;
}
export interface StepReport {
  /** Steps done, 1 .. steps. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  /** Each loss by name, before its weight. */
  readonly losses: Readonly<Record<string, number>>;
  /** The share of this batch that was guessed right, with the weights before the step. */
  readonly accuracy: number;
  readonly rate: number;
}
export interface Fitted {
  readonly net: Net;
  readonly history: History;
  /** False when a signal stopped it before its last step. */
  readonly finished: boolean;
}

/**
 * Train a net on a split. The last partial batch of an epoch is dropped; weight decay spares norms and biases.
 * With `checkpoints` it resumes where it stopped, and ends with the numbers of an unbroken run.
 * @throws MoonletError before the first step when nets, data and losses do not fit together.
 */
export async function fit(net: Net, train: Split, scale: Scale, o: FitOptions): Promise<Fitted> {
  const {
    steps,
    batch = 64,
    seed = 0,
    teacher,
    checkpoints,
    checkpointEvery = 100,
    validation,
    keep = 'last',
  } = o;
  if (!Number.isInteger(steps) || steps < 1)
    throw new UsageError(`steps must be a whole number from 1 up, got ${steps}`);
  if (keep === 'best' && !validation)
    throw new UsageError('keeping the best weights needs held-out examples ("validation")');
  const { graph } = net;
  const engine: EngineOptions = { engine: o.engine ?? 'onnxruntime', threads: o.threads ?? 1 };
  const losses = (o.losses ?? [crossEntropy()]).map((make) =>
    make({ student: graph, teacher: teacher?.graph }),
  );
  const optimizer = o.optimizer ?? sgd({ nesterov: true, weightDecay: 5e-4 });
  const rate = scheduleOf(o.rate ?? oneCycle({ steps, peak: 0.1 }));
  const evaluateEvery = o.evaluateEvery ?? Math.max(1, Math.ceil(steps / 10));
  const recipe = o.recipe ?? JSON.stringify({ steps, batch, seed, graph: toJson(graph) });
  const next = batches(train, scale, { batch, seed, ...(o.augment ? { augment: o.augment } : {}) });

  const wanted = [...new Set(losses.flatMap((l) => l.teacher ?? []))];
  const guide = teacher && wanted.length ? await compile(teacher, { ...engine, values: wanted }) : undefined;
  const plan = makeStep({
    graph,
    losses,
    optimizer,
    batch,
    ...(guide ? { teacher: guide.shapes } : {}),
    ...(o.trained ? { trained: o.trained } : {}),
  });
  const runner = await prepare(plan.fn, plan.specs, engine);
  try {
    let state: Arrays = firstState(net, plan.specs.state);
    let history: { loss: number[]; validation: [number, number][] } = { loss: [], validation: [] };
    const stored = await checkpoints?.load('last');
    if (stored) {
      const found = unpackCheckpoint(stored, plan.specs.state, recipe);
      state = found.state;
      history = structuredClone(found.progress.history) as typeof history;
      o.onResume?.(found.progress.step);
    }
    const save = async (name: 'last' | 'best'): Promise<void> =>
      checkpoints?.save(
        name,
        packCheckpoint(state, plan.specs.state, { step: history.loss.length, recipe, history }),
      );
    let best = bestOf(history.validation) ?? 0;
    let bestState: Arrays | undefined;
    while (history.loss.length < steps && !o.signal?.aborted) {
      const at = history.loss.length;
      const { x, labels } = next(at);
      const inputs: Record<string, Float32Array | Int32Array> = {
        x,
        labels,
        rate: scalar(rate(at)),
      };
      for (const [name, value] of Object.entries(optimizer.numbers(at + 1)))
        inputs[`optimizer/${name}`] = scalar(value);
      for (const l of losses) setLoss(inputs, l, at);
      for (const [id, value] of guide ? await guide.run(x) : []) inputs[`teacher/${id}`] = value;
      for (const [id, shape] of plan.noise) inputs[`noise/${id}`] = noise(shape, seed, at, id);
      const done = await runner.run(state, inputs);
      const read = (key: string): number => Number(done.outputs[key]?.[0]);
      if (!Number.isFinite(read('loss'))) {
        throw new MoonletError(
          `step ${at + 1}: the loss is ${read('loss')}; lower the learning rate or check the data`,
        );
      }
      state = done.state;
      history.loss.push(read('loss'));
      o.onStep?.({
        step: at + 1,
        steps,
        loss: read('loss'),
        losses: Object.fromEntries(losses.map((l) => [l.name, read(`loss/${l.name}`)])),
        accuracy: read('correct') / batch,
        rate: rate(at),
      });
      if (validation && ((at + 1) % evaluateEvery === 0 || at + 1 === steps)) {
        const { accuracy } = await evaluate(
          { graph, weights: weightsIn(graph, state) },
          validation,
          scale,
          engine,
        );
        history.validation.push([at + 1, accuracy]);
        o.onValidation?.(at + 1, accuracy);
        if (accuracy > best) {
          best = accuracy;
          bestState = state;
          await save('best');
        }
      }
      if ((at + 1) % checkpointEvery === 0 || at + 1 === steps) await save('last');
    }
    const finished = history.loss.length >= steps;
    if (!finished) await save('last');
    if (keep === 'best' && finished)
      state = bestState ?? (await storedBest(checkpoints, plan.specs.state, recipe)) ?? state;
    return { net: { graph, weights: weightsIn(graph, state) }, history, finished };
  } finally {
    await runner.release();
    await guide?.release();
  }
}

const scalar = (value: number): Float32Array => Float32Array.of(value);
const bestOf = (validation: History['validation']): number | undefined =>
  validation.length ? Math.max(...validation.map(([, accuracy]) => accuracy)) : undefined;

async function storedBest(
  store: CheckpointStore | undefined,
  specs: Parameters<typeof unpackCheckpoint>[1],
  recipe: string,
) {
  const bytes = await store?.load('best');
  return bytes && unpackCheckpoint(bytes, specs, recipe).state;
}

/** A loss's weight and settings at a step. */
function setLoss(inputs: Record<string, Float32Array | Int32Array>, l: Loss, at: number): void {
  inputs[`loss/${l.name}`] = scalar(scheduleOf(l.weight)(at));
  for (const [name, value] of Object.entries(l.settings ?? {})) {
    inputs[`setting/${l.name}/${name}`] = scalar(scheduleOf(value)(at));
  }
}

/** Uniform noise of a node at a step: a function of the seed, so that a resumed run sees the same. */
function noise(shape: readonly number[], seed: number, at: number, id: string): Float32Array {
  const source = random('noise', seed, at, id);
  return Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, source.uniform);
}
