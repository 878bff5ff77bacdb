/** @file Training: one loop for fitting, distillation and growth in mid-run, seeded, and resumable to the same numbers. */

import { checkNet } from '../../edit/options.ts';
import { UsageError } from '../../errors.ts';
import type { Net } from '../../weights/index.ts';
import { withBeside } from '../loss/bind.ts';
import { checkCount, checkSeed } from '../options.ts';
import type { Projection } from '../structure/sparse.ts';
import type { Scale } from '../task/scale.ts';
import { type ClassificationOptions, classification, type Task, type TrainingImages } from '../task/task.ts';
import { floatsAt } from '../tensors.ts';
import { bestSince, outOfPatience, storedBest } from './best.ts';
import { type CheckpointName, type CheckpointStore, packCheckpoint, unpackCheckpoint } from './checkpoint.ts';
import { turns } from './event-loop.ts';
import { checkGrowth, type Growing, grownTo, growRun, type Run } from './growing.ts';
import { runIdentity } from './identity.ts';
import type { History } from './progress.ts';
import { firstState, parametersIn, weightsIn } from './state.ts';
import { engineOf, type StepReport, type TrainerOptions, trainer } from './trainer.ts';

export type { Growing } from './growing.ts';
export type { StepReport } from './trainer.ts';

export interface FitTaskOptions extends TrainerOptions {
  /** Steps between evaluations; by default a tenth of the run. */
  readonly evaluateEvery?: number;
  /**
   * Ends the run when the measure of the held-out examples has not got better in so many evaluations, one after another, all
   * after the last growth. The rate keeps the schedule of the whole run: a constant rate, or one with `keep: 'best'`, goes best
   * with it.
   */
  readonly patience?: number;
  /** Which weights are returned: the last ones (the default), or the best on the held-out examples since the last growth. */
  readonly keep?: 'last' | 'best';
  /** When and how the net grows, in order of steps. */
  readonly growth?: readonly Growing[];
  /** Changes the weights after each step, such as by setting more and more of them to zero (`gradually`). */
  readonly project?: Projection;
  readonly checkpoints?: CheckpointStore;
  /** Steps between checkpoints; 100 by default. */
  readonly checkpointEvery?: number;
  /** A text that identifies the run, such as its recipe as JSON: a checkpoint of a run with another one is refused. */
  readonly recipe?: string;
  /** When aborted, the run stops after the current step and saves a checkpoint. */
  readonly signal?: AbortSignal;
  readonly onStep?: (at: StepReport) => void;
  /** The task's measure of what is held out: for classes, accuracy. */
  readonly onValidation?: (step: number, measure: number) => void;
  readonly onResume?: (step: number) => void;
  /** Called before the first step with what the losses chose for the pair, such as adapters. */
  readonly onNotes?: (notes: readonly string[]) => void;
}
export interface FitOptions extends FitTaskOptions, ClassificationOptions {}
export interface Fitted {
  readonly net: Net;
  /** The net together with the nodes that were trained beside it: branches, a booster, adapters. */
  readonly whole: Net;
  readonly history: History;
  /** False when a signal stopped the run before its end. */
  readonly finished: boolean;
  /** Whether `patience` ended the run before its last step. */
  readonly endedEarly: boolean;
  /** With `ema`: the net with the weights of the same step that are no average. */
  readonly raw?: Net;
}

/**
 * Trains a classifier on a split, by default with cross-entropy, SGD and a one-cycle learning rate. What a net sees of an image
 * is x = (byte / 255 - mean) / std, or (float - mean) / std, per channel.
 *
 * @param net is not changed; the trained net is `net` of the result.
 * @param train images [h, w, c] and labels, such as `data.train`; or pictures that are read when they are needed, such as
 * `await set.source()` of a `pictureSet`.
 * @param scale shape, mean and std of the images, such as the dataset itself.
 * @throws MoonletError before the first step when net, data and losses do not fit; UsageError for options out of range.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { evaluate, fit } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const tiny = (channels: number) =>
 *   init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(channels).norm().relu()).globalPool().dense(4)));
 * const { net, history } = await fit(tiny(8), data.train, data, { steps: 10, batch: 8, rate: 0.05 });
 * history.loss.length; // 10
 * (await evaluate(net, data.test, data)).n; // 32
 */
