/**
 * @file Trains nets of the zoo from zoo/pairs and puts them there: `npm run zoo -- train ID` (or `--all`). A student is
 * trained with its teacher and without, at each seed of its pair; the net of the first seed, taught, is installed with
 * its card when all runs are done. Stop it at any time: the same command resumes.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { note, percent } from '../../src/cli/say.ts';
import { MoonletError, UsageError } from '../../src/errors.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import { type Pair, pairNamed, pairs, parseRecipe } from '../../src/run/index.ts';
import { studentNames } from '../../zoo/folders.ts';
import { loadStudent } from '../../zoo/students.ts';
import { install } from './card.ts';
import { doRun, folderOf, type Run, type RunResult, resultOf, runsOf } from './run.ts';

interface Flags {
  readonly all?: boolean;
  readonly seed?: string;
  readonly withoutTeacher?: boolean;
  readonly from?: string;
  readonly out: string;
  readonly threads?: string;
  readonly force?: boolean;
}

const program = new Command()
  .argument('[id]', 'DATASET/ID, as in zoo/pairs')
  .option('--all', 'train all that are not there yet, teachers first')
  .option('--seed <n>', 'only the runs of this seed')
  .option('--without-teacher', 'only the runs without the teacher')
  .option('--from <dir>', "install a teacher from a finished run's folder instead of training it")
  .option('--out <dir>', 'where runs and the shared teacher outputs are kept', join('out', 'zoo'))
  .option('--threads <n>', 'of onnxruntime')
  .option('--force', 'forget finished and unfinished runs')
  .parse();
const [id] = program.args;
const flags = program.opts<Flags>();

const whole = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(`--${name} must be a whole number, got "${text}"`);
};

/** The runs asked for, each once. False when a signal stopped it. */
async function train(pair: Pair, signal: AbortSignal): Promise<boolean> {
  const seed = whole('seed', flags.seed);
  const threads = whole('threads', flags.threads);
  const all = runsOf(pair);
  const asked = all.filter(
    (run) => (seed === undefined || run.seed === seed) && !(flags.withoutTeacher && run.taught),
  );
  if (!asked.length)
    throw new UsageError(`${pair.id}: no run of seed ${seed}; its seeds are ${pair.seeds.join(', ')}`);
  for (const run of asked) {
    const o = { out: flags.out, signal, ...(flags.force ? { force: true } : {}) };
    if (!(await doRun(run, threads === undefined ? o : { ...o, threads }))) return false;
  }
  const results = all.map((run) => [run, resultOf(run, flags.out)] as const);
  const open = results.filter(([, result]) => !result).map(([run]) => folderOf(run, flags.out));
  if (open.length) note(`${pair.id}: not installed, since these runs are not done: ${open.join(', ')}`);
  else await finish(pair, results as (readonly [Run, RunResult])[]);
  return true;
}

async function finish(pair: Pair, results: readonly (readonly [Run, RunResult])[]): Promise<void> {
  writeAtomically(
    join(flags.out, pair.id, 'results.json'),
    `${JSON.stringify(
      results.map(([{ seed, taught }, { recipe: _, ...result }]) => ({ seed, taught, ...result })),
      null,
      2,
    )}\n`,
  );
  const accuracy = (seed: number, taught: boolean): number =>
    results.find(([run]) => run.seed === seed && run.taught === taught)?.[1].accuracy as number;
  const bySeed = pair.seeds.map((seed) => ({
    seed,
    withTeacher: accuracy(seed, true),
    withoutTeacher: accuracy(seed, false),
  }));
  const [first] = results as [readonly [Run, RunResult]];
  const net = loadStudent(folderOf(first[0], flags.out));
  say(await install(pair.teacher === undefined ? { pair, net } : { pair, net, bySeed }));
}

/** A finished run of `moonlet fit` as the zoo's net of this pair, when its recipe is the pair's. */
async function adopt(pair: Pair, folder: string): Promise<void> {
  if (pair.teacher !== undefined)
    throw new UsageError('--from is for teachers; students need all their runs');
  const path = join(folder, 'recipe.json');
  if (existsSync(path)) {
    const made = parseRecipe(JSON.parse(readText(path)), path);
    if (JSON.stringify(made) !== JSON.stringify(pair.recipe))
      throw new MoonletError(`${path}: another recipe than that of ${pair.id}`);
  }
  say(await install({ pair, net: loadStudent(folder) }));
}

const say = (card: Awaited<ReturnType<typeof install>>): void =>
  note(
    `zoo/students/${card.id}: ${percent(card.accuracy)} of ${card.n}` +
      (card.withTeacher === undefined || card.withoutTeacher === undefined
        ? ''
        : `; mean of ${card.bySeed?.length} seeds ${percent(card.withTeacher)} with its teacher, ${percent(card.withoutTeacher)} without`),
  );

async function main(): Promise<void> {
  if ((id === undefined) === !flags.all) throw new UsageError('say one DATASET/ID, or --all');
  const there = studentNames();
  const chosen =
    id === undefined ? pairs().filter((p) => flags.force || !there.includes(p.id)) : [pairNamed(id)];
  const ordered = [...chosen].sort(
    (a, b) => Number(a.teacher !== undefined) - Number(b.teacher !== undefined),
  );
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      note('\nstopping after this step; run the same command again to resume');
      stop.abort();
    });
  for (const pair of ordered) {
    if (flags.from !== undefined) await adopt(pair, flags.from);
    else if (!(await train(pair, stop.signal))) {
      process.exitCode = 130;
      return;
    }
  }
}

try {
  await main();
} catch (e) {
  if (!(e instanceof MoonletError)) throw e;
  note(`zoo:train: ${e.message}`);
  process.exitCode = e instanceof UsageError ? 2 : 1;
}
