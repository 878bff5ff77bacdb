/**
 * @file Writes the tables of docs/zoo.md: every architecture, what it costs, who counted the same, how far its logits are from the
 * reference implementation's, and its latency beside that of the reference (`npm run docs -- zoo`). `--check` only says whether the
 * page is as it should be.
 *
 * `--latency` measures what docs/benchmarks/zoo-latency.json lacks, on an idle machine, before it writes the page; `--latency NAME...`
 * measures these again, `--latency all` everything. MOONLET_PYTHON names an interpreter that has timm, torchvision and onnx.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { median } from '../../src/bench/numbers.ts';
import { compile } from '../../src/engine/index.ts';
import { inputShape, onlyOutput } from '../../src/graph/index.ts';
import { importWeights } from '../../src/import/index.ts';
import { cost } from '../../src/read/index.ts';
import { namedLogits } from '../../test/support/named-logits.ts';
import { largestDifference, sizeOf } from '../../test/support/nets.ts';
import { type ReferenceFile, referenceFile } from '../../test/support/reference-files.ts';
import { referenceImages, referenceNet } from '../../test/support/reference-fill.ts';
import { architectures, compose } from '../../zoo/index.ts';
import { marked, marks, remarked, table } from '../lib/markdown.ts';
import { latencies, measureLatencies } from './zoo-latency.ts';

const page = 'docs/zoo.md';
const place = marks('scripts/docs/zoo.ts');
const latencyPlace = marks('scripts/docs/zoo.ts', 'latency');
const n = (x: number): string => x.toLocaleString('en');
const read = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;

interface Logits {
  readonly net: string;
  readonly by: string;
  readonly logits: readonly (readonly number[])[];
}
const nameOf = (words: string): string => words.split(' ')[0] as string;

/** Name -> who counted it, and in how many variants. */
function sources(): ReadonlyMap<string, { by: ReadonlySet<string>; variants: number }> {
  const published = read<{ rows: [string, number, number, number, string][] }>(
    'test/zoo/published-counts.json',
  );
  const made = ['counts', 'mlperf-tiny', 'mcunet'].flatMap(
    (name) => read<{ counts: { net: string; by: string }[] }>(`test/zoo/reference/${name}.json`).counts,
  );
  const named = read<{ counts: { name: string }[] }>('test/zoo/reference/names.json').counts;
  const all = [
    ...published.rows.map(([net, , , , by]) => ({ net, by })),
    ...made.map(({ net, by }) => ({ net, by: by.split(' ')[0] as string })),
    ...named.map(({ name }) => ({ net: compose(name).name, by: name.split('/')[0] as string })),
  ];
  const found = new Map<string, { by: Set<string>; nets: Set<string> }>();
  for (const { net, by } of all) {
    const entry = found.get(nameOf(net)) ?? { by: new Set(), nets: new Set() };
    entry.by.add(by);
    entry.nets.add(compose(net).name);
    found.set(nameOf(net), entry);
  }
  return new Map([...found].map(([name, { by, nets }]) => [name, { by, variants: nets.size }]));
}

/** Name -> the largest difference of its logits, as a share of the largest logit, and from whose. */
interface Difference {
  readonly by: string;
  readonly largest: number;
  /** Compared nets. */
  readonly count: number;
}
async function differences(): Promise<ReadonlyMap<string, Difference>> {
  const { cases } = read<{ cases: Logits[] }>('test/zoo/reference/logits.json');
  const found = new Map<string, Difference>();
  const later = new Set<string>();
  const named = new Set<string>();
  for (const { name, by, difference } of namedLogits) {
    const arch = nameOf(compose(name).name);
    named.add(arch);
    const before = found.get(arch);
    const count = (before?.count ?? 0) + 1;
    found.set(arch, { by: before?.by ?? by, largest: Math.max(difference, before?.largest ?? 0), count });
  }
  for (const { net: words, by, logits } of cases.filter(({ net }) => !named.has(nameOf(net)))) {
    const graph = compose(words);
    const compiled = await compile(referenceNet(graph).net);
    const out = await compiled.run(referenceImages(logits.length * sizeOf(inputShape(graph))));
    await compiled.release();
    const far = largestDifference(
      out.get(onlyOutput(graph)) as Float32Array,
      Float32Array.from(logits.flat()),
    );
    const before = found.get(nameOf(words));
    found.set(nameOf(words), {
      ...{ by, largest: Math.max(far, before?.largest ?? 0), count: (before?.count ?? 0) + 1 },
    });
  }
  // the others by the state dicts of the libraries, imported by their names
  const imported = read<{ cases: ReferenceFile[] }>('test/import/reference.json').cases;
  for (const row of imported.filter(({ net }) => !found.has(nameOf(net)) || later.has(nameOf(net)))) {
    const graph = compose(row.net);
    const { net } = importWeights(graph, referenceFile(row), 'file', { source: row.source });
    if (!net) throw new Error(`${row.net}: not imported`);
    const compiled = await compile(net);
    const out = await compiled.run(referenceImages(sizeOf(inputShape(graph))));
    await compiled.release();
    const far = largestDifference(out.get(onlyOutput(graph)) as Float32Array, Float32Array.from(row.logits));
    const largest = Math.max(far, found.get(nameOf(row.net))?.largest ?? 0);
    later.add(nameOf(row.net));
    const { by = row.by, count = 0 } = found.get(nameOf(row.net)) ?? {};
    found.set(nameOf(row.net), { by, largest, count: count + 1 });
  }
  return found;
}

