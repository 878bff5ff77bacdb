/**
 * @file The schema of recipes on scenes: the student, the scenes, and which of the methods 159 to 163. JSON,
 * validated.
 */
import * as z from 'zod';
import { UsageError } from '../errors.ts';
import { firstIssue, unknownKey } from '../graph/index.ts';
import { modalities } from '../learn/task/scene-input.ts';
import { type Locate, optimizer, rate } from './recipe.ts';

const positive = z.int().min(1);
const weight = z.number().min(0);
const pair = z.tuple([z.string(), z.string()]);

/** Fields of every task: `steps` steps of `batch` scenes with an optimizer, by default Adam. */
const run = {
  /** Whose images stand in the scenes: `mnist` or `fashion-mnist`. */
  data: z.string(),
  /** An architecture with its options. */
  student: z.string(),
  optimizer: optimizer.prefault({ kind: 'adam' }),
  rate: rate.prefault({ kind: 'one-cycle', peak: 0.01 }),
  steps: positive.max(100_000_000),
  batch: positive.max(4096).default(16),
  /** Of weights, order and sampling. The scenes are those of seed 0 always. */
  seed: z.int().min(0).default(0),
};
const scenes = {
  /** Training scenes, of training images. */
  scenes: positive.max(100_000).default(2000),
  /** Test scenes, of test images. */
  test: positive.max(100_000).default(500),
};
/** A shipped net or a folder with one. */
const teacher = z.string();

const detectionLoss = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('detector'), weight: weight.default(1) }),
  z.strictObject({ kind: z.literal('mimic'), weight: weight.default(1), pair: pair.optional() }),
  z.strictObject({
    kind: z.literal('detection'),
    weight: weight.default(1),
    hard: z.number().min(0).max(1).default(0.5),
    bounded: weight.default(0.5),
    margin: z.number().default(0),
    ground: weight.default(1.5),
  }),
  z.strictObject({ kind: z.literal('hints'), weight: weight.default(0.5), pair: pair.optional() }),
]);
const tasks = z.strictObject({ segmentation: weight, depth: weight, contour: weight }).partial();

const recipe = z.discriminatedUnion('task', [
  z.strictObject({
    task: z.literal('detection'),
    ...run,
    ...scenes,
    teacher: teacher.optional(),
    losses: z
      .array(detectionLoss)
      .min(1)
      .prefault([{ kind: 'detector' }]),
  }),
  z.strictObject({
    task: z.literal('parsing'),
    ...run,
    ...scenes,
    modality: z.enum(modalities).default('intensity'),
    /** Weights of the tasks; 1 by default. */
    tasks: tasks.optional(),
  }),
  z.strictObject({
    task: z.literal('cross-modal'),
    ...run,
    ...scenes,
    teacher,
    /** What the teacher sees, and what the student sees. */
    from: z.enum(modalities).default('intensity'),
    to: z.enum(modalities).default('depth'),
    /** How many of the scenes have labels in the student's modality. */
    labelled: positive,
    /** Steps on pairs without labels, before `steps` with labels; 0 leaves the transfer out. */
    transfer: z.int().min(0),
    /** Layers of student and teacher; by default the last stage of both. */
    pair: pair.optional(),
  }),
  z.strictObject({
    task: z.literal('neuron-selection'),
    ...run,
    teacher,
    /** Training images, drawn by class. */
    limit: positive.optional(),
    /** Of the loss on neurons; 0 leaves it out. */
    weight: weight.default(1),
    lambda: weight.default(1),
    cost: weight.default(0.1),
    /** What neurons are judged by. */
    attributes: z
      .array(z.enum(['strokeWidth', 'slant', 'loops', 'class']))
      .min(1)
      .default(['strokeWidth', 'slant', 'loops', 'class']),
  }),
]);
export type SceneRecipe = z.output<typeof recipe>;
/** The tasks that such a recipe can have. */
export const sceneTasks: readonly string[] = recipe.options.map((form) => form.shape.task.value);
export type SceneRecipeOf<T extends SceneRecipe['task']> = Extract<SceneRecipe, { task: T }>;
export type SceneRecipeInput = z.input<typeof recipe>;

/**
 * Checks a value of JSON as a recipe on scenes, and fills in defaults.
 * @param name how messages call it; `locate` gives the place of a value in its file.
 * @throws UsageError that says where the value departs from a recipe.
 */
export function parseSceneRecipe(value: unknown, name = 'recipe', locate: Locate = () => ''): SceneRecipe {
  const parsed = recipe.safeParse(value, { error: unknownKey });
  if (!parsed.success) {
    const { path, isKey, text } = firstIssue(parsed.error);
    throw new UsageError(`${name}${locate(path, isKey ? 'key' : 'value')}: ${text}`);
  }
  const found = parsed.data;
  if (found.task === 'cross-modal' && found.labelled > found.scenes)
    throw new UsageError(
      `${name}${locate(['labelled'])}: labelled: ${found.labelled} of ${found.scenes} scenes cannot have labels`,
    );
  if (found.task !== 'detection') return found;
  const taught = found.losses.findIndex((l) => l.kind !== 'detector');
  const loss = found.losses[taught];
  if (loss && !found.teacher)
    throw new UsageError(`${name}${locate(['losses', taught])}: the loss ${loss.kind} needs a "teacher"`);
  return found;
}

/** The same run without the teacher's signal, at the same number of steps. */
export function withoutTeacher(r: SceneRecipe): SceneRecipe {
  switch (r.task) {
    case 'detection': {
      const { teacher: _, ...alone } = r;
      return { ...alone, losses: [{ kind: 'detector', weight: 1 }] };
    }
    case 'parsing':
      return { ...r, student: `${r.student.replace(/ module=\S+/, '')} module=none` };
    case 'cross-modal':
      return { ...r, transfer: 0, steps: r.steps + r.transfer };
    case 'neuron-selection':
      return { ...r, weight: 0 };
  }
}
