/**
 * @file Keeps the best weights of a run, also between checkpoints. They are of the shapes that the net has now: growth
 * makes those before it no rivals. The checkpoint `last` is always written first: where its best step is its own step,
 * its weights are the best; else the file `best` holds them, and is of just that step.
 */

import { MoonletError } from '../../errors.ts';
import type { Arrays, Specs } from '../../jit/index.ts';
import { type CheckpointStore, unpackCheckpoint } from './checkpoint.ts';
import type { History } from './progress.ts';

export interface Mark {
  /** Steps done when it was measured. */
  readonly step: number;
  readonly measure: number;
}
export interface Best extends Mark {
  readonly state: Arrays;
}

/** The first of the largest measures after more than `since` steps; growth at step g makes new shapes from g + 1 on. */
export function bestSince({ validation }: History, since: number): Mark | undefined {
  let best: Mark | undefined;
  for (const [step, measure] of validation)
    if (step > since && (!best || measure > best.measure)) best = { step, measure };
  return best;
}

/**
 * Whether the measure has not got better in the last `patience` evaluations, all after the last growth that is planned: a
 * function of the history, so that a resumed run ends at the same step.
 */
export function outOfPatience(
  history: History,
  {
    patience,
    growth = [],
  }: { readonly patience?: number; readonly growth?: readonly { readonly at: number }[] },
): boolean {
  if (patience === undefined) return false;
  const since = Math.max(0, ...growth.map((g) => g.at));
  const after = history.validation.filter(([step]) => step > since);
  const mark = bestSince(history, since);
  return after.filter(([step]) => step > (mark?.step ?? 0)).length >= patience;
}

/**
 * The best weights of a run that resumes with this state.
 * @throws MoonletError when the file that should hold them is missing, or of another step.
 */
export async function storedBest(
  store: CheckpointStore,
  { mark, from, state }: { readonly mark: Mark | undefined; readonly from: number; readonly state: Arrays },
  specs: Specs,
  run: string,
): Promise<Best | undefined> {
  if (!mark) return undefined;
  if (mark.step === from) return { ...mark, state };
  const bytes = await store.load('best');
  if (!bytes)
    throw new MoonletError(
      `checkpoint: the best weights, of step ${mark.step}, are missing; choose another folder, or remove it by --force`,
    );
  const { state: best, progress } = unpackCheckpoint(bytes, specs, run);
  if (progress.step !== mark.step)
    throw new MoonletError(
      `checkpoint: the best weights should be those of step ${mark.step}, and are of step ${progress.step}; choose another folder, or remove it by --force`,
    );
  return { ...mark, state: best };
}
