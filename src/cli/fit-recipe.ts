/**
 * @file Makes a recipe from the arguments and flags of `moonlet fit` and `moonlet distill`, and checks it before
 * tensors are loaded.
 */
import { basename, join } from 'node:path';
import { architectures, compose } from '../../zoo/architectures/index.ts';
import { findStudent, recipeNames, zooFolder } from '../../zoo/folders.ts';
import { checkDataset } from '../data/index.ts';
import { engineNamed, threadsOf } from '../engine/names.ts';
import { suggestion, UsageError } from '../errors.ts';
import { scheduleNames } from '../learn/loss/schedule.ts';
import { readJson } from '../run/json-file.ts';
import { type Locate, parseRecipe, type Recipe } from '../run/recipe.ts';
import { parseSceneRecipe, type SceneRecipe, sceneTasks } from '../run/scene-recipe.ts';
import { augmentBy, augmentFlagNames } from './augment-flags.ts';
import type { Flags } from './fit.ts';
import { checkNetWords, isStudent } from './net-words.ts';
import { fraction, kebab, numberFlag, type Range, stepCount, wholeFlag } from './numbers.ts';
import { picturesBy } from './picture-flags.ts';
import { choiceOf, refuseTuning, tunedBy } from './tune-flags.ts';

/** Reads the recipe, checks what can be checked without tensors, and runs it. */
export async function runRecipe(words: readonly string[], flags: Flags, teaches: boolean): Promise<void> {
  const engine = { engine: engineNamed(flags.engine), ...threadsOf(flags.threads) };
  const base = baseOf(words, flags.student);
  const out = outOf(base, flags);
  const numbers = numbersOf(flags);
  const inputs = base.file === undefined ? [] : [base.file];
  const call = { out, inputs, force: flags.force ?? false, json: flags.json ?? false, ...engine };
  const task = base.value['task'];
  if (typeof task === 'string') {
    const recipe = sceneRecipeOf(task, base, flags, numbers);
    const { runScene } = await import('./scene-run.ts');
    return runScene(recipe, call);
  }
  const recipe = recipeOf(base, flags, numbers, teaches);
  checkNames(recipe);
  const { trainRecipe } = await import('./fit-run.ts');
  const board = flags.tensorboard === undefined ? {} : { tensorboard: flags.tensorboard };
  return trainRecipe(recipe, { ...call, ...board, every: numbers.every, pictures: picturesBy(flags) });
}

/** How a run was called for. */
export interface Call extends ReturnType<typeof threadsOf> {
  readonly out: string;
  /** Files that the run reads, beside the nets that the recipe names. */
  readonly inputs: readonly string[];
  readonly force: boolean;
  readonly json: boolean;
  readonly engine: ReturnType<typeof engineNamed>;
}