async function zooTable(withDifferences: boolean): Promise<string> {
  const counted = sources();
  const far = withDifferences ? await differences() : new Map();
  const rows = [...architectures].map(([name, make]) => {
    const graph = make();
    const { params, normStats, macs, peakBytes } = cost(graph);
    const { by, variants } = counted.get(name) ?? { by: new Set(), variants: 0 };
    const source = `${[...by].sort().join(', ')} (${variants})`;
    const logits = far.get(name);
    const { arxiv, authors, year } = make.paper;
    const paper = `${authors.split(',')[0]?.replace(' et al.', '')} ${year}`;
    return [
      `\`${name}\``,
      arxiv ? `[${paper}](https://arxiv.org/abs/${arxiv})` : paper,
      inputShape(graph).join(' x '),
      n(params),
      n(normStats),
      n(macs),
      n(peakBytes),
      source,
      logits ? `${logits.by}: ${logits.largest.toExponential(0)} (${logits.count})` : '',
    ];
  });
  const head = [
    'architecture',
    'paper',
    'input',
    'params',
    'norm statistics',
    'multiply-adds',
    'peak bytes',
    'counted by',
    'logits',
  ];
  return table([head, ...rows], [0, 1, 2, 7, 8]);
}

/** One row for each architecture that was measured, and what they say together. */
function latencyTable(): string {
  const measured = latencies();
  if (!measured) return 'Not measured yet.';
  const { machine, nets } = measured;
  const rows = Object.entries(nets).map(([name, row]) => [
    `\`${name}\``,
    row.reference ? `\`${row.reference}\`` : '',
    typeof row.size === 'number' ? String(row.size) : row.size.join(' x '),
    ...[row.ours, row.export, row.torch, row.ratio].map((x) => (x === undefined ? '' : String(x))),
    row.difference === undefined ? '' : row.difference.toExponential(0),
  ]);
  const ratios = Object.values(nets).flatMap(({ ratio }) => ratio ?? []);
  const by = new Set(Object.values(nets).flatMap((row) => row.by ?? []));
  const within = ratios.filter((ratio) => ratio <= 1.05).length;
  return [
    `${machine.cpu}, ${machine.threads} of ${machine.cores} cores; ${[...by].sort().join('; ')}. ${within} of ${ratios.length} nets take at most 1.05 times the time of the export; the median ratio is ${median(ratios).toFixed(2)}.`,
    '',
    table(
      [
        [
          'architecture',
          'reference',
          'size',
          'ours, ms',
          'export, ms',
          'PyTorch, ms',
          'ours / export',
          'logits',
        ],
        ...rows,
      ],
      [0, 1],
    ),
  ].join('\n');
}

if (process.argv.includes('--latency')) {
  const names = process.argv.slice(process.argv.indexOf('--latency') + 1);
  await measureLatencies(names.includes('all') ? [...architectures.keys()] : names);
}
const text = readFileSync(page, 'utf8');
if (process.argv.includes('--check')) {
  // the last column takes a run of every net; the others are the page's promise
  const short = (whole: string): string => whole.replaceAll(/ \| [^|]*\|$/gm, '');
  const good =
    short(marked(text, place)) === short(await zooTable(false)) &&
    marked(text, latencyPlace) === latencyTable();
  console.log(good ? `${page} is as the zoo is` : `${page} is not as the zoo is; run npm run docs -- zoo`);
  process.exitCode = good ? 0 : 1;
} else {
  const whole = remarked(text, place, await zooTable(true));
  writeFileSync(page, remarked(whole, latencyPlace, latencyTable()));
  console.log(`${page}: written`);
}
