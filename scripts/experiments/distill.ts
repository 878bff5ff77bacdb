/**
 * @file The experiment of distillation: each classifier method's recipe against its own baseline at the same budget, three
 * seeds, and what a step costs. Finished runs are kept in out/experiments/distill under a hash of their recipe, so that a
 * broken experiment goes on where it was and rows share baselines. `--quick` tries everything with four steps, writes nothing.
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { median } from '../../src/bench/numbers.ts';
import { note, print } from '../../src/cli/say.ts';
import { grow, parsePlan } from '../../src/edit/index.ts';
import { UsageError } from '../../src/errors.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import { laterMethods, methods } from '../../src/learn/distill/index.ts';
import { columns } from '../../src/read/index.ts';
import {
  parseRecipe,
  perform,
  type Ready,
  type Recipe,
  type RecipeInput,
  readyFor,
} from '../../src/run/index.ts';
import { init, type Net } from '../../src/weights/index.ts';
import { table as markdown } from '../lib/markdown.ts';
import { paired, pairedText } from '../lib/paired.ts';

const { seeds, only, quick } = new Command()
  .option('--seeds <n>', 'how many seeds', '3')
  .option('--only <methods>', 'names with commas between')
  .option('--quick', 'four steps each, to see that all runs')
  .parse()
  .opts<{ seeds: string; only?: string; quick?: boolean }>();

const folder = join('out', 'experiments', quick ? 'distill-quick' : 'distill');
/** Harder than digits, where all nets are near 99 %. */
const garments = { data: 'fashion-mnist-earlier', teacher: 'fashion-mnist/wrn-16-2' };
const plainLoss: RecipeInput['losses'] = [{ kind: 'cross-entropy' }];

interface Row {
  readonly id: string;
  readonly baseline: string;
  /** What is put over the recipe for both runs. */
  readonly over?: Partial<RecipeInput>;
  /** What is put over it for the baseline; an undefined field is taken away. */
  readonly without: { readonly [K in keyof RecipeInput]?: RecipeInput[K] | undefined };
  /** The baseline begins with fresh weights in the graph that the method ends with. */
  readonly fresh?: boolean;
  readonly metric?: 'accuracy' | 'oldAccuracy';
}
const plain = { losses: plainLoss, stages: undefined, teacher: undefined };
const rows: readonly Row[] = [
  {
    id: 'munge',
    baseline: 'the original small set alone',
    over: garments,
    without: { ...plain, transfer: undefined },
  },
  {
    id: 'logits',
    baseline: 'plain training on 10,000 labelled images (the method sees all images, and no label)',
    over: garments,
    without: { ...plain, limit: 10_000, rate: { kind: 'one-cycle', peak: 0.002 } },
  },
  { id: 'hints', baseline: 'plain training', over: garments, without: plain },
  {
    id: 'net2net',
    baseline: 'the same net from scratch',
    without: { teacher: undefined, rate: { kind: 'one-cycle', peak: 0.1 } },
    fresh: true,
  },
  {
    id: 'growth',
    baseline: 'the grown net from scratch',
    over: { data: 'fashion-mnist-earlier' },
    without: { growth: undefined },
    fresh: true,
  },
  {
    id: 'lwf',
    baseline: 'fine-tuning without the old outputs',
    metric: 'oldAccuracy',
    over: { data: 'fashion-mnist-earlier' },
    without: {
      stages: [
        { name: 'warm-up', steps: 200, train: ['heads'], losses: plainLoss },
        { name: 'together', steps: 600, losses: plainLoss, rate: { kind: 'one-cycle', peak: 0.02 } },
      ],
    },
  },
  {
    id: 'moonshine',
    baseline: 'the cheap net without attention',
    over: { ...garments, student: 'wrn depth=16 width=2 size=28 channels=1' },
    without: plain,
  },
  {
    id: 'one',
    baseline: 'one branch alone',
    over: { data: 'fashion-mnist-earlier' },
    without: { losses: plainLoss },
  },
  { id: 'soft-targets', baseline: 'plain training', over: garments, without: plain },
  // flow matrices ask for equal channels
  {
    id: 'fsp',
    baseline: 'plain training',
    over: { ...garments, teacher: 'fashion-mnist/wrn-16-1' },
    without: plain,
  },
  { id: 'darkrank', baseline: 'plain training', over: garments, without: plain },
  { id: 'sobolev', baseline: 'plain training', over: garments, without: plain },
  {
    id: 'data-free',
    baseline: 'noise in place of images',
    without: { transfer: { kind: 'noise', images: 1000 } },
  },
  {
    id: 'rocket',
    baseline: 'the light net alone',
    over: { data: 'fashion-mnist-earlier' },
    without: { losses: plainLoss },
  },
  { id: 'attention', baseline: 'plain training', over: garments, without: plain },
  ...[
    'dkd',
    'dist',
    'logit-standardization',
    'rkd',
    'srd',
    'review-kd',
    'crd',
    'features',
    'token-distillation',
  ].map((id): Row => ({ id, baseline: 'plain training', over: garments, without: plain })),
  {
    id: 'function-matching',
    baseline: 'plain training for as many steps',
    over: garments,
    without: { ...plain, augment: { shift: 2 } },
  },
  {
    id: 'born-again',
    baseline: 'one generation',
    over: { data: 'fashion-mnist' },
    without: { losses: plainLoss, generations: undefined },
  },
  {
    id: 'multi-teacher',
    baseline: 'plain training',
    over: {
      data: 'fashion-mnist',
      teachers: { wide: 'fashion-mnist/wrn-16-2', narrow: 'fashion-mnist/wrn-16-1' },
      losses: [
        { kind: 'cross-entropy', weight: 0.1 },
        { kind: 'multi-teacher', weight: 0.9, teachers: { wide: 2, narrow: 1 } },
      ],
    },
    without: { ...plain, teachers: undefined },
  },
];

