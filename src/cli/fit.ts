/** @file `moonlet fit` and `moonlet distill`: a run from a recipe file or from flags, resumable. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { architectures, compose, loadStudent } from '../../zoo/index.ts';
import { type Dataset, hold, loadDataset, type Split, take } from '../data/index.ts';
import { cheapen } from '../edit/cheapen.ts';
import { engineNamed, engineNames, threadsOf } from '../engine/index.ts';
import { MoonletError, oneLine, suggestion, UsageError } from '../errors.ts';
import {
  checkFit,
  evaluate,
  fit,
  fitOptions,
  methods,
  parseRecipe,
  type Recipe,
  scheduleNames,
} from '../learn/index.ts';
import { cost } from '../read/cost.ts';
import { classesOf } from '../read/ends.ts';
import { columns } from '../read/show.ts';
import { init, type Net } from '../weights/index.ts';
import { checkpointFiles, outFolder, readText, saveNet, writeAtomically } from './files.ts';
import { count, note, percent, print, printJson, trainingBar } from './say.ts';
import { type Task, tasks } from './tasks.ts';

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
    .option('--force', 'empty the folder first')
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

const numberFlag = (flags: Flags, name: keyof Flags): number | undefined => {
  const text = flags[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (typeof text === 'string' && text.trim() !== '' && Number.isFinite(value)) return value;
  throw new UsageError(`--${name} must be a number, got "${String(text)}"`);
};

function taskNamed(name: string): Task {
  const known = Object.keys(tasks);
  const task = tasks[name];
  if (task) return task;
  throw new UsageError(`no task "${name}".${suggestion(name, known)} Known: ${known.join(', ') || 'none'}`);
}

/** What a recipe file says, or what the words stand for. */
function baseOf(words: readonly string[]): Readonly<Record<string, unknown>> {
  const [first = ''] = words;
  if (!first.endsWith('.json')) return { student: words.join(' '), data: 'mnist' };
  if (words.length > 1)
    throw new UsageError(`"${words[1]}" behind a recipe file; say it by flags or in the file`);
  try {
    return JSON.parse(readText(first)) as Record<string, unknown>;
  } catch (e) {
    if (e instanceof MoonletError) throw e;
    throw new UsageError(`${first}: not JSON (${oneLine((e as Error).message)})`);
  }
}

/** The recipe with what the flags say put over it. */
function recipeOf(
  base: Readonly<Record<string, unknown>>,
  words: readonly string[],
  flags: Flags,
  teaches: boolean,
): Recipe {
  const [first = ''] = words;
  const fromFile = first.endsWith('.json');
  const [steps, batch, seed, rate] = (['steps', 'batch', 'seed', 'rate'] as const).map((k) =>
    numberFlag(flags, k),
  );
  const over = {
    data: flags.data,
    block: flags.block,
    teacher: flags.teacher,
    steps: steps ?? (fromFile ? undefined : 1000),
    batch,
    seed,
    rate:
      rate === undefined && !flags.schedule
        ? undefined
        : { kind: flags.schedule ?? 'one-cycle', peak: rate ?? 0.1 },
    losses: teaches ? lossFlags(flags) : undefined,
  };
  const recipe = parseRecipe(
    { ...base, ...Object.fromEntries(Object.entries(over).filter(([, v]) => v !== undefined)) },
    fromFile ? first : 'recipe',
  );
  if (teaches && !recipe.teacher)
    throw new UsageError('distill needs a teacher: --teacher <student>, or "teacher" in the recipe');
  return recipe;
}

function lossFlags(flags: Flags): unknown {
  const [temperature = 4, alpha, beta] = (['temperature', 'alpha', 'attention'] as const).map((k) =>
    numberFlag(flags, k),
  );
  if (flags.temperature === undefined && alpha === undefined && beta === undefined) return undefined;
  const soft = alpha ?? 0.9;
  return [
    { kind: 'cross-entropy', weight: 1 - soft },
    { kind: 'soft-targets', weight: soft, temperature },
    ...(beta === undefined ? [] : [{ kind: 'attention', weight: beta }]),
  ];
}