export async function fit(net: Net, train: TrainingImages, scale: Scale, o: FitOptions): Promise<Fitted> {
  checkNet('fit', net);
  return fitTask(net, classification(train, scale, o), o);
}

/**
 * Trains a net for a task. The last partial batch of an epoch is dropped; weight decay does not apply to norms and biases.
 * With `checkpoints` a run that was stopped resumes, and ends with the numbers of an unbroken run; a checkpoint of a run with
 * other options, data or teachers is refused (`runIdentity` says what counts).
 * @throws MoonletError before the first step when nets, data, task and losses do not fit together; UsageError for options
 * out of range.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { fitTask, losses, tasks } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const tiny = (channels: number) =>
 *   init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(channels).norm().relu()).globalPool().dense(4)));
 * const task = tasks.classification(data.train, data, { augment: { shift: 1, flip: true } });
 * const { finished } = await fitTask(tiny(8), task, { steps: 5, batch: 8, losses: [losses.crossEntropy()] });
 * finished; // true
 */
export async function fitTask(net: Net, task: Task, o: FitTaskOptions): Promise<Fitted> {
  const { steps, seed = 0, checkpoints, checkpointEvery = 100, keep = 'last', form } = o;
  const averaged = o.ema !== undefined;
  checkOptions(task, o);
  const growth = [...(o.growth ?? [])].sort((a, b) => a.at - b.at);
  const evaluateEvery = o.evaluateEvery ?? Math.max(1, Math.ceil(steps / 10));
  checkGrowth(net, task, growth, o);
  const id = checkpoints ? await runIdentity(net, task, { ...o, evaluateEvery }) : '';
  const stored = await checkpoints?.load('last');
  const from = stored ? unpackCheckpoint(stored, {}, id).progress.step : 0;
  // the graph after the growth that is done by then; its weights are those of the checkpoint, or the net's own
  const grown = growth.filter((g) => g.at < from);
  const { net: start, fresh } = grownTo(net, grown, seed);
  const first = await trainer(start.graph, task, o, fresh);
  o.onNotes?.(first.notes);
  const run: Run = {
    ...{
      id,
      averaged,
      net: start,
      trainer: first,
      fresh,
      best: undefined,
      history: { loss: [], validation: [] },
    },
    state: firstState(withBeside(start, first.graph, seed), first.specs, form, first.variables),
  };
  try {
    if (stored && checkpoints) {
      await restore(run, stored, { checkpoints, from, since: grown.at(-1)?.at ?? 0 });
      o.onResume?.(from);
    }
    const project = o.project?.begin((key) => floatsAt(run.state, `weight/${key}`));
    const ends = (): boolean => run.history.loss.length >= steps || outOfPatience(run.history, o);
    const turn = turns();
    while (!ends() && !o.signal?.aborted) {
      const at = run.history.loss.length;
      for (const [i, g] of growth.entries()) if (g.at === at) await growRun(run, g, seed + i, task, o);
      const done = await run.trainer.run(run.state, at);
      run.state = done.state;
      project?.(at + 1);
      run.history.loss.push(done.report.loss);
      o.onStep?.(done.report);
      await turn();
      const evaluates = (at + 1) % evaluateEvery === 0 || at + 1 === steps;
      const improved = evaluates && (await validated(run, task, o));
      const isLast = ends();
      if (improved || (at + 1) % checkpointEvery === 0 || isLast) await save(run, 'last', checkpoints);
      if (improved) await save(run, 'best', checkpoints);
    }
    const finished = ends();
    if (!finished) await save(run, 'last', checkpoints);
    if (keep === 'best' && finished && run.best) run.state = run.best.state;
    const { graph } = run.trainer;
    const whole: Net = { graph, weights: weightsIn(graph, run.state, averaged) };
    const endedEarly = finished && run.history.loss.length < steps;
    const raw = averaged ? { raw: settled({ ...run, averaged: false }, form) } : {};
    return { net: settled(run, form), whole, history: run.history, finished, endedEarly, ...raw };
  } finally {
    await run.trainer.release();
  }
}

