/** @file Training: one loop for plain fitting and for distillation, seeded, growing when told, resumable to the same numbers. */

import type { Split } from '../../data/index.ts';
import { type GrowPlan, grow } from '../../edit/index.ts';
import type { EngineOptions } from '../../engine/index.ts';
import { Refusal, UsageError } from '../../errors.ts';
import type { Arrays } from '../../jit/index.ts';
import type { Net } from '../../weights/index.ts';
import { withBeside } from '../loss/bind.ts';
import { checkCount, checkSeed } from '../options.ts';
import type { Projection } from '../structure/sparse.ts';
import type { Scale } from '../task/scale.ts';
import { type ClassificationOptions, classification, type Task } from '../task/task.ts';
import { floatsAt } from '../tensors.ts';
import { type Best, bestSince, storedBest } from './best.ts';
import { type CheckpointName, type CheckpointStore, packCheckpoint, unpackCheckpoint } from './checkpoint.ts';
import { runIdentity } from './identity.ts';
import type { History } from './progress.ts';
import { firstState, parametersIn, weightsIn } from './step.ts';
import { boundFor, type StepReport, type Trainer, type TrainerOptions, trainer } from './trainer.ts';

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
  /** What is done to the weights after each step, such as zeros that come in little by little (`gradually`). */
  readonly project?: Projection;
  readonly checkpoints?: CheckpointStore;
  /** Steps between checkpoints; 100 by default. */
  readonly checkpointEvery?: number;
  /** What else says what the run is, such as its recipe as JSON: a checkpoint of a run with another is refused. */
  readonly recipe?: string;
  /** Stops after the step under way, with a checkpoint saved. */
  readonly signal?: AbortSignal;
  readonly onStep?: (at: StepReport) => void;
  /** The task's measure of what is held out: for classes, accuracy. */
  readonly onValidation?: (step: number, measure: number) => void;
  readonly onResume?: (step: number) => void;
  /** What the losses chose for the pair, such as adapters that were made; called before the first step. */
  readonly onNotes?: (notes: readonly string[]) => void;
}
export interface FitOptions extends FitTaskOptions, ClassificationOptions {}
export interface Fitted {
  readonly net: Net;
  /** The net with what stood beside it in training: branches, a booster, adapters. */
  readonly whole: Net;
  readonly history: History;
  /** False when a signal stopped it before its last step. */
  readonly finished: boolean;
}

/** Train a classifier on a split. @throws MoonletError before the first step when nets, data and losses do not fit. */
export const fit = (net: Net, train: Split, scale: Scale, o: FitOptions): Promise<Fitted> =>
  fitTask(net, classification(train, scale, o), o);

/**
 * Train a net for a task. The last partial batch of an epoch is dropped; weight decay spares norms and biases.
 * With `checkpoints` it resumes where it stopped, and ends with the numbers of an unbroken run; a checkpoint of a run with
 * other options, data or teachers is refused (`runIdentity` says what counts).
 * @throws MoonletError before the first step when nets, data, task and losses do not fit together; UsageError for options
 * out of range.
 */
export async function fitTask(net: Net, task: Task, o: FitTaskOptions): Promise<Fitted> {
  const { steps, seed = 0, checkpoints, checkpointEvery = 100, keep = 'last', form } = o;
  const { validate } = task;
  checkOptions(task, o);
  const engine: EngineOptions = {
    engine: o.engine ?? 'onnxruntime',
    ...(o.threads === undefined ? {} : { threads: o.threads }),
    ...(o.runtime ? { runtime: o.runtime } : {}),
  };
  const growth = [...(o.growth ?? [])].sort((a, b) => a.at - b.at);
  const evaluateEvery = o.evaluateEvery ?? Math.max(1, Math.ceil(steps / 10));
  checkGrowth(net, task, growth, o);
  const run = checkpoints ? await runIdentity(net, task, { ...o, evaluateEvery }) : '';

  const stored = await checkpoints?.load('last');
  const from = stored ? unpackCheckpoint(stored, {}, run).progress.step : 0;
  // the graph after the growth that is done by then; its weights are those of the checkpoint, or the net's own
  const grown = growth.filter((g) => g.at < from);
  let now = grown.reduce((n, g, i) => grow(n, g.plan, { seed: seed + i }).net, net);
  let current: Trainer = await trainer(now.graph, task, o);
  o.onNotes?.(current.notes);
  try {
    let state: Arrays = firstState(withBeside(now, current.graph, seed), current.specs, form);
    const history: { loss: number[]; validation: [number, number][] } = { loss: [], validation: [] };
    const save = async (name: CheckpointName, saved: Arrays): Promise<void> =>
      checkpoints?.save(
        name,
        packCheckpoint(saved, current.specs, { step: history.loss.length, recipe: run, history }),
      );
    let best: Best | undefined;
    if (stored && checkpoints) {
      const found = unpackCheckpoint(stored, current.specs, run);
      state = found.state;
      history.loss.push(...found.progress.history.loss);
      for (const [step, measure] of found.progress.history.validation)
        history.validation.push([step, measure]);
      const mark = bestSince(history, grown.at(-1)?.at ?? 0);
      best = await storedBest(checkpoints, { mark, from, state }, current.specs, run);
      // a run that ended between the two files has the best weights in the first alone
      if (best && best.step === from) await save('best', best.state);
      o.onResume?.(from);
    }
    const weights = (): Net => ({ graph: now.graph, weights: weightsIn(now.graph, state) });
    const settled = (): Net => (form ? form.settle(weights(), parametersIn(form, state)) : weights());
    const project = o.project?.begin((key) => floatsAt(state, `weight/${key}`));
    while (history.loss.length < steps && !o.signal?.aborted) {
      const at = history.loss.length;
      for (const [i, g] of growth.entries()) {
        if (g.at !== at) continue;
        const next = growState(weights(), state, current, g.plan, seed + i);
        now = next.net;
        await current.release();
        current = await trainer(now.graph, task, o);
        state = next.state(current);
        best = undefined; // weights of other shapes are no rivals
      }
      const done = await current.run(state, at);
      state = done.state;
      project?.(at + 1);
      history.loss.push(done.report.loss);
      o.onStep?.(done.report);
      let improved = false;
      if (validate && ((at + 1) % evaluateEvery === 0 || at + 1 === steps)) {
        const measure = await validate(settled(), engine);
        history.validation.push([at + 1, measure]);
        o.onValidation?.(at + 1, measure);
        improved = !best || measure > best.measure;
        if (improved) best = { step: at + 1, measure, state };
      }
      if (improved || (at + 1) % checkpointEvery === 0 || at + 1 === steps) await save('last', state);
      if (improved) await save('best', state);
    }
    const finished = history.loss.length >= steps;
    if (!finished) await save('last', state);
    if (keep === 'best' && finished && best) state = best.state;
    const whole: Net = { graph: current.graph, weights: weightsIn(current.graph, state) };
    return { net: settled(), whole, history, finished };
  } finally {
    await current.release();
  }
}

/**
 * The data and the losses held against the net as it is and as it will be.
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
