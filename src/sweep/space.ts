/**
 * @file The schema of a search space: a base recipe, what varies in it, exact limits, an objective, and how candidates are chosen.
 * JSON, validated to the last field; without tf.
 */
import * as z from 'zod';
import { messageOf, suggestion, UsageError } from '../errors.ts';
import { firstIssue, unknownKey } from '../graph/index.ts';
import { mcuSchedules, parseSize } from '../read/mcu/index.ts';
import type { Locate } from '../run/recipe.ts';

const json = z.json();
/** The dimension is part of a candidate only where earlier dimensions have these values. */
const when = z.record(z.string(), json).optional();
const bounds = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low < high, 'the first number must be below the second');

const dimension = z.union([
  z.strictObject({ choice: z.array(json).min(1), when }),
  z.strictObject({
    whole: bounds.refine(([low, high]) => Number.isInteger(low) && Number.isInteger(high), 'whole numbers'),
    step: z.int().min(1).default(1),
    when,
  }),
  z.strictObject({ range: bounds, when }),
  z.strictObject({ log: bounds.refine(([low]) => low > 0, 'must be above 0'), when }),
]);
/** What one value of a candidate may be. */
export type Dimension = z.output<typeof dimension>;

/** A number is the largest allowed value. */
const limit = z.union([
  z.number().positive(),
  z.strictObject({ min: z.number().min(0).optional(), max: z.number().positive().optional() }),
]);
/** A number of bytes, also as `256 KB`. */
const size = z.union([
  z.number().positive(),
  z.string().transform((text, context) => {
    try {
      return parseSize(text);
    } catch (e) {
      context.addIssue({ code: 'custom', message: messageOf(e) });
      return z.NEVER;
    }
  }),
]);
const sizeLimit = z.union([size, z.strictObject({ min: size.optional(), max: size.optional() })]);
/** What a limit can be set on: all but the last are known before training; the last is measured before training. */
export const limitNames = ['params', 'macs', 'bytes', 'peakBytes', 'sram', 'flash', 'latencyMs'] as const;
export type LimitName = (typeof limitNames)[number];
const ofBytes: readonly LimitName[] = ['bytes', 'peakBytes', 'sram', 'flash'];

/** What is measured of a trial. Accuracy is that of the held-out training examples. */
export const measureNames = ['accuracy', 'loss', ...limitNames] as const;
export type MeasureName = (typeof measureNames)[number];

const named = (value: unknown): unknown => (typeof value === 'string' ? { kind: value } : value);
const sampler = z.discriminatedUnion('kind', [
  /** Every combination; `levels` values of a range. */
  z.strictObject({ kind: z.literal('grid'), levels: z.int().min(2).max(1000).default(3) }),
  z.strictObject({ kind: z.literal('random') }),
  /** Tree-structured Parzen estimator. */
  z.strictObject({
    kind: z.literal('tpe'),
    /** Random trials before the first estimate. */
    startup: z.int().min(1).default(20),
    /** The share of the trials that counts as good. */
    good: z.number().positive().max(0.5).default(0.25),
    /** Draws, of which the one with the largest expected improvement is taken. */
    draws: z.int().min(1).max(10_000).default(24),
  }),
  /** Regularized evolution: the oldest die. */
  z.strictObject({
    kind: z.literal('evolution'),
    population: z.int().min(2).default(20),
    /** Of so many members, drawn at random, the best is the parent. */
    sample: z.int().min(1).default(5),
    /** Whether a child that a Net2Net edit of its parent can make starts from the parent's trained weights. */
    inherit: z.boolean().default(false),
  }),
]);
export type SamplerOptions = z.output<typeof sampler>;

/** Asynchronous successive halving: `factor` times the steps for the best 1 / `factor` of each rung. */
const halving = z.strictObject({
  kind: z.literal('asha'),
  /** Steps of the first rung. */
  first: z.int().min(1),
  factor: z.int().min(2).max(16).default(3),
});

