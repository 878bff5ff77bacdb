/** @file `moonlet fit` and `moonlet distill`: a run from a recipe file or from flags, resumable. */

import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { filesOf, jsonFile } from '../../zoo/index.ts';
import { engineNamed, engineNames, threadsOf } from '../engine/index.ts';
import { suggestion, UsageError } from '../errors.ts';
import { type Out, withOut } from '../files/index.ts';
import { methods } from '../learn/distill/index.ts';
import { scheduleNames } from '../learn/loss/index.ts';
import { columns, cost } from '../read/index.ts';
import {
  checkpointFiles,
  type Done,
  inputsOf,
  type Locate,
  parseRecipe,
  perform,
  type Ready,
  type Recipe,
  readJson,
  readyFor,
} from '../run/index.ts';
import { forceHelp, fraction, numberFlag, type Range, stepCount, wholeFlag } from './numbers.ts';
import { count, note, percent, print, printJson, stopping, trainingBar } from './say.ts';
import { type Task, tasks } from './scene-tasks.ts';

interface Flags {
  readonly data?: string;
  readonly block?: string;
  readonly teacher?: string;
  readonly steps?: string;
  readonly batch?: string;
  readonly seed?: string;
  readonly rate?: string;
  readonly schedule?: string;
  readonly temperature?: string;
  readonly alpha?: string;
  readonly attention?: string;
  readonly out?: string;
  readonly list?: boolean;
  readonly force?: boolean;
  readonly engine: string;
  readonly threads?: string;
  readonly checkpointEvery: string;
  readonly json?: boolean;
}

const common = (command: Command, words = '<recipe or arch...>'): Command =>
  command
    .argument(words, 'a recipe file (.json), or an architecture with its options')
    .option(
      '--out <folder>',
      'where graph.json, weights.safetensors and checkpoints go, out/<recipe> unless told; an unfinished run there is resumed',
    )
    .option('--data <name>', 'mnist or fashion-mnist')
    .option('--block <block>', "a cheap block for the architecture, such as 'BG(2,2)'")
    .option('--steps <n>', 'training steps')
    .option('--batch <n>', 'images in a step')
    .option('--seed <n>', 'of weights, order and augmentation')
    .option('--rate <x>', 'peak learning rate')
    .option('--schedule <name>', scheduleNames.join(', '))
    .option('--checkpoint-every <n>', 'steps between checkpoints', '100')
    .option('--engine <name>', engineNames.join(', '), 'onnxruntime')
    .option('--threads <n>', 'of onnxruntime; one for each core unless told')
    .option('--force', forceHelp)
    .option('--json', 'print one JSON document at the end');

export const fitCommand = (program: Command): void => {
  common(program.command('fit').description('train a net')).action((words: string[], flags: Flags) =>
    run(words, flags),
  );
};
export const distillCommand = (program: Command): void => {
  common(program.command('distill').description('train a student by a teacher'), '[recipe or arch...]')
    .option('--list', 'the methods of the survey, and nothing else')
    .option('--teacher <student>', '<dataset>/<id> or a folder')
    .option('--temperature <x>', 'of the soft targets')
    .option('--alpha <x>', 'share of the soft targets; the rest is for the labels')
    .option('--attention <beta>', 'adds attention transfer with this weight')
    .action((words: string[], flags: Flags) => (flags.list ? list(flags) : run(needed(words), flags, true)));
};

function list({ json }: Flags): void {
  if (json) return printJson(methods);
  const rows = methods.map((m) => [`[${m.ref}]`, m.id, `${m.authors} ${m.year}`, m.title]);
  print(columns([['ref', 'method', 'authors', 'title'], ...rows]));
}

function needed(words: readonly string[]): readonly string[] {
  if (words.length) return words;
  throw new UsageError(
    'distill needs a recipe file, an architecture with its options, or --list to see the methods',
  );
}

/** Where a run without --out goes: `out/hints` for `hints.json`. */
function outOf(words: readonly string[], { out }: Flags): string {
  if (out !== undefined) return out;
  const [first = ''] = words;
  if (first.endsWith('.json')) return join('out', basename(first, '.json'));
  throw new UsageError('an architecture needs a folder for what is trained: --out <folder>');
}

type NumberName = 'steps' | 'batch' | 'seed' | 'rate' | 'temperature' | 'alpha' | 'attention';
type Numbers = Readonly<Record<NumberName, number | undefined>> & { readonly every: number };