interface Result {
  readonly metric: number;
  readonly params: number;
  /** The middle of the steps' times, by stage and step. */
  readonly msPerStep: number;
  readonly seconds: number;
}

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

async function run(row: Row, seed: number, taught: boolean): Promise<Result> {
  const recipe = recipeOf(row, seed, taught);
  const fresh = row.fresh === true && !taught;
  const key = createHash('sha256')
    .update(JSON.stringify([recipe, fresh]))
    .digest('hex')
    .slice(0, 16);
  const file = join(folder, `${key}.json`);
  if (existsSync(file)) return JSON.parse(readText(file)) as Result;
  note(`${row.id}, seed ${seed}, ${taught ? 'with' : row.baseline}`);
  const loaded = await readyFor(recipe);
  const ready = fresh ? scratch(loaded, recipeOf(row, seed, true)) : loaded;
  const times: number[] = [];
  let last = performance.now();
  const began = last;
  const done = await perform(ready, {
    onStage: () => {
      last = performance.now();
    },
    options: {
      onStep: () => {
        const now = performance.now();
        times.push(now - last);
        last = now;
      },
    },
  });
  const metric = done[row.metric ?? 'accuracy'];
  if (metric === undefined) throw new UsageError(`${row.id}: nothing was measured`);
  const params = [...done.fitted.net.weights.values()].reduce((n, w) => n + w.data.length, 0);
  const result = { metric, params, msPerStep: median(times), seconds: (performance.now() - began) / 1000 };
  writeAtomically(file, JSON.stringify(result));
  return result;
}

/** `[153]` of the survey, the number at arXiv of later methods. */
function refOf(id: string): string {
  const later = laterMethods.find((m) => m.id === id);
  if (later) return later.arxiv ?? '';
  return `[${methods.find((m) => m.id === id)?.ref ?? (id === 'growth' ? 150 : 151)}]`;
}
const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;

const ids = only?.split(',');
const unknown = ids?.find((id) => !rows.some((r) => r.id === id));
if (unknown !== undefined)
  throw new UsageError(`no row "${unknown}"; there are ${rows.map((r) => r.id).join(', ')}`);
const count = Number(seeds);
if (!Number.isInteger(count) || count < 1 || count > 10)
  throw new UsageError(`--seeds must be a whole number from 1 to 10, got ${seeds}`);

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
  'step',
];
const table: string[][] = [];
for (const row of rows.filter((r) => !ids || ids.includes(r.id))) {
  const [with_, without]: [Result[], Result[]] = [[], []];
  for (let seed = 1; seed <= count; seed++) {
    with_.push(await run(row, seed, true));
    without.push(await run(row, seed, false));
  }
  const points = (list: readonly Result[]): string => (100 * mean(list.map((r) => r.metric))).toFixed(2);
  const difference = paired(with_.map((r, i) => 100 * (r.metric - (without[i] as Result).metric)));
  const recipe = recipeOf(row, 1, true);
  const times = [with_, without].map((list) => median(list.map((r) => r.msPerStep))) as [number, number];
  table.push([
    refOf(row.id),
    row.id,
    recipe.newHead?.oldData ?? recipe.data,
    `\`${recipe.student}${recipe.block ? ` ${recipe.block}` : ''}\``,
    recipe.teacher ?? Object.values(recipe.teachers ?? {}).join(', '),
    row.baseline,
    points(with_),
    points(without),
    pairedText(difference),
    `x${(times[0] / times[1]).toFixed(2)}`,
  ]);
}
print(columns([head, ...table]));

if (!quick && !ids && count >= 3) {
  const lines = markdown(
    [head, ...table],
    head.map((_, i) => i),
  );
  const text = `## The experiment

\`npm run experiment -- distill\` runs the recipes of \`zoo/recipes\` with each method and without it, for the same number of steps and
with seeds 1 to ${count}, and measures accuracy once, on the test split. "With" and "without" are means over the seeds. The difference is
taken between runs of the same seed; its 95 % interval is from Student's t distribution. The last column is the time of a step
divided by that of the baseline.

${lines}
`;
  const file = join('docs', 'distillation.md');
  const old = readText(file);
  const at = old.indexOf('## The experiment');
  const rest = at < 0 ? -1 : old.indexOf('\n## ', at + 5);
  const before = at < 0 ? `${old.trimEnd()}\n\n` : old.slice(0, at);
  writeAtomically(file, `${before}${text}${rest < 0 ? '' : old.slice(rest)}`);
}
