/**
 * @file The schema of recipes: the student, the data, the losses and the steps of a run. JSON, validated to the last
 * field; without tf.
 */
import * as z from 'zod';
import { suggestion, UsageError } from '../errors.ts';
import { firstIssue, unknownKey } from '../graph/index.ts';
import { scheduleNames } from '../learn/loss/schedule.ts';
import { augment } from './augment-recipe.ts';
import { loss, needsTeacher, type ParsedLoss, teacherNamed } from './losses.ts';
import { startFields, tunedStage, tuneFields } from './tune.ts';

const share = z.number().min(0).max(1);
const belowOne = z.number().min(0).lt(1);
const positive = z.int().min(1);

/** The schema of an optimizer. */
export const optimizer = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sgd'),
    momentum: share.default(0.9),
    nesterov: z.boolean().default(true),
    weightDecay: z.number().min(0).default(5e-4),
  }),
  z.strictObject({
    kind: z.literal('adam'),
    beta1: belowOne.default(0.9),
    beta2: belowOne.default(0.999),
    eps: z.number().positive().default(1e-8),
    weightDecay: z.number().min(0).default(0),
  }),
]);

/** The schema of a learning rate. */
export const rate = z.strictObject({ kind: z.enum(scheduleNames), peak: z.number().positive() });
/** `"adam"` for `{ "kind": "adam" }`. */
const named = (value: unknown): unknown => (typeof value === 'string' ? { kind: value } : value);
/** A number for a rate that stays the same. */
const constantRate = (value: unknown): unknown =>
  typeof value === 'number' ? { kind: 'constant', peak: value } : value;
const count = positive.max(100_000_000);
/** Steps of growth: `parsePlan` looks into them. */
const plan = z.array(z.record(z.string(), z.unknown())).min(1);

/** A part of a run with losses of its own; what it does not say is the recipe's. */
const stage = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/)
    .optional(),
  steps: count,
  losses: z.array(loss).min(1).optional(),
  optimizer: z.preprocess(named, optimizer.optional()),
  rate: z.preprocess(constantRate, rate.optional()),
  ...tuneFields,
});

/** Where images come from when they are not the data's own. */
const transfer = z.discriminatedUnion('kind', [
  /** More of the training images, made by MUNGE. */
  z.strictObject({
    kind: z.literal('munge'),
    copies: positive.max(1000).default(4),
    p: share.default(0.5),
    s: z.number().positive().default(1),
  }),
  /** Made from what was recorded of the teacher, without any image. */
  z.strictObject({
    kind: z.literal('data-free'),
    /** A file of `recordMetadata`; by default the one beside the teacher. */
    metadata: z.string().optional(),
    images: positive.max(1_000_000).default(2000),
    steps: positive.default(200),
    rate: z.number().positive().default(0.07),
    layers: z.enum(['top', 'all']).default('all'),
    /** Neighbours that a pixel is averaged over, by side. */
    smooth: z
      .int()
      .min(1)
      .max(15)
      .refine((n) => n % 2 === 1, 'must be odd')
      .default(1),
  }),
  /** Noise with the data's mean and deviation: the baseline of data-free images. */
  z.strictObject({ kind: z.literal('noise'), images: positive.max(1_000_000).default(2000) }),
]);
export type Transfer = z.output<typeof transfer>;

const recipe = z.strictObject({
  /** The dataset: `mnist`, `fashion-mnist`, or the path of a `dataset.json` or a module (docs/guides/own-data.md). */
  data: z.string(),
  /** What is trained: an architecture with its options, such as `wrn depth=16 width=1 size=28 channels=1`. */
  student: z.string(),
  /** A cheap block put in place of the architecture's own, such as `BG(2,2)`. */
  block: z.string().optional(),
  /** What teaches: `<dataset>/<id>` or a folder. */
  teacher: z.string().optional(),
  /** In place of one teacher: several, whose mean logits teach. */
  ensemble: z.array(z.string()).min(2).optional(),
  /** More teachers, by the names that losses call them by: `{ "kind": "hints", "teacher": "big" }`. */
  teachers: z.record(z.string().regex(/^[A-Za-z0-9_-]+$/), z.string()).optional(),
  /** Nets between teacher and student, each taught by the one before: an architecture and, where they differ, steps. */
  assistants: z
    .array(z.strictObject({ student: z.string(), steps: count.optional() }))
    .min(1)
    .optional(),
  /** Nets of the student's architecture, each taught by the one before; the last is the student. */
  generations: z.int().min(2).max(100).optional(),
  losses: z.array(loss).min(1).optional(),
  optimizer: z.preprocess(named, optimizer).prefault({ kind: 'sgd' }),
  rate: z.preprocess(constantRate, rate).prefault({ kind: 'one-cycle', peak: 0.1 }),
  /** Of the whole run, or of each assistant where there are `stages`. */
  steps: count.optional(),
  /** Parts of the run, one after another, each on what the one before left. */
  stages: z.array(stage).min(1).optional(),
  ...tuneFields,
  ...startFields,
  /** Growth of the student before its first step: Net2Net's way to a student. */
  grow: plan.optional(),
  /** Growth in the middle of the run. */
  growth: z
    .array(z.strictObject({ at: z.int().min(1), plan, warmup: count.optional() }))
    .min(1)
    .optional(),
  /** One more head for this data beside the student's own, which the teacher's data is for. */
  newHead: z
    .strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z0-9_-]+$/)
        .default('new'),
      /** What the old head is measured on. */
      oldData: z.string().optional(),
    })
    .optional(),
  transfer: transfer.optional(),
  batch: positive.max(4096).default(64),
  seed: z.int().min(0).default(0),
  /** How training images are varied: a preset by its name, or an object. */
  augment,
  /** How many views of an image there are; then the teacher's values are kept. By default each epoch has a new view. */
  views: positive.optional(),
  /** The seed of the views, and of which examples are held out or drawn; `seed` by default. */
  viewSeed: z.int().min(0).optional(),
  /** Training examples held out, by class, for periodic evaluation. The test split is never looked at. */
  validation: z.int().min(0).default(0),
  /** Train on so many examples only, drawn by class and seed. */
  limit: positive.optional(),
  keep: z.enum(['last', 'best']).default('last'),
});
type Parsed = z.output<typeof recipe>;
export interface Recipe extends Parsed {
  /** Of the whole run. */
  readonly steps: number;
}
export type RecipeInput = z.input<typeof recipe>;