function weightsOf({ net: { graph }, state, averaged, trainer }: Run): Net {
  const net: Net = { graph, weights: weightsIn(graph, state, averaged) };
  if (trainer.graph === graph) return net;
  return trainer.merged(net, { graph: trainer.graph, weights: weightsIn(trainer.graph, state, averaged) });
}
/** The trained net as it would be returned now. */
const settled = (run: Run, form: FitTaskOptions['form']): Net =>
  form ? form.settle(weightsOf(run), parametersIn(form, run.state, run.averaged)) : weightsOf(run);

const save = async (run: Run, name: CheckpointName, store: CheckpointStore | undefined): Promise<void> =>
  store?.save(
    name,
    packCheckpoint(run.state, run.trainer.specs, {
      ...{ step: run.history.loss.length, recipe: run.id, history: run.history },
    }),
  );

/** The run as its last checkpoint has it. */
async function restore(
  run: Run,
  stored: Uint8Array,
  o: { readonly checkpoints: CheckpointStore; readonly from: number; readonly since: number },
): Promise<void> {
  const { specs } = run.trainer;
  const { state, progress } = unpackCheckpoint(stored, specs, run.id);
  run.state = state;
  run.history.loss.push(...progress.history.loss);
  for (const [step, measure] of progress.history.validation) run.history.validation.push([step, measure]);
  const mark = bestSince(run.history, o.since);
  run.best = await storedBest(o.checkpoints, { mark, from: o.from, state }, specs, run.id);
  // a run that ended between the two files has the best weights in the first alone
  if (run.best?.step === o.from) await save(run, 'best', o.checkpoints);
}

/** Evaluates on the held-out examples, if there are any, and says whether the run is at its best. */
async function validated(run: Run, task: Task, o: FitTaskOptions): Promise<boolean> {
  if (!task.validate) return false;
  const step = run.history.loss.length;
  const measure = await task.validate(settled(run, o.form), engineOf(o));
  run.history.validation.push([step, measure]);
  o.onValidation?.(step, measure);
  if (run.best && !(measure > run.best.measure)) return false;
  run.best = { step, measure, state: run.state };
  return true;
}

/** @throws UsageError for options that are out of range or do not go together. */
function checkOptions(task: Task, o: FitTaskOptions): void {
  const { steps, growth = [], form, project } = o;
  checkCount('steps', steps);
  if (o.optimizer !== undefined && typeof o.optimizer?.update !== 'function')
    throw new UsageError(`optimizer must be what sgd() or adam() give, got ${JSON.stringify(o.optimizer)}`);
  if (o.losses?.some((maker) => typeof maker !== 'function'))
    throw new UsageError('losses must be what losses.crossEntropy() and others give; a recipe takes names');
  if (o.rate !== undefined && typeof o.rate !== 'number' && typeof o.rate !== 'function')
    throw new UsageError(
      `rate must be a number or a function of the step, as oneCycle() gives, got ${JSON.stringify(o.rate)}`,
    );
  for (const name of ['batch', 'evaluateEvery', 'checkpointEvery'] as const)
    if (o[name] !== undefined) checkCount(name, o[name]);
  if (o.seed !== undefined) checkSeed('seed', o.seed);
  if (o.keep !== undefined && o.keep !== 'last' && o.keep !== 'best')
    throw new UsageError(`keep must be "last" or "best", got ${JSON.stringify(o.keep)}`);
  if (o.patience !== undefined) checkCount('patience', o.patience);
  if (o.keep === 'best' && !task.validate)
    throw new UsageError('keeping the best weights needs held-out examples ("validation")');
  if (o.patience !== undefined && !task.validate)
    throw new UsageError('patience needs held-out examples ("validation"), whose measure ends the run');
  if (o.ema !== undefined && project)
    throw new UsageError(
      `ema averages weights that "${project.name}" changes after each step; do one of the two`,
    );
  for (const { at, warmup } of growth) {
    if (warmup !== undefined) checkCount('the warmup of growth', warmup);
    if (!Number.isSafeInteger(at) || at < 0 || at >= steps)
      throw new UsageError(`growth: "at" must be a whole number from 0 to ${steps - 1}, got ${at}`);
  }
  if (form && growth.length)
    throw new UsageError(
      `growth changes the shapes of weights that the form "${form.name}" holds; do one of the two`,
    );
  if (project && growth.length)
    throw new UsageError(
      `growth changes the shapes of weights that "${project.name}" works on; do one of the two`,
    );
}
