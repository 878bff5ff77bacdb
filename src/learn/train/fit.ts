/** @file Training: one loop for fitting, distillation and growth in mid-run, seeded, and resumable to the same numbers. */

import { type GrowPlan, grow } from '../../edit/index.ts';
import { checkNet } from '../../edit/options.ts';
import { Refusal, UsageError } from '../../errors.ts';
import type { Arrays } from '../../jit/index.ts';
import type { Net } from '../../weights/index.ts';
import { withBeside } from '../loss/bind.ts';
import { checkCount, checkSeed } from '../options.ts';
import type { Projection } from '../structure/sparse.ts';
import type { Scale } from '../task/scale.ts';
import { type ClassificationOptions, classification, type Task, type TrainingImages } from '../task/task.ts';
import { floatsAt } from '../tensors.ts';
import { type Best, bestSince, storedBest } from './best.ts';
import { type CheckpointName, type CheckpointStore, packCheckpoint, unpackCheckpoint } from './checkpoint.ts';
import { runIdentity } from './identity.ts';
import type { History } from './progress.ts';
import { firstState, parametersIn, weightsIn } from './step.ts';
import {
  boundFor,
  engineOf,
  type StepReport,
  type Trainer,
  type TrainerOptions,
  trainer,
} from './trainer.ts';

export type { StepReport } from './trainer.ts';

/** Growth in the middle of a run: after so many steps, by this plan. The optimizer's state grows along. */
export interface Growing {
  readonly at: number;
  readonly plan: GrowPlan;
}
export interface FitTaskOptions extends TrainerOptions {
  /** Steps between evaluations; by default a tenth of the run. */
  readonly evaluateEvery?: number;
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
  /** False when a signal stopped the run before its last step. */
  readonly finished: boolean;
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
  checkOptions(task, o);
  const growth = [...(o.growth ?? [])].sort((a, b) => a.at - b.at);
  const evaluateEvery = o.evaluateEvery ?? Math.max(1, Math.ceil(steps / 10));
  checkGrowth(net, task, growth, o);
  const id = checkpoints ? await runIdentity(net, task, { ...o, evaluateEvery }) : '';
  const stored = await checkpoints?.load('last');
  const from = stored ? unpackCheckpoint(stored, {}, id).progress.step : 0;
  // the graph after the growth that is done by then; its weights are those of the checkpoint, or the net's own
  const grown = growth.filter((g) => g.at < from);
  const start = grown.reduce((n, g, i) => grow(n, g.plan, { seed: seed + i }).net, net);
  const first = await trainer(start.graph, task, o);
  o.onNotes?.(first.notes);
  const run: Run = {
    ...{ id, net: start, trainer: first, best: undefined, history: { loss: [], validation: [] } },
    state: firstState(withBeside(start, first.graph, seed), first.specs, form),
  };
  try {
    if (stored && checkpoints) {
      await restore(run, stored, { checkpoints, from, since: grown.at(-1)?.at ?? 0 });
      o.onResume?.(from);
    }
    const project = o.project?.begin((key) => floatsAt(run.state, `weight/${key}`));
    while (run.history.loss.length < steps && !o.signal?.aborted) {
      const at = run.history.loss.length;
      for (const [i, g] of growth.entries()) if (g.at === at) await growRun(run, g.plan, seed + i, task, o);
      const done = await run.trainer.run(run.state, at);
      run.state = done.state;
      project?.(at + 1);
      run.history.loss.push(done.report.loss);
      o.onStep?.(done.report);
      const isLast = at + 1 === steps;
      const improved = ((at + 1) % evaluateEvery === 0 || isLast) && (await validated(run, task, o));
      if (improved || (at + 1) % checkpointEvery === 0 || isLast) await save(run, 'last', checkpoints);
      if (improved) await save(run, 'best', checkpoints);
    }
    const finished = run.history.loss.length >= steps;
    if (!finished) await save(run, 'last', checkpoints);
    if (keep === 'best' && finished && run.best) run.state = run.best.state;
    const { graph } = run.trainer;
    const whole: Net = { graph, weights: weightsIn(graph, run.state) };
    return { net: settled(run, form), whole, history: run.history, finished };
  } finally {
    await run.trainer.release();
  }
}