/** The numbers among the flags, all of them looked at before any work. @throws UsageError for one out of range. */
function numbersOf(flags: Flags): Numbers {
  const given = (
    name: NumberName,
    read: (name: string, text: string, range: Range) => number,
    range: Range = {},
  ): number | undefined => (flags[name] === undefined ? undefined : read(name, flags[name], range));
  return {
    steps: given('steps', wholeFlag, stepCount),
    batch: given('batch', wholeFlag, { min: 1, max: 4096 }),
    seed: given('seed', wholeFlag),
    rate: given('rate', numberFlag, { min: 0, above: true, max: 1e6 }),
    temperature: given('temperature', numberFlag, { min: 0, above: true, max: 1e6 }),
    alpha: given('alpha', numberFlag, fraction),
    attention: given('attention', numberFlag, { min: 0, max: 1e9 }),
    every: wholeFlag('checkpoint-every', flags.checkpointEvery, stepCount),
  };
}

function taskNamed(name: string): Task {
  const known = Object.keys(tasks);
  const task = tasks[name];
  if (task) return task;
  throw new UsageError(`no task "${name}".${suggestion(name, known)} Known: ${known.join(', ') || 'none'}`);
}

interface Base {
  readonly value: Readonly<Record<string, unknown>>;
  readonly locate: Locate;
}
/** What a recipe file says, or what the words stand for. */
function baseOf(words: readonly string[]): Base {
  const [first = ''] = words;
  if (!first.endsWith('.json'))
    return { value: { student: words.join(' '), data: 'mnist' }, locate: () => '' };
  if (words.length > 1)
    throw new UsageError(`"${words[1]}" behind a recipe file; say it by flags or in the file`);
  const { value, locate } = readJson(first);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`${first}:1:1: a recipe is an object {...}`);
  return { value: value as Record<string, unknown>, locate };
}

/** The recipe with what the flags say put over it. */
function recipeOf(
  { value: base, locate }: Base,
  words: readonly string[],
  flags: Flags,
  numbers: Numbers,
  teaches: boolean,
): Recipe {
  const [first = ''] = words;
  const fromFile = first.endsWith('.json');
  const over = {
    ...commonFlags(flags, numbers),
    ...(flags.block === undefined ? {} : { block: flags.block }),
    ...(numbers.steps === undefined && !fromFile ? { steps: 1000 } : {}),
    ...(teaches ? lossFlags(numbers) : {}),
  };
  const recipe = parseRecipe({ ...base, ...over }, fromFile ? first : 'recipe', locate);
  const kinds = [...(recipe.losses ?? []), ...(recipe.stages ?? []).flatMap((s) => s.losses ?? [])].map(
    (l) => l.kind,
  );
  const own =
    kinds.some((kind) => kind === 'one' || kind === 'rocket') ||
    recipe.grow ||
    recipe.growth ||
    recipe.teachers;
  if (teaches && !recipe.teacher && !recipe.ensemble && !own)
    throw new UsageError('distill needs a teacher: --teacher <student>, or "teacher" in the recipe');
  return recipe;
}

/** The fields that recipes of every task have, where flags say them. */
function commonFlags(flags: Flags, { steps, batch, seed, rate }: Numbers): Record<string, unknown> {
  const over = {
    data: flags.data,
    teacher: flags.teacher,
    steps,
    batch,
    seed,
    rate:
      rate === undefined && !flags.schedule
        ? undefined
        : { kind: flags.schedule ?? 'one-cycle', peak: rate ?? 0.1 },
  };
  return Object.fromEntries(Object.entries(over).filter(([, v]) => v !== undefined));
}

function lossFlags({ temperature, alpha, attention }: Numbers): Record<string, unknown> {
  if (temperature === undefined && alpha === undefined && attention === undefined) return {};
  const soft = alpha ?? 0.9;
  const losses = [
    { kind: 'cross-entropy', weight: 1 - soft },
    { kind: 'soft-targets', weight: soft, temperature: temperature ?? 4 },
    ...(attention === undefined ? [] : [{ kind: 'attention', weight: attention }]),
  ];
  return { losses };
}

