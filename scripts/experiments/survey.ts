/**
 * @file What the papers of the survey claim and what our own runs say of it, in docs/survey.md: pairs of small nets for the claims on
 * compact networks, trained here; rows of the other tables for those on distillation (`npm run experiment -- survey`). Finished runs
 * are kept in scripts/experiments/runs/survey.json, so that a broken experiment goes on where it was.
 */

import { join } from 'node:path';
import { Command } from 'commander';
import { trainingBar } from '../../src/cli/bars.ts';
import { count, print } from '../../src/cli/say.ts';
import { loadDataset } from '../../src/data/index.ts';
import { foldNorms } from '../../src/edit/index.ts';
import { latency } from '../../src/engine/index.ts';
import { UsageError } from '../../src/errors.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { oneCycle } from '../../src/learn/loss/index.ts';
import { evaluate } from '../../src/learn/task/index.ts';
import { fit } from '../../src/learn/train/index.ts';
import { columns, cost } from '../../src/read/index.ts';
import { init } from '../../src/weights/index.ts';
import { finished } from '../lib/finished.ts';
import { marks, remarked, table } from '../lib/markdown.ts';
import { paired, pairedText } from '../lib/paired.ts';
import { taughtClaims } from '../lib/survey-claims.ts';
import { type SurveyPair, surveyPairs } from '../lib/survey-pairs.ts';

const { seeds, only, steps, measured, quick } = new Command()
  .option('--seeds <n>', 'how many seeds, from 1', '3')
  .option('--steps <n>', 'training steps of each net', '800')
  .option('--only <pairs>', 'names with commas between; writes nothing')
  .option('--measured', 'trains nothing: the table of the runs that are kept')
  .option('--quick', 'four steps each, to see that all runs; writes nothing')
  .parse()
  .opts<{ seeds: string; steps: string; only?: string; measured?: boolean; quick?: boolean }>();

const whole = (name: string, text: string, most: number): number => {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > most)
    throw new UsageError(`--${name} must be a whole number from 1 to ${most}, got ${text}`);
  return n;
};
const runs = whole('seeds', seeds, 10);
const length = quick ? 4 : whole('steps', steps, 1_000_000);
const chosen = only?.split(',') ?? surveyPairs.map((p) => p.id);
const unknown = chosen.find((id) => !surveyPairs.some((p) => p.id === id));
if (unknown !== undefined)
  throw new UsageError(`no pair "${unknown}"; there are ${surveyPairs.map((p) => p.id).join(', ')}`);

const done = finished<{ readonly accuracy: number }>(quick ? undefined : 'survey');
const recipe = { data: 'fashion-mnist', batch: 64, peak: 0.1, augment: { shift: 2, flip: true } };
const data = await loadDataset(recipe.data);
/** Points by which a net may be behind and still count as equal. */
const margin = 0.5;

/** All that decides a run. */
const runOf = (graph: Graph, seed: number) => ({ ...recipe, note: data.note, steps: length, seed, graph });

/** Whether all runs of a pair are kept. */
const isKept = ({ one, other }: SurveyPair): boolean =>
  [one.graph, other.graph].every((graph) =>
    Array.from({ length: runs }, (_, i) => done.known(runOf(graph, i + 1))).every(Boolean),
  );

/** Accuracy on the test split, measured once after the last step. */
async function accuracy(graph: Graph, seed: number): Promise<number> {
  const what = runOf(graph, seed);
  const words = `${graph.name}, seed ${seed}`;
  const { accuracy: found } = await done.once(words, what, async () => {
    const bar = trainingBar(words, length, recipe.batch);
    const { net } = await fit(init(graph, { seed }), data.train, data, {
      steps: length,
      seed,
      batch: recipe.batch,
      rate: oneCycle({ steps: length, peak: recipe.peak }),
      augment: recipe.augment,
      onStep: bar.step,
    });
    bar.end();
    return { accuracy: (await evaluate(net, data.test, data)).accuracy };
  });
  return found;
}