/** A run under way. */
interface Run {
  /** What its numbers depend on, as a text: see `runIdentity`. */
  readonly id: string;
  readonly history: { readonly loss: number[]; readonly validation: [step: number, measure: number][] };
  /** The graph that is trained; its weights are those from which it began or was last grown. */
  net: Net;
  trainer: Trainer;
  state: Arrays;
  /** The best state on the held-out examples since the last growth. */
  best: Best | undefined;
}

const weightsOf = ({ net: { graph }, state }: Run): Net => ({ graph, weights: weightsIn(graph, state) });
/** The trained net as it would be returned now. */
const settled = (run: Run, form: FitTaskOptions['form']): Net =>
  form ? form.settle(weightsOf(run), parametersIn(form, run.state)) : weightsOf(run);

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

/** Grows the net of a run; what the optimizer keeps grows along. */
async function growRun(run: Run, plan: GrowPlan, seed: number, task: Task, o: FitTaskOptions): Promise<void> {
  const next = growState(weightsOf(run), run.state, run.trainer, plan, seed);
  run.net = next.net;
  await run.trainer.release();
  run.trainer = await trainer(run.net.graph, task, o);
  run.state = next.state(run.trainer);
  run.best = undefined; // weights of other shapes cannot be compared
}

/**
 * Checks the data and the losses against the net, before and after each growth.
 * @throws Refusal when a plan cannot be done, MoonletError when data or losses do not fit what it makes.
 */
function checkGrowth(net: Net, task: Task, growth: readonly Growing[], o: FitTaskOptions): void {
  task.check?.(net.graph);
  let now = net;
  for (const [i, { at, plan }] of growth.entries()) {
    try {
      now = grow(now, plan, { seed: (o.seed ?? 0) + i }).net;
      boundFor(now.graph, task, o);
    } catch (e) {
      throw e instanceof Refusal ? new Refusal(`growth at step ${at}: ${e.message}`) : e;
    }
  }
}

/** @throws UsageError for options that are out of range or do not go together. */
function checkOptions(task: Task, o: FitTaskOptions): void {
  const { steps, growth = [], form, project } = o;
  checkCount('steps', steps);
  for (const name of ['batch', 'evaluateEvery', 'checkpointEvery'] as const)
    if (o[name] !== undefined) checkCount(name, o[name]);
  if (o.seed !== undefined) checkSeed('seed', o.seed);
  if (o.keep !== undefined && o.keep !== 'last' && o.keep !== 'best')
    throw new UsageError(`keep must be "last" or "best", got ${JSON.stringify(o.keep)}`);
  if (o.keep === 'best' && !task.validate)
    throw new UsageError('keeping the best weights needs held-out examples ("validation")');
  for (const { at } of growth)
    if (!Number.isSafeInteger(at) || at < 0 || at >= steps)
      throw new UsageError(`growth: "at" must be a whole number from 0 to ${steps - 1}, got ${at}`);
  if (form && growth.length)
    throw new UsageError(
      `growth changes the shapes of weights that the form "${form.name}" holds; do one of the two`,
    );
  if (project && growth.length)
    throw new UsageError(
      `growth changes the shapes of weights that "${project.name}" works on; do one of the two`,
    );
}

/** The grown net, and the state that goes with it: what the optimizer kept follows, new weights begin with zeros. */
function growState(net: Net, state: Arrays, { slots }: Trainer, plan: GrowPlan, seed: number) {
  const grown = grow(net, plan, { seed });
  return {
    net: grown.net,
    state: ({ specs, graph }: Trainer): Arrays => {
      const next: Record<string, Float32Array | Int32Array> = {
        ...firstState(withBeside(grown.net, graph, seed), specs),
      };
      for (const [slot, follows] of Object.entries(slots)) {
        for (const key of net.weights.keys()) {
          if (!(`${slot}/${key}` in state)) continue;
          const followed = grown.follow(key, floatsAt(state, `${slot}/${key}`), follows);
          if (followed && `${slot}/${key}` in next) next[`${slot}/${key}`] = followed;
        }
      }
      return next;
    },
  };
}
