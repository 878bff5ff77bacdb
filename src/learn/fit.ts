/** @file Training: one loop for plain fitting and for distillation, seeded, growing when told, resumable to the same numbers. */
import type { Split } from '../data/index.ts';
import { type GrowPlan, grow } from '../edit/index.ts';
import type { EngineOptions } from '../engine/index.ts';
import { UsageError } from '../errors.ts';
import { toJson } from '../graph/index.ts';
import type { Arrays, Specs } from '../jit/index.ts';
import type { Net, WeightKey } from '../weights/index.ts';
import type { Scale } from './batches.ts';
import { withBeside } from './bind.ts';
import { type CheckpointStore, type History, packCheckpoint, unpackCheckpoint } from './checkpoint.ts';
import type { Projection } from './sparse.ts';
import { firstState, parametersIn, weightsIn } from './step.ts';
import { type ClassificationOptions, classification, type Task } from './task.ts';
import { type StepReport, type Trainer, type TrainerOptions, trainer } from './trainer.ts';

export type { StepReport } from './trainer.ts';

/** Growth in the middle of a run: after so many steps, by this plan. The optimizer's state grows along. */
export interface Growing {
  readonly at: number;
  readonly plan: GrowPlan;
}
export interface FitTaskOptions extends TrainerOptions {
  /** Steps between evaluations; a tenth of the run unless told. */
  readonly evaluateEvery?: number;
  /** Which weights come back: the last ones (unless told), or those that did best on the held-out part. */
  readonly keep?: 'last' | 'best';
  /** When and how the net grows, in order of steps. */
  readonly growth?: readonly Growing[];
  /** What is done to the weights after each step, such as zeros that come in little by little (`gradually`). */
  readonly project?: Projection;
  readonly checkpoints?: CheckpointStore;
  /** Steps between checkpoints; 100 unless told. */
  readonly checkpointEvery?: number;
  /** Says what the run is, so that a checkpoint of another is refused. */
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
 * With `checkpoints` it resumes where it stopped, and ends with the numbers of an unbroken run.
 * @throws MoonletError before the first step when nets, task and losses do not fit together.
 */
export async function fitTask(net: Net, task: Task, o: FitTaskOptions): Promise<Fitted> {
  const { steps, batch = 64, seed = 0, checkpoints, checkpointEvery = 100, keep = 'last' } = o;
  const { validate } = task;
  const { form } = o;
  if (!Number.isInteger(steps) || steps < 1) {
    throw new UsageError(`steps must be a whole number from 1 up, got ${steps}`);
  }
  if (keep === 'best' && !validate) {
    throw new UsageError('keeping the best weights needs held-out examples ("validation")');
  }
  if (form && o.growth?.length)
    throw new UsageError(
      `growth changes the shapes of weights that the form "${form.name}" holds; do one of the two`,
    );
  if (o.project && o.growth?.length)
    throw new UsageError(
      `growth changes the shapes of weights that "${o.project.name}" works on; do one of the two`,
    );
  const engine: EngineOptions = {
    engine: o.engine ?? 'onnxruntime',
    ...(o.threads === undefined ? {} : { threads: o.threads }),
    ...(o.runtime ? { runtime: o.runtime } : {}),
  };
  const growth = [...(o.growth ?? [])].sort((a, b) => a.at - b.at);
  const evaluateEvery = o.evaluateEvery ?? Math.max(1, Math.ceil(steps / 10));
  const recipe = o.recipe ?? JSON.stringify({ steps, batch, seed, graph: toJson(net.graph), growth });

  const stored = await checkpoints?.load('last');
  const from = stored ? progressOf(stored, recipe) : 0;
  // the graph after the growth that is done by then; its weights are those of the checkpoint, or the net's own
  let now = growth
    .filter((g) => g.at < from)
    .reduce((n, g, i) => grow(n, g.plan, { seed: seed + i }).net, net);
  let on: Trainer = await trainer(now.graph, task, o);
  o.onNotes?.(on.notes);
  try {
    let state: Arrays = firstState(withBeside(now, on.graph, seed), on.specs, form);
    let history: { loss: number[]; validation: [number, number][] } = { loss: [], validation: [] };
    if (stored) {
      const found = unpackCheckpoint(stored, on.specs, recipe);
      state = found.state;
      history = structuredClone(found.progress.history) as typeof history;
      o.onResume?.(from);
    }
    const save = async (name: 'last' | 'best'): Promise<void> =>
      checkpoints?.save(
        name,
        packCheckpoint(state, on.specs, { step: history.loss.length, recipe, history }),
      );
    const weights = (): Net => ({ graph: now.graph, weights: weightsIn(now.graph, state) });
    const settled = (): Net => (form ? form.settle(weights(), parametersIn(form, state)) : weights());
    const project = o.project?.begin((key) => state[`weight/${key}`] as Float32Array);
    let best = Math.max(0, ...history.validation.map(([, measure]) => measure));
    let bestState: Arrays | undefined;
    while (history.loss.length < steps && !o.signal?.aborted) {
      const at = history.loss.length;
      for (const [i, g] of growth.entries()) {
        if (g.at !== at) continue;
        const grown = growState(weights(), state, on, g.plan, seed + i);
        now = grown.net;
        await on.release();
        on = await trainer(now.graph, task, o);
        state = grown.state(on);
        [best, bestState] = [0, undefined]; // weights of another size are no rivals
      }
      const done = await on.run(state, at);
      state = done.state;
      project?.(at + 1);
      history.loss.push(done.report.loss);
      o.onStep?.(done.report);
      if (validate && ((at + 1) % evaluateEvery === 0 || at + 1 === steps)) {
        const measure = await validate(settled(), engine);
        history.validation.push([at + 1, measure]);
        o.onValidation?.(at + 1, measure);
        if (measure > best) {
          best = measure;
          bestState = state;
          await save('best');
        }
      }
      if ((at + 1) % checkpointEvery === 0 || at + 1 === steps) await save('last');
    }
    const finished = history.loss.length >= steps;
    if (!finished) await save('last');
    if (keep === 'best' && finished)
      state = bestState ?? (await storedBest(checkpoints, on.specs, recipe)) ?? state;
    const whole: Net = { graph: on.graph, weights: weightsIn(on.graph, state) };
    return { net: settled(), whole, history, finished };
  } finally {
    await on.release();
  }
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
          const kept = state[`${slot}/${key}`];
          const followed = kept && grown.follow(key as WeightKey, kept as Float32Array, follows);
          if (followed && `${slot}/${key}` in next) next[`${slot}/${key}`] = followed;
        }
      }
      return next;
    },
  };
}

/** Steps done by a checkpoint. @throws MoonletError when it is damaged or belongs to another recipe. */
const progressOf = (bytes: Uint8Array, recipe: string): number =>
  unpackCheckpoint(bytes, {}, recipe).progress.step;

async function storedBest(
  store: CheckpointStore | undefined,
  specs: Specs,
  recipe: string,
): Promise<Arrays | undefined> {
  const bytes = await store?.load('best');
  return bytes && unpackCheckpoint(bytes, specs, recipe).state;
}
