/**
 * @file Writes the pruning table of docs/compression.md: every architecture at a small size, three tenths of the
 * channels of every layer taken away, against the masked original; the pruned net then trains one step. `--check`
 * fails when a row is wrong or refused, and writes nothing; `--only NAME...` prints the rows of these architectures.
 *
 *   npm run docs -- compression
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { pruneChannels } from '../../src/edit/index.ts';
import { Refusal } from '../../src/errors.ts';
import type { Graph } from '../../src/graph/index.ts';
import { cost } from '../../src/read/index.ts';
import { calibrated } from '../../test/support/calibrated.ts';
import { compiledOutputs, trained } from '../../test/support/growing.ts';
import { largestDifference, small } from '../../test/support/nets.ts';
import { architectures, shufflenetV2 } from '../../zoo/index.ts';
import { marks, remarked, table } from '../lib/markdown.ts';

const page = 'docs/compression.md';
const place = marks('scripts/docs/compression.ts');
const ratio = 0.3;

const millions = (n: number): string => (n / 1e6).toFixed(n < 1e6 ? 3 : 2);
const share = (a: number, b: number): string => `${((100 * b) / a).toFixed(0)} %`;

async function row(graph: Graph): Promise<readonly string[]> {
  const net = await calibrated(graph);
  const before = cost(graph);
  const start = [`\`${graph.name}\``, String(ratio), millions(before.params), millions(before.macs)];
  try {
    const pruned = pruneChannels(net, { ratio }, { roundTo: 1 });
    const after = cost(pruned.net.graph);
    const masked = pruned.masked();
    const far = largestDifference(await compiledOutputs(pruned.net), await compiledOutputs(masked));
    await trained(pruned.net, 1);
    const said = far > 1e-5 ? `**wrong**: ${far.toExponential(1)}` : far ? far.toExponential(0) : 'exact';
    return [
      ...start,
      `${millions(after.params)} (${share(before.params, after.params)})`,
      `${millions(after.macs)} (${share(before.macs, after.macs)})`,
      said,
    ];
  } catch (e) {
    if (!(e instanceof Refusal)) throw e;
    // norms over channels keep every channel; without some of them the net is another, which no mask computes
    if (e.message.includes('acrossNorms')) {
      const after = cost(pruneChannels(net, { ratio }, { roundTo: 1, acrossNorms: true }).net.graph);
      return [
        ...start,
        `${millions(after.params)} (${share(before.params, after.params)})`,
        `${millions(after.macs)} (${share(before.macs, after.macs)})`,
        'across norms only',
      ];
    }
    return [...start, '', '', `refused: ${e.message}`];
  }
}

const only = process.argv.indexOf('--only');
const names = only > 0 ? process.argv.slice(only + 1) : [...architectures.keys()];
const graphs = names.flatMap((name) =>
  name === 'shufflenet-v2'
    ? [0.5, 1, 1.5, 2].map((width) => shufflenetV2({ width, size: 64, classes: 10 }))
    : [small(name, 64)],
);
const rows: (readonly string[])[] = [];
for (const graph of graphs) {
  const made = await row(graph);
  rows.push(made);
  console.error(made.join(' | '));
}
const head = ['architecture', 'ratio', 'M params', 'M macs', 'M params after', 'M macs after', 'difference'];

const bad = rows.filter((r) => /wrong|refused/.test(r.at(-1) as string));
for (const r of bad) console.error(`not green: ${r.join(' | ')}`);
process.exitCode = bad.length ? 1 : 0;
if (only < 0 && !process.argv.includes('--check')) {
  writeFileSync(page, remarked(readFileSync(page, 'utf8'), place, table([head, ...rows])));
  console.log(`${page}: written`);
}
