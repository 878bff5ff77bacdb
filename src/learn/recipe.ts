/** @file A run as data: what is trained on what, with which losses, for how long. JSON, validated to the last field. */
import { z } from 'zod';
import { UsageError } from '../errors.ts';
import { issueText } from '../graph/index.ts';
import { crossEntropy } from './cross-entropy.ts';
import { attention } from './distill/attention.ts';
import { softTargets } from './distill/soft-targets.ts';
import type { FitOptions } from './fit.ts';
import { memoryCache } from './guide.ts';
import type { LossMaker } from './loss.ts';
import { adam, sgd } from './optimizer.ts';
import { schedule, scheduleNames } from './schedule.ts';

const share = z.number().min(0).max(1);
const positive = z.int().min(1);

const loss = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('cross-entropy'),
    weight: z.number().min(0).default(1),
    labelSmoothing: share.default(0),
  }),
  z.strictObject({
    kind: z.literal('soft-targets'),
    weight: z.number().min(0).default(0.9),
    temperature: z.number().positive().default(4),
  }),
  z.strictObject({
    kind: z.literal('attention'),
    weight: z.number().min(0).default(1000),
    pairs: z
      .array(z.tuple([z.string(), z.string()]))
      .min(1)
      .optional(),
  }),
]);
export type LossRecipe = z.input<typeof loss>;

const optimizer = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sgd'),
    momentum: share.default(0.9),
    nesterov: z.boolean().default(true),
    weightDecay: z.number().min(0).default(5e-4),
  }),
  z.strictObject({
    kind: z.literal('adam'),
    beta1: share.default(0.9),
    beta2: share.default(0.999),
    eps: z.number().positive().default(1e-8),
    weightDecay: z.number().min(0).default(0),
  }),
]);

const recipe = z.strictObject({
  /** Where images come from: `mnist` or `fashion-mnist`. */
  data: z.string(),
  /** What is trained: an architecture with its options, such as `wrn depth=16 width=1 size=28 channels=1`. */
  student: z.string(),
  /** A cheap block put in place of the architecture's own, such as `BG(2,2)`. */
  block: z.string().optional(),
  /** What teaches: `<dataset>/<id>` or a folder. */
  teacher: z.string().optional(),
  losses: z.array(loss).min(1).optional(),
  optimizer: optimizer.prefault({ kind: 'sgd' }),
  rate: z
    .strictObject({ kind: z.enum(scheduleNames), peak: z.number().positive() })
    .prefault({ kind: 'one-cycle', peak: 0.1 }),
  steps: positive.max(100_000_000),
  batch: positive.max(4096).default(64),
  seed: z.int().min(0).default(0),
  augment: z
    .strictObject({ shift: z.int().min(0).max(64).default(0), flip: z.boolean().default(false) })
    .optional(),
  /** How many views of an image there are; then what the teacher says is kept. A new view each epoch unless told. */
  views: positive.optional(),
  /** Of the views, and of which examples are held out or drawn; `seed` unless told. */
  viewSeed: z.int().min(0).optional(),
  /** Training examples held out, by class, for periodic evaluation. The test split is never looked at. */
  validation: z.int().min(0).default(0),
  /** Train on so many examples only, drawn by class and seed. */
  limit: positive.optional(),
  keep: z.enum(['last', 'best']).default('last'),
});
export type Recipe = z.output<typeof recipe>;
export type RecipeInput = z.input<typeof recipe>;

/** @throws UsageError that says where the value departs from a recipe. */
export function parseRecipe(value: unknown, name = 'recipe'): Recipe {
  const parsed = recipe.safeParse(value);
  if (!parsed.success) throw new UsageError(`${name}: ${issueText(parsed.error)}`);
  const found = parsed.data;
  const needsTeacher = (found.losses ?? []).find((l) => l.kind !== 'cross-entropy');
  if (needsTeacher && !found.teacher)
    throw new UsageError(`${name}: the loss ${needsTeacher.kind} needs a "teacher"`);
  const kinds = (found.losses ?? []).map((l) => l.kind);
  const twice = kinds.find((kind, i) => kinds.indexOf(kind) !== i);
  if (twice) throw new UsageError(`${name}: the loss ${twice} stands twice; give it one weight`);
  return found;
}

const lossOf = (l: z.output<typeof loss>): LossMaker => {
  switch (l.kind) {
    case 'cross-entropy':
      return crossEntropy(l);
    case 'soft-targets':
      return softTargets(l);
    case 'attention':
      return attention({ weight: l.weight, ...(l.pairs ? { pairs: l.pairs } : {}) });
  }
};

/** The losses that a recipe without any means: soft targets beside hard labels when there is a teacher. */
export const usualLosses = (teacher: boolean): readonly LossRecipe[] =>
  teacher
    ? [
        { kind: 'cross-entropy', weight: 0.1 },
        { kind: 'soft-targets', weight: 0.9, temperature: 4 },
      ]
    : [{ kind: 'cross-entropy' }];

/** What `fit` needs to know of a recipe; nets and data are the caller's to load. */
export function fitOptions(
  r: Recipe,
): Pick<
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
> {
  const losses = r.losses ?? usualLosses(r.teacher !== undefined).map((l) => loss.parse(l));
  return {
    steps: r.steps,
    batch: r.batch,
    seed: r.seed,
    losses: losses.map(lossOf),
    optimizer: r.optimizer.kind === 'sgd' ? sgd(r.optimizer) : adam(r.optimizer),
    rate: schedule(r.rate.kind, { steps: r.steps, peak: r.rate.peak }),
    keep: r.keep,
    recipe: JSON.stringify(r),
    ...(r.augment ? { augment: r.augment } : {}),
    ...(r.views === undefined ? {} : { views: r.views }),
    ...(r.viewSeed === undefined ? {} : { viewSeed: r.viewSeed }),
    ...(r.views === undefined || r.teacher === undefined ? {} : { teacherCache: memoryCache() }),
  };
}
