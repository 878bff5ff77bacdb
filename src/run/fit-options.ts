/** @file Converts a recipe to training options: losses, optimizer and rate. */
import type * as z from 'zod';
import { parsePlan } from '../edit/grow/plan.ts';
import { schedule } from '../learn/loss/schedule.ts';
import { mixes } from '../learn/task/augment.ts';
import type { FitOptions } from '../learn/train/fit.ts';
import { adam, type Optimizer, sgd } from '../learn/train/optimizer.ts';
import { memoryCache } from '../learn/train/teacher.ts';
import { type LossContext, type LossRecipe, loss, lossOf } from './losses.ts';
import { type optimizer, type Recipe, taughtOf } from './recipe.ts';
import { tuneOptions } from './tune.ts';

/** The optimizer that a recipe describes. */
export const optimizerOf = (o: z.output<typeof optimizer>): Optimizer =>
  o.kind === 'sgd' ? sgd(o) : adam(o);

/** The losses of a recipe that names none: cross-entropy, and with a teacher soft targets beside it. */
export const usualLosses = (teacher: boolean): readonly LossRecipe[] =>
  teacher
    ? [
        { kind: 'cross-entropy', weight: 0.1 },
        { kind: 'soft-targets', weight: 0.9, temperature: 4 },
      ]
    : [{ kind: 'cross-entropy' }];

/**
 * The options of `fit` that a recipe without stages describes; nets and data are the caller's to load.
 * @throws MoonletError for a booster or a file of a loss that does not exist.
 */
export async function fitOptions(
  r: Recipe,
  context: Omit<LossContext, 'steps'> = {},
): Promise<
  Pick<
    FitOptions,
    | 'steps'
    | 'batch'
    | 'seed'
    | 'losses'
    | 'optimizer'
    | 'rate'
    | 'augment'
    | 'views'
    | 'viewSeed'
    | 'teacherCache'
    | 'keep'
    | 'recipe'
    | 'growth'
    | keyof ReturnType<typeof tuneOptions>
  >
> {
  const losses = r.losses ?? usualLosses(taughtOf(r)).map((l) => loss.parse(l));
  return {
    steps: r.steps,
    batch: r.batch,
    seed: r.seed,
    losses: await Promise.all(losses.map((l) => lossOf(l, { ...context, steps: r.steps }))),
    optimizer: optimizerOf(r.optimizer),
    rate: schedule(r.rate.kind, { steps: r.steps, peak: r.rate.peak }),
    keep: r.keep,
    recipe: JSON.stringify(r),
    ...(r.augment ? { augment: r.augment } : {}),
    ...(r.views === undefined ? {} : { views: r.views }),
    ...(r.viewSeed === undefined ? {} : { viewSeed: r.viewSeed }),
    ...tuneOptions(r),
    ...(r.growth ? { growth: r.growth.map(({ plan, ...g }) => ({ ...g, plan: parsePlan(plan) })) } : {}),
    ...(r.views === undefined || !taughtOf(r) || mixes(r.augment) ? {} : { teacherCache: memoryCache() }),
  };
}