/** A recipe of another task, with what the flags say put over it. @throws UsageError for flags that it has no use for. */
function runTask(
  name: string,
  { value, locate }: Base,
  words: readonly string[],
  flags: Flags,
): Promise<void> {
  const task = taskNamed(name);
  const numbers = numbersOf(flags);
  for (const flag of ['block', 'temperature', 'alpha', 'attention'] as const)
    if (flags[flag] !== undefined)
      throw new UsageError(`--${flag}: a recipe of the task "${name}" has none; leave it out`);
  return task(
    { ...value, ...commonFlags(flags, numbers) },
    {
      name: words[0] ?? '',
      locate,
      out: outOf(words, flags),
      force: flags.force ?? false,
      json: flags.json ?? false,
      engine: engineNamed(flags.engine),
    },
  );
}

async function run(words: readonly string[], flags: Flags, teaches = false): Promise<void> {
  const engine = { engine: engineNamed(flags.engine), ...threadsOf(flags.threads) };
  const folder = outOf(words, flags);
  const base = baseOf(words);
  const task = base.value['task'];
  if (typeof task === 'string') return runTask(task, base, words, flags);
  const numbers = numbersOf(flags);
  const recipe = recipeOf(base, words, flags, numbers, teaches);
  const ready = await readyFor(recipe, engine);
  const options = {
    force: flags.force ?? false,
    writes: ['recipe.json', 'history.json', 'graph.json', 'weights.safetensors'],
    inputs: inputsOf(recipe, words),
    resumes: true,
  };
  await withOut(folder, options, (out) => train(ready, numbers.every, out, flags));
}

/** Trains what is ready, and publishes it when it is finished. */
async function train(ready: Ready, every: number, out: Out, flags: Flags): Promise<void> {
  const { student, data, recipe } = ready;
  note(
    `${student.graph.name}: ${count(cost(student.graph).params)} parameters, ${count(recipe.steps)} steps of ${recipe.batch} on ${recipe.data}`,
  );
  if (data?.note) note(data.note);
  const stop = stopping(flags.force ?? false);
  let bar: ReturnType<typeof trainingBar> | undefined;
  let from = 0;
  let stage = { name: 'training', steps: recipe.steps };
  const single = ready.links.length === 1 && ready.links[0]?.stages.length === 1;
  const done = await perform(ready, {
    say: note,
    checkpoints: (name) => checkpointFiles(single ? out.checkpoints : join(out.checkpoints, name)),
    onStage: (next) => {
      bar?.end();
      [bar, from, stage] = [undefined, 0, next];
    },
    options: {
      checkpointEvery: every,
      signal: stop.signal,
      onResume: (step) => {
        from = step;
        note(`resuming after step ${step}`);
      },
      onStep: (at) => {
        bar ??= trainingBar(stage.name, stage.steps, recipe.batch, from);
        bar.step(at);
      },
      onValidation: (step, accuracy) => bar?.say(`step ${step}: ${percent(accuracy)} of the held-out images`),
    },
  });
  bar?.end();
  stop.end();
  const { fitted } = done;
  if (!fitted.finished) {
    note(`stopped at step ${fitted.history.loss.length} of ${stage.steps}; the checkpoint is saved`);
    process.exitCode = 130;
    return;
  }
  out.publish([
    jsonFile('recipe.json', recipe),
    { file: 'history.json', content: `${JSON.stringify(fitted.history)}\n` },
    ...filesOf(fitted.net),
  ]);
  say(recipe, done, out.folder, flags.json ?? false);
}

function say(recipe: Recipe, done: Done, out: string, json: boolean): void {
  const { fitted } = done;
  const result = {
    out,
    steps: recipe.steps,
    finalLoss: fitted.history.loss.at(-1),
    accuracy: done.accuracy ?? null,
    n: done.n ?? 0,
    params: cost(fitted.net.graph).params,
    ...(done.oldAccuracy === undefined ? {} : { oldAccuracy: done.oldAccuracy }),
    ...(done.notes.length ? { notes: done.notes } : {}),
  };
  if (json) return printJson(result);
  if (done.oldAccuracy !== undefined)
    print(`the old head: ${percent(done.oldAccuracy)} of the test images of ${recipe.newHead?.oldData}`);
  const measured =
    done.accuracy === undefined
      ? `no data here to measure it on`
      : `${percent(done.accuracy)} of ${count(result.n)} test images of ${recipe.data}`;
  print(`${measured}; final loss ${result.finalLoss}; saved in ${out}`);
}