interface Base {
  readonly value: Readonly<Record<string, unknown>>;
  readonly locate: Locate;
  /** The recipe's file; undefined where words name an architecture. */
  readonly file?: string;
}
/** What a recipe file says, or what the words stand for; `student` takes the place of a recipe's own. */
function baseOf(words: readonly string[], student: string | undefined): Base {
  const [first = '', second] = words;
  const file = words.length ? recipeFile(words) : undefined;
  if (file === undefined) {
    if (words.length && student !== undefined)
      throw new UsageError(`--student ${student}: "${words.join(' ')}" already names the net; name one`);
    return { value: { student: student ?? words.join(' '), data: 'mnist' }, locate: () => '' };
  }
  if (second !== undefined)
    throw new UsageError(
      `unexpected argument "${second}" after the recipe ${first}; use a flag, or set it in your own copy of the recipe`,
    );
  const { value, locate } = readJson(file);
  if (!isRecord(value)) throw new UsageError(`${file}:1:1: a recipe is an object {...}`);
  return { value: student === undefined ? value : { ...value, student }, locate, file };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The file of a recipe that is named by its path, or by its name in the package; undefined for an architecture or a net. */
function recipeFile([first = '', ...others]: readonly string[]): string | undefined {
  if (first.endsWith('.json')) return first;
  const [name = ''] = first.trim().split(/\s+/);
  if (architectures.has(name) || isStudent(first)) return undefined;
  const recipes = recipeNames();
  if (recipes.includes(first)) return join(zooFolder('recipes'), `${first}.json`);
  if (others.length || name !== first) compose(name); // refuses it: recipes have no options
  const near = suggestion(first, [...recipes, ...architectures.keys()]);
  throw new UsageError(
    `no recipe and no architecture "${first}".${near} Recipes: ${recipes.join(', ')}; "moonlet list" lists the architectures`,
  );
}

/** Where a run without --out goes: `out/hints` for `hints.json`. */
function outOf({ file }: Base, { out }: Flags): string {
  if (out !== undefined) return out;
  if (file !== undefined) return join('out', basename(file, '.json'));
  throw new UsageError('training an architecture needs an output folder: --out <folder>');
}

type NumberName =
  | 'steps'
  | 'batch'
  | 'seed'
  | 'rate'
  | 'temperature'
  | 'alpha'
  | 'attention'
  | 'labelSmoothing';
type Numbers = Readonly<Record<NumberName, number | undefined>> & {
  readonly schedule: string | undefined;
  readonly every: number;
};

/** The numbers among the flags, and how the rate changes, all of them looked at before any work. @throws UsageError for one out of range. */
function numbersOf(flags: Flags): Numbers {
  const given = (
    name: NumberName,
    read: (name: string, text: string, range: Range) => number,
    range: Range = {},
  ): number | undefined => (flags[name] === undefined ? undefined : read(kebab(name), flags[name], range));
  return {
    steps: given('steps', wholeFlag, stepCount),
    batch: given('batch', wholeFlag, { min: 1, max: 4096 }),
    seed: given('seed', wholeFlag),
    rate: given('rate', numberFlag, { min: 0, above: true, max: 1e6 }),
    temperature: given('temperature', numberFlag, { min: 0, above: true, max: 1e6 }),
    alpha: given('alpha', numberFlag, fraction),
    attention: given('attention', numberFlag, { min: 0, max: 1e9 }),
    labelSmoothing: given('labelSmoothing', numberFlag, fraction),
    schedule: choiceOf('schedule', flags.schedule, scheduleNames),
    every: wholeFlag('checkpoint-every', flags.checkpointEvery, stepCount),
  };
}

/** The recipe with what the flags say put over it. */
function recipeOf(
  { value: base, locate, file }: Base,
  flags: Flags,
  numbers: Numbers,
  teaches: boolean,
): Recipe {
  checkLossFlags(base, numbers);
  const over = {
    ...commonFlags(flags, numbers),
    ...augmentBy(flags, base['augment']),
    ...stagesOf(base, numbers.steps),
    ...(flags.block === undefined ? {} : { block: flags.block }),
    ...tunedBy(flags),
    ...(numbers.steps === undefined && file === undefined ? { steps: 1000 } : {}),
    ...(teaches ? lossFlags(numbers) : {}),
  };
  const recipe = parseRecipe(smoothed({ ...base, ...over }, numbers), file ?? 'recipe', locate);
  if (teaches && !taught(recipe))
    throw new UsageError('distill needs a teacher: --teacher <student>, or "teacher" in the recipe');
  return recipe;
}

/** The stages of a recipe, their steps scaled so that they add up to `--steps`. */
function stagesOf(
  base: Readonly<Record<string, unknown>>,
  steps: number | undefined,
): Record<string, unknown> {
  const { stages } = base;
  if (steps === undefined || !Array.isArray(stages)) return {};
  const own = stages.map((s: unknown) => {
    const value = typeof s === 'object' && s !== null ? Reflect.get(s, 'steps') : undefined;
    return typeof value === 'number' ? value : 0;
  });
  const total = own.reduce((n, v) => n + v, 0);
  if (!(total > 0)) return {}; // the schema says what is wrong
  return {
    steps: undefined,
    stages: stages.map((s: unknown, i) => ({
      ...(typeof s === 'object' ? s : {}),
      steps: Math.max(1, Math.round(((own[i] ?? 0) * steps) / total)),
    })),
  };
}

/** @throws UsageError for flags about losses where the stages of a recipe have losses of their own. */
function checkLossFlags({ stages }: Readonly<Record<string, unknown>>, numbers: Numbers): void {
  if (
    !Array.isArray(stages) ||
    !stages.some((s: unknown) => typeof s === 'object' && s !== null && 'losses' in s)
  )
    return;
  for (const flag of ['temperature', 'alpha', 'attention', 'labelSmoothing'] as const)
    if (numbers[flag] !== undefined)
      throw new UsageError(
        `--${kebab(flag)}: the stages of the recipe have losses of their own; change them in a copy of the recipe`,
      );
}

/** Whether something teaches: another net, an earlier generation, the student's own branches or booster, or a net that grows. */
function taught(recipe: Recipe): boolean {
  const losses = [...(recipe.losses ?? []), ...(recipe.stages ?? []).flatMap((s) => s.losses ?? [])];
  return (
    [recipe.teacher, recipe.ensemble, recipe.teachers, recipe.generations, recipe.grow, recipe.growth].some(
      (part) => part,
    ) || losses.some(({ kind }) => kind === 'one' || kind === 'rocket')
  );
}

/** The fields that recipes of every task have, where flags say them. */
function commonFlags(flags: Flags, { steps, batch, seed, rate, schedule }: Numbers): Record<string, unknown> {
  const over = {
    data: flags.data,
    teacher: flags.teacher,
    steps,
    batch,
    seed,
    rate: rate === undefined && !schedule ? undefined : { kind: schedule ?? 'one-cycle', peak: rate ?? 0.1 },
  };
  return Object.fromEntries(Object.entries(over).filter(([, v]) => v !== undefined));
}

function lossFlags({ temperature, alpha, attention }: Numbers): Record<string, unknown> {
  if (temperature === undefined && alpha === undefined && attention === undefined) return {};
  return { losses: softLosses({ temperature, alpha, attention }) };
}

function softLosses({
  temperature,
  alpha,
  attention,
}: Pick<Numbers, 'temperature' | 'alpha' | 'attention'>): readonly object[] {
  const soft = alpha ?? 0.9;
  return [
    { kind: 'cross-entropy', weight: 1 - soft },
    { kind: 'soft-targets', weight: soft, temperature: temperature ?? 4 },
    ...(attention === undefined ? [] : [{ kind: 'attention', weight: attention }]),
  ];
}

/** The recipe with label smoothing in its cross-entropy. @throws UsageError when its losses have none. */
function smoothed(
  recipe: Readonly<Record<string, unknown>>,
  { labelSmoothing }: Numbers,
): Readonly<Record<string, unknown>> {
  if (labelSmoothing === undefined) return recipe;
  const usual =
    recipe['teacher'] || recipe['ensemble']
      ? softLosses({ temperature: undefined, alpha: undefined, attention: undefined })
      : [{ kind: 'cross-entropy' }];
  const losses: readonly unknown[] = Array.isArray(recipe['losses']) ? recipe['losses'] : usual;
  const isHard = (l: unknown): boolean => isRecord(l) && l['kind'] === 'cross-entropy';
  if (!losses.some(isHard))
    throw new UsageError(
      '--label-smoothing: the recipe has no cross-entropy with labels; leave the flag out',
    );
  return {
    ...recipe,
    losses: losses.map((l) => (isRecord(l) && isHard(l) ? { ...l, labelSmoothing } : l)),
  };
}

/** A recipe of a task on scenes, with what the flags say put over it. @throws UsageError for flags that it has no use for. */
function sceneRecipeOf(
  task: string,
  { value, locate, file }: Base,
  flags: Flags,
  numbers: Numbers,
): SceneRecipe {
  if (!sceneTasks.includes(task))
    throw new UsageError(
      `${file ?? 'recipe'}${locate(['task'])}: no task "${task}".${suggestion(task, sceneTasks)} Known: ${sceneTasks.join(', ')}`,
    );
  const foreign = ['block', 'temperature', 'alpha', 'attention', 'labelSmoothing'] as const;
  for (const flag of [...foreign, ...augmentFlagNames])
    if (flags[flag] !== undefined)
      throw new UsageError(`--${kebab(flag)}: recipes of the task "${task}" do not have it; remove the flag`);
  refuseTuning(flags, `recipes of the task "${task}"`);
  if (flags.tensorboard !== undefined)
    throw new UsageError(`--tensorboard: recipes of the task "${task}" do not have it; remove the flag`);
  const recipe = parseSceneRecipe({ ...value, ...commonFlags(flags, numbers) }, file, locate);
  checkNets(recipe.student, 'teacher' in recipe ? [recipe.teacher] : []);
  checkDataset(recipe.data);
  return recipe;
}

/** Refuses names of nets and data that do not exist. */
function checkNames(recipe: Recipe): void {
  const { student, teacher, ensemble = [], teachers = {}, assistants = [], transfer } = recipe;
  checkNets(student, [teacher, ...ensemble, ...Object.values(teachers)]);
  for (const assistant of assistants) compose(assistant.student);
  if (transfer?.kind !== 'data-free') checkDataset(recipe.data); // that one can do without
}

function checkNets(student: string, teachers: readonly (string | undefined)[]): void {
  checkNetWords(student);
  for (const name of teachers) if (name !== undefined) findStudent(name);
}