type Path = readonly PropertyKey[];
/** The place of a value or of its key in its file, such as `:12:5`; the empty text when it is not known. */
export type Locate = (path: Path, of?: 'value' | 'key') => string;

/**
 * Checks a value of JSON as a recipe, and fills in defaults.
 * @param name how messages call it; `locate` gives the place of a value in its file.
 * @throws UsageError that says where the value departs from a recipe.
 */
export function parseRecipe(value: unknown, name = 'recipe', locate: Locate = () => ''): Recipe {
  const fail = (path: Path, text: string): never => {
    throw new UsageError(`${name}${locate(path)}: ${text}`);
  };
  const parsed = recipe.safeParse(value, { error: unknownKey });
  if (!parsed.success) {
    const { path, isKey, text } = firstIssue(parsed.error);
    throw new UsageError(`${name}${locate(path, isKey ? 'key' : 'value')}: ${text}`);
  }
  const found = parsed.data;
  if (found.teacher !== undefined && found.ensemble)
    fail(['ensemble'], 'ensemble: replaces "teacher"; give only one of the two');
  checkLosses(found.losses, ['losses'], found, fail);
  found.stages?.forEach((s, i) => {
    checkLosses(s.losses, ['stages', i, 'losses'], found, fail);
  });
  const steps = found.steps ?? found.stages?.reduce((n, s) => n + s.steps, 0);
  if (steps === undefined)
    return fail([], 'steps: give the number of steps, or "stages" with steps of their own');
  if (found.assistants && found.generations !== undefined)
    fail(['generations'], 'generations: cannot be combined with "assistants"; give only one of the two');
  if (found.assistants && !taughtOf(found)) fail(['assistants'], 'assistants: need a "teacher"');
  if (!found.validation && [found, ...(found.stages ?? [])].some((s) => s.patience !== undefined))
    fail(['patience'], 'patience: needs "validation", the number of training examples to hold out');
  return { ...found, steps };
}

/** Whether one net teaches the student, or the mean of several. */
export const taughtOf = (r: Parsed): boolean =>
  r.teacher !== undefined || r.ensemble !== undefined || r.generations !== undefined;

function checkLosses(
  losses: readonly ParsedLoss[] = [],
  path: Path,
  r: Parsed,
  fail: (path: Path, text: string) => never,
): void {
  const known = Object.keys(r.teachers ?? {});
  const seen = new Set<string>();
  for (const [i, l] of losses.entries()) {
    const at = [...path, i];
    const teacher = teacherNamed(l);
    const name = teacher === undefined ? l.kind : `${l.kind}@${teacher}`;
    if (teacher === undefined && needsTeacher(l) && !taughtOf(r))
      fail(at, `the loss ${l.kind} needs a "teacher"`);
    if (teacher !== undefined && !known.includes(teacher)) {
      const given = known.join(', ') || 'none';
      fail(
        [...at, 'teacher'],
        `no teacher "${teacher}".${suggestion(teacher, known)} In "teachers": ${given}`,
      );
    }
    if (l.kind === 'multi-teacher') checkSeveral(l.teachers, at, known, fail);
    if (seen.has(name) && l.kind !== 'custom')
      fail(at, `the loss ${name} is listed twice; give it one weight`);
    seen.add(name);
  }
}

/** The teachers of a loss that reads several. */
function checkSeveral(
  named: Readonly<Record<string, number>> | undefined,
  at: Path,
  known: readonly string[],
  fail: (path: Path, text: string) => never,
): void {
  if (!known.length) fail(at, 'the loss multi-teacher needs "teachers", nets by their names');
  const unknown = Object.keys(named ?? {}).find((name) => !known.includes(name));
  if (unknown !== undefined)
    fail(
      [...at, 'teachers', unknown],
      `no teacher "${unknown}".${suggestion(unknown, known)} In "teachers": ${known.join(', ')}`,
    );
}

/** A recipe's stages as recipes of their own, in order; itself alone when it has none. */
export function stageRecipes(r: Recipe): readonly (Recipe & { readonly stage: string })[] {
  const { stages, ...whole } = r;
  if (!stages) return [{ ...whole, stage: 'training' }];
  return stages.map(({ name, steps, losses, optimizer, rate, ...rest }, i) => ({
    ...whole,
    ...tunedStage(rest),
    steps,
    ...(losses ? { losses } : {}),
    ...(optimizer ? { optimizer } : {}),
    ...(rate ? { rate } : {}),
    stage: name ?? `stage-${i + 1}`,
  }));
}