function verdict(
  { kind, loses = 0 }: Pick<SurveyPair, 'kind' | 'loses'>,
  mean: number,
  half: number,
): string {
  const least = kind === 'better' ? 0 : -loses - margin;
  if (mean - half > least) return 'holds';
  return mean + half < least ? 'does not hold' : 'not decided';
}
async function milliseconds(graph: Graph): Promise<number> {
  return latency(foldNorms(init(graph, { seed: 1 })), { batch: 16, runs: quick ? 3 : 50, threads: 1 });
}

async function row(pair: SurveyPair): Promise<string[]> {
  const differences: number[] = [];
  const means = { one: 0, other: 0 };
  for (let seed = 1; seed <= runs; seed++) {
    const one = 100 * (await accuracy(pair.one.graph, seed));
    const other = 100 * (await accuracy(pair.other.graph, seed));
    differences.push(one - other);
    means.one += one / runs;
    means.other += other / runs;
  }
  const { mean, half } = paired(differences);
  const [one, other] = [cost(pair.one.graph), cost(pair.other.graph)];
  const ms = (await milliseconds(pair.one.graph)) / (await milliseconds(pair.other.graph));
  return [
    `${pair.work}${pair.ref ? ` [${pair.ref}]` : ''}`,
    pair.claim,
    `${pair.one.what}, ${means.one.toFixed(2)}`,
    `${pair.other.what}, ${means.other.toFixed(2)}`,
    pairedText({ mean, half }),
    `${count(one.params)} / ${count(other.params)}`,
    `${(one.macs / 1e6).toFixed(2)} / ${(other.macs / 1e6).toFixed(2)}`,
    ms.toFixed(2),
    verdict(pair, mean, half),
  ];
}

/** The cell of a row of another page's table that says by how much the method is ahead. */
function answer({
  page,
  row: begin,
}: (typeof taughtClaims)[number]): readonly [difference: string, verdict: string] {
  const line = readText(join('docs', `${page}.md`))
    .split('\n')
    .find((text) => text.startsWith(begin));
  const [, mean, half] = line?.match(/([+-]?\d+\.\d+) ± (\d+\.\d+)/) ?? [];
  if (mean === undefined || half === undefined) throw new Error(`docs/${page}.md has no row "${begin}"`);
  const found = { mean: Number(mean), half: Number(half) };
  return [pairedText(found), verdict({ kind: 'better' }, found.mean, found.half)];
}

const head = [
  'work',
  'claim',
  'net, %',
  'compared with, %',
  'difference',
  'parameters',
  'M products',
  'time',
  'here',
];
const compact: string[][] = [];
const pairs = surveyPairs.filter((p) => chosen.includes(p.id) && (!measured || isKept(p)));
for (const pair of pairs) compact.push(await row(pair));
const missing = surveyPairs
  .filter((p) => !pairs.includes(p))
  .map((p) => `${p.work} (${p.claim.replace(/\.$/, '')})`);
print(columns([head, ...compact]));
if (!pairs.length)
  throw new UsageError(
    'no run with these data is kept, so the page stays as it is; MOONLET_DATA names the folder of the published files',
  );

const taught = taughtClaims.map((claim) => {
  const [difference, here] = answer(claim);
  const where = `[${claim.page}](${claim.page}.md)`;
  return [`${claim.work} [${claim.ref}]`, claim.claim, difference, here, where];
});
if (!quick && only === undefined) {
  if (!missing.length) done.tidy();
  const file = join('docs', 'survey.md');
  const by = 'scripts/experiments/survey.ts';
  const words = [0, 1, 2, 3, 8];
  const lead =
    `Nets of ${length} steps, batches of ${recipe.batch}, seeds 1 to ${runs}. ${data.note ?? ''}`.trim();
  const first = remarked(
    readText(file),
    marks(by, 'compact networks'),
    `${lead}\n\n${table([head, ...compact], words)}${missing.length ? `\n\nNot measured yet: ${missing.join('; ')}.` : ''}`,
  );
  const heads = ['work', 'claim', 'difference', 'here', 'table'];
  writeAtomically(file, remarked(first, marks(by, 'distillation'), table([heads, ...taught], [0, 1, 3, 4])));
}