const space = z.strictObject({
  /** How the queue and reports call the sweep. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,60}$/, 'letters, digits, "_" and "-", at most 60')
    .optional(),
  /** The recipe that all trials share, as in docs/guides/recipes.md. */
  recipe: z.record(z.string(), z.unknown()),
  /** Places of the recipe and what may stand there: `rate.peak`, `student.width`, `losses.1.temperature`. */
  space: z.record(z.string(), dimension),
  /** A chain of compression steps behind training, as `moonlet compress --steps` takes it. */
  compress: z.string().optional(),
  limits: z
    .strictObject(
      Object.fromEntries(limitNames.map((n) => [n, (ofBytes.includes(n) ? sizeLimit : limit).optional()])),
    )
    .default({}),
  /** What `sram` and `flash` are: of which numbers, and by which schedule of layers. Without it, int8 and in place. */
  mcu: z
    .strictObject({
      numbers: z.enum(['int8', 'fp32']).default('int8'),
      schedule: z.enum(mcuSchedules).default('in-place'),
    })
    .optional(),
  /** What the best trial has most of (accuracy) or least of (all others). With several, the best ones are a Pareto front. */
  objective: z
    .preprocess((v) => (typeof v === 'string' ? [v] : v), z.array(z.enum(measureNames)).min(1))
    .default(['accuracy']),
  sampler: z.preprocess(named, sampler).prefault({ kind: 'random' }),
  stopEarly: halving.optional(),
  /** How many candidates are trained. */
  trials: z.int().min(1).max(10_000_000).default(100),
  /** No trial begins after so many hours. */
  hours: z.number().positive().optional(),
  /**
   * Trials that may run at once. A candidate is chosen with the results of all but the last `parallel` - 1 trials before it, so
   * that the same seed gives the same trials, however many workers there are.
   */
  parallel: z.int().min(1).max(100_000).default(8),
  seed: z.int().min(0).default(0),
  /** Threads of each trial. Numbers can depend on it in the last digit, so that it belongs to the sweep. */
  threads: z.int().min(1).max(256).default(1),
  /** Steps between checkpoints. */
  checkpointEvery: z.int().min(1).default(100),
});
type Parsed = z.output<typeof space>;
export type SpaceInput = z.input<typeof space>;
export interface Space extends Omit<Parsed, 'name' | 'limits'> {
  readonly name: string;
  readonly limits: Readonly<Partial<Record<LimitName, { readonly min?: number; readonly max?: number }>>>;
}

/** The values of a candidate by the places of its dimensions; a dimension whose condition does not hold has none. */
export type Values = Readonly<Record<string, unknown>>;

/**
 * Checks a value of JSON as a search space, and fills in defaults.
 * @param file how messages call it; `locate` gives the place of a value in its file.
 * @throws UsageError that says where the value departs from a search space.
 *
 * @example
 * import { parseSpace } from 'moonlet/sweep';
 * const { trials, sampler } = parseSpace({
 *   recipe: { data: 'mnist', student: 'wrn size=28 channels=1', steps: 100, validation: 1000 },
 *   space: { 'student.width': { choice: [0.5, 1, 2] }, 'rate.peak': { log: [0.01, 0.5] } },
 *   limits: { params: 60_000 },
 * });
 * trials; // 100
 * sampler.kind; // 'random'
 */
export function parseSpace(
  value: unknown,
  file = 'sweep',
  locate: Locate = () => '',
  usualName = 'sweep',
): Space {
  const fail = (path: readonly PropertyKey[], text: string, of: 'key' | 'value' = 'value'): never => {
    throw new UsageError(`${file}${locate(path, of)}: ${text}`);
  };
  const parsed = space.safeParse(value, { error: unknownKey });
  if (!parsed.success) {
    const { path, isKey, text } = firstIssue(parsed.error);
    return fail(path, text, isKey ? 'key' : 'value');
  }
  const found = parsed.data;
  const before = new Map<string, Dimension>();
  for (const [key, d] of Object.entries(found.space)) {
    for (const [other, wanted] of Object.entries(d.when ?? {})) {
      const condition = before.get(other);
      const path = ['space', key, 'when', other];
      if (!condition)
        fail(
          path,
          `when: no dimension "${other}" before "${key}".${suggestion(other, [...before.keys()])} Put it first`,
          'key',
        );
      if (condition && 'choice' in condition)
        for (const v of [wanted].flat())
          if (!condition.choice.some((c) => same(c, v)))
            fail(path, `when: "${other}" never is ${JSON.stringify(v)}`);
    }
    before.set(key, d);
  }
  if (found.sampler.kind === 'grid' && found.stopEarly)
    fail(['stopEarly'], 'stopEarly: a grid tries every combination to its end; leave one of the two out');
  if (found.sampler.kind === 'evolution' && found.sampler.inherit && found.stopEarly)
    fail(
      ['stopEarly'],
      'stopEarly: "inherit" needs parents that are trained to the end; leave one of the two out',
    );
  const { validation, seed } = found.recipe;
  if (typeof validation !== 'number' || !(validation > 0))
    fail(
      ['recipe'],
      'recipe: needs "validation", the number of training examples that are held out and by which trials are compared',
    );
  const limits = Object.fromEntries(
    Object.entries(found.limits).flatMap(([k, v]) =>
      v === undefined ? [] : [[k, typeof v === 'number' ? { max: v } : v]],
    ),
  );
  // all trials hold out the same examples
  const recipe = { viewSeed: typeof seed === 'number' ? seed : found.seed, ...found.recipe };
  return { ...found, recipe, limits, name: found.name ?? usualName };
}

/** Whether two values of JSON are equal. */
export const same = (a: unknown, b: unknown): boolean =>
  a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b));

/** Whether a dimension is part of the candidate that has these values so far. */
export const isActive = (d: Dimension, values: Values): boolean =>
  d.when === undefined ||
  Object.entries(d.when).every(
    ([key, wanted]) => Object.hasOwn(values, key) && [wanted].flat().some((v) => same(v, values[key])),
  );