/** The net that a recipe trains, with fresh weights or those of a folder. */
export function studentOf(recipe: Recipe): Net {
  const known = architectures.has(recipe.student.trim().split(/\s+/)[0] ?? '');
  if (!known && existsSync(join(recipe.student, 'graph.json'))) return loadStudent(recipe.student);
  const graph = compose(recipe.student);
  return init(recipe.block ? cheapen(graph, recipe.block) : graph, { seed: recipe.seed });
}

/** What a recipe trains on, and what it holds out. */
export function partsOf(recipe: Recipe, { train }: Dataset): { train: Split; validation?: Split } {
  const seed = recipe.viewSeed ?? recipe.seed;
  const parts = recipe.validation ? hold(train, recipe.validation, seed) : { train };
  return recipe.limit ? { ...parts, train: take(parts.train, recipe.limit, seed) } : parts;
}

async function run(words: readonly string[], flags: Flags, teaches = false): Promise<void> {
  const engine = { engine: engineNamed(flags.engine), ...threadsOf(flags.threads) };
  const out = outOf(words, flags);
  const base = baseOf(words);
  if (typeof base['task'] === 'string') {
    const at = {
      name: words[0] ?? '',
      out,
      force: flags.force ?? false,
      json: flags.json ?? false,
      ...engine,
    };
    return taskNamed(base['task'])(base, at);
  }
  const recipe = recipeOf(base, words, flags, teaches);
  const every = numberFlag(flags, 'checkpointEvery') ?? 100;
  if (!Number.isInteger(every) || every < 1)
    throw new UsageError(`--checkpoint-every must be a whole number from 1 up, got ${every}`);
  const net = studentOf(recipe);
  const teacher = recipe.teacher === undefined ? undefined : loadStudent(recipe.teacher);
  const data = await loadDataset(recipe.data);
  checkFit(net.graph, classesOf(net.graph), data);
  if (teacher) checkFit(teacher.graph, classesOf(teacher.graph), data);
  const checkpointFolder = join(out, 'checkpoints');
  const resumes =
    !flags.force &&
    existsSync(join(checkpointFolder, 'last.safetensors')) &&
    !existsSync(join(out, 'graph.json'));
  if (!resumes) outFolder(out, flags.force ?? false);

  const parts = partsOf(recipe, data);
  note(
    `${net.graph.name}: ${count(cost(net.graph).params)} parameters, ${count(recipe.steps)} steps of ${recipe.batch} on ${data.name}`,
  );
  if (data.note) note(data.note);
  const stop = new AbortController();
  const onSignal = (): void => {
    note('\nstopping after this step; run the same command again to resume');
    stop.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  let bar: ReturnType<typeof trainingBar> | undefined;
  let from = 0;
  const fitted = await fit(net, parts.train, data, {
    ...fitOptions(recipe),
    ...engine,
    checkpoints: checkpointFiles(checkpointFolder),
    checkpointEvery: every,
    signal: stop.signal,
    ...(teacher ? { teacher } : {}),
    ...(parts.validation ? { validation: parts.validation } : {}),
    onResume: (step) => {
      from = step;
      note(`resuming after step ${step}`);
    },
    onStep: (at) => {
      bar ??= trainingBar('training', recipe.steps, recipe.batch, from);
      bar.step(at);
    },
    onValidation: (step, accuracy) => bar?.say(`step ${step}: ${percent(accuracy)} of the held-out images`),
  });
  bar?.end();
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  if (!fitted.finished) {
    note(`stopped at step ${fitted.history.loss.length} of ${recipe.steps}; the checkpoint is saved`);
    process.exitCode = 130;
    return;
  }
  const { accuracy, n } = await evaluate(fitted.net, data.test, data, engine);
  const result = {
    out,
    steps: recipe.steps,
    finalLoss: fitted.history.loss.at(-1),
    accuracy,
    n,
    params: cost(net.graph).params,
  };
  writeAtomically(join(out, 'recipe.json'), `${JSON.stringify(recipe, null, 2)}\n`);
  writeAtomically(join(out, 'history.json'), `${JSON.stringify(fitted.history)}\n`);
  saveNet(out, fitted.net);
  if (flags.json) return printJson(result);
  print(
    `${percent(accuracy)} of ${count(n)} test images of ${data.name}; final loss ${result.finalLoss}; saved in ${out}`,
  );
}
