/**
 * @file Writes the table of docs/growth.md: every architecture, at a small size, wider and deeper and both, with the
 * largest difference that growth makes to its outputs. `--check` fails when a cell that must be green is not, and
 * writes nothing; `--only NAME` prints the row of one architecture.
 *
 *   npm run docs -- growth
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { deepen, type GrowStep, grow, verifyCertificate, widen } from '../../src/edit/index.ts';
import { Refusal } from '../../src/errors.ts';
import type { Net } from '../../src/weights/index.ts';
import { calibrated } from '../../test/support/calibrated.ts';
import { compiledOutputs, ulpEffect } from '../../test/support/growing.ts';
import { largestDifference, small } from '../../test/support/nets.ts';
import { architectures } from '../../zoo/index.ts';
import { marks, remarked, table } from '../lib/markdown.ts';

const page = 'docs/growth.md';
const place = marks('scripts/docs/growth.ts');

/** The steps that can be done of these, and why the others cannot. */
function possible(net: Net, steps: readonly GrowStep[]): { done: GrowStep[]; refused: string[] } {
  const done: GrowStep[] = [];
  const refused: string[] = [];
  for (const step of steps) {
    try {
      if ('widen' in step) widen(net, step.widen);
      else if ('deepen' in step) deepen(net, step.deepen, step.by);
      done.push(step);
    } catch (e) {
      if (!(e instanceof Refusal)) throw e;
      refused.push(e.message);
    }
  }
  return { done, refused };
}

/** What growing by some steps changes, as a share of the largest output. */
async function cell(
  net: Net,
  before: Float32Array,
  { done, refused }: ReturnType<typeof possible>,
): Promise<string> {
  if (!done.length) return `refused: ${refused[0]}`;
  const grown = grow(net, done);
  const [finding] = verifyCertificate(net, grown.net, grown.maps);
  if (finding) return `**wrong**: ${finding}`;
  const far = largestDifference(await compiledOutputs(grown.net), before);
  const note = refused.length ? ` (but for ${refused.join('; ')})` : '';
  if (far > 1e-5) {
    const ulp = await ulpEffect(net);
    if (far <= 2 * ulp)
      return `${far.toExponential(0)}, where one ulp of the input makes ${ulp.toExponential(0)}${note}`;
  }
  return far <= 1e-5
    ? `${far ? far.toExponential(0) : 'exact'}${note}`
    : `**wrong**: ${far.toExponential(1)}`;
}

async function row(name: string): Promise<readonly string[]> {
  const net = await calibrated(small(name, 64));
  const before = await compiledOutputs(net);
  const stages = [...new Set(net.graph.nodes.flatMap((n) => /^stage\d+/.exec(n.id) ?? []))];
  const all = (factor: `x${number}`): GrowStep[] => [
    { widen: Object.fromEntries(stages.map((s) => [s, factor])) },
  ];
  // norms over channels take whole factors
  const twice = possible(net, all('x2'));
  const together = [possible(net, all('x1.5')), twice].find(({ done }) => done.length);
  // where one stage cannot change, the others may
  const wider =
    together ??
    possible(
      net,
      stages.map((s): GrowStep => ({ widen: { [s]: 'x1.5' } })),
    );
  const factor = wider === twice ? ', by x2' : '';
  const deeper = possible(
    net,
    stages.map((s): GrowStep => ({ deepen: s, by: 1 })),
  );
  const both = { done: [...deeper.done, ...wider.done], refused: [...deeper.refused, ...wider.refused] };
  const cells: string[] = [];
  for (const steps of [wider, deeper, both]) cells.push(await cell(net, before, steps));
  return [`\`${net.graph.name}\`${factor}`, String(stages.length), ...cells];
}

const only = process.argv.indexOf('--only');
const names = only > 0 ? [process.argv[only + 1] as string] : [...architectures.keys()];
const rows: (readonly string[])[] = [];
for (const name of names) {
  const made = await row(name);
  rows.push(made);
  console.error(made.join(' | '));
}
const head = ['architecture', 'stages', 'every stage x1.5', 'every stage one block deeper', 'both'];

const green = [
  'shufflenet-v2',
  'mobilenet-v3',
  'ghostnet',
  'densenet',
  'resnext',
  'efficientnet',
  'squeezenet',
];
const bad = rows.filter((r) => {
  const must = green.some((g) => r[0]?.startsWith(`\`${g}`));
  return r.slice(2).some((c) => c.includes('wrong') || (must && c.includes('refused')));
});
for (const r of bad) console.error(`not green: ${r.join(' | ')}`);
process.exitCode = bad.length ? 1 : 0;
if (only < 0 && !process.argv.includes('--check')) {
  writeFileSync(page, remarked(readFileSync(page, 'utf8'), place, table([head, ...rows])));
  console.log(`${page}: written`);
}
