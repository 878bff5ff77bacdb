/** @file Growth in the middle of a run: the net is replaced by a larger one, and what the optimizer and averages keep grows along. */
import { type Follows, type GrowPlan, type Growth, grow } from '../../edit/index.ts';
import { Refusal } from '../../errors.ts';
import type { Arrays } from '../../jit/index.ts';
import { entries, type Net, type WeightKey } from '../../weights/index.ts';
import { withBeside } from '../loss/bind.ts';
import type { Task } from '../task/task.ts';
import { floatsAt, isWeightKey } from '../tensors.ts';
import { besideAfter } from './beside-growth.ts';
import type { Best } from './best.ts';
import { type Fresh, freshAfter, freshPlace, oldParts } from './fresh.ts';
import { averagePlace, firstState, weightsIn } from './state.ts';
import { boundFor, type Trainer, type TrainerOptions, trainer } from './trainer.ts';

/** Growth in the middle of a run: after so many steps, by this plan. The optimizer's state grows along. */
export interface Growing {
  readonly at: number;
  readonly plan: GrowPlan;
  /**
   * Steps over which the rate of new weights (new layers, new units, the rings of larger kernels) rises linearly to that of the others;
   * copies are no new weights. None by default.
   */
  readonly warmup?: number | undefined;
}

/** A run under way. */
export interface Run {
  /** What its numbers depend on, as a text: see `runIdentity`. */
  readonly id: string;
  /** Whether the moving averages of its weights are what is measured and returned. */
  readonly averaged: boolean;
  readonly history: { readonly loss: number[]; readonly validation: [step: number, measure: number][] };
  /** The graph that is trained; its weights are those from which it began or was last grown. */
  net: Net;
  trainer: Trainer;
  state: Arrays;
  /** What growths made anew, whose warm-up may last. */
  fresh: Fresh | undefined;
  /** The best state on the held-out examples since the last growth. */
  best: Best | undefined;
}

/** A net after some growths of a run, and what they made anew. */
export function grownTo(
  net: Net,
  growth: readonly Growing[],
  seed: number,
): { readonly net: Net; readonly fresh?: Fresh | undefined } {
  let done: { readonly net: Net; readonly fresh?: Fresh | undefined } = { net };
  for (const [i, growing] of growth.entries()) {
    const grown = grow(done.net, growing.plan, { seed: seed + i });
    done = { net: grown.net, fresh: freshAfter(grown, done.net.graph, growing, done.fresh) };
  }
  return done;
}

/** Grows the net of a run; what the optimizer keeps and the averages grow along. */
export async function growRun(
  run: Run,
  growing: Growing,
  seed: number,
  task: Task,
  o: TrainerOptions,
): Promise<void> {
  const { graph } = run.net;
  const next = growState({ ...run, net: { graph, weights: weightsIn(graph, run.state) } }, growing, seed);
  run.net = next.net;
  run.fresh = next.fresh;
  await run.trainer.release();
  run.trainer = await trainer(run.net.graph, task, o, next.fresh);
  run.state = next.state(run.trainer);
  run.best = undefined; // weights of other shapes cannot be compared
}

/**
 * Checks the data and the losses against the net, before and after each growth.
 * @throws Refusal when a plan cannot be done, MoonletError when data or losses do not fit what it makes.
 */
export function checkGrowth(net: Net, task: Task, growth: readonly Growing[], o: TrainerOptions): void {
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

/** The grown net, and the state that goes with it: what the optimizer kept and the averages follow. */
function growState(
  { net, state, trainer: before, fresh: earlier }: Pick<Run, 'net' | 'state' | 'trainer' | 'fresh'>,
  growing: Growing,
  seed: number,
) {
  const { slots } = before;
  const grown = grow(net, growing.plan, { seed });
  const fresh = freshAfter(grown, net.graph, growing, earlier);
  return {
    net: grown.net,
    fresh,
    state: ({ specs, graph, variables }: Trainer): Arrays => {
      const next: Record<string, Float32Array | Int32Array> = {
        ...firstState(withBeside(grown.net, graph, seed), specs, undefined, variables),
      };
      for (const [key, mask] of fresh?.masks ?? []) if (freshPlace(key) in next) next[freshPlace(key)] = mask;
      // variables of the losses stay as they are, unless the grown net gives them another shape
      for (const [place, values] of Object.entries(state))
        if (!isWeightKey(place) && place.includes('variable/') && next[place]?.length === values.length)
          next[place] = values;
      for (const { key } of entries(net.graph)) {
        for (const [slot, follows] of Object.entries(slots)) {
          const place = `${slot}/${key}`;
          const followed = place in state && grown.follow(key, floatsAt(state, place), follows);
          if (followed && place in next) next[place] = followed;
        }
        const place = averagePlace(key);
        if (place in state && place in next)
          next[place] = averageAfter(grown, key, floatsAt(state, place), floatsAt(next, place));
      }
      const kinds: Readonly<Record<string, Follows>> = { weight: 'weight', average: 'weight', ...slots };
      for (const { key, follow } of besideAfter(grown, { student: net.graph, whole: before.graph }, graph))
        for (const [room, kind] of Object.entries(kinds)) {
          const place = `${room}/${key}`;
          if (place in state && place in next) next[place] = follow(floatsAt(state, place), kind);
        }
      return next;
    },
  };
}

/** The average of a weight after growth; where the weight has new values, which follow none, it begins with them. */
function averageAfter(
  grown: Growth,
  key: WeightKey,
  before: Float32Array,
  weights: Float32Array,
): Float32Array {
  const followed = grown.follow(key, before, 'weight');
  const isOld = oldParts(grown, key, before.length);
  return weights.map((value, i) => (followed && isOld?.[i] ? followed[i]! : value));
}
