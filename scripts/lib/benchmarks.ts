/** @file docs/benchmarks.md and its plots, from a report. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { caseOf } from '../../src/bench/cases.ts';
import { measured, ms } from '../../src/bench/text.ts';
import { caseNames, engines, type Growth, type Report } from '../../src/bench/types.ts';
import { keptSection } from './bench-rows.ts';
import { table } from './markdown.ts';
import { lineChart } from './plots.ts';

const docs = 'docs';
const dataName = 'benchmarks/report.json';

/** The report that the page was written from; undefined where there is none. */
export const readReport = (folder = docs): Report | undefined => {
  const file = join(folder, dataName);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : undefined;
};

/** The names of the files that it wrote. */
export async function writeDocs(report: Report, folder = docs): Promise<readonly string[]> {
  mkdirSync(join(folder, 'benchmarks'), { recursive: true });
  const written: string[] = [];
  const write = (name: string, text: string): void => {
    writeFileSync(join(folder, name), text);
    written.push(`docs/${name}`);
  };
  for (const what of ['batch', 'width', 'depth'] as const) {
    const series = report.growth.filter((g) => g.what === what);
    if (series.length) write(`benchmarks/step-by-${what}.svg`, await growthChart(what, series));
  }
  write(dataName, `${JSON.stringify(report, undefined, 1)}\n`);
  write('benchmarks.md', page(report, keptSection()) + keptSections(join(folder, 'benchmarks.md')));
  return written;
}

/** What other commands write into the page, which stands behind what this one writes. */
function keptSections(file: string): string {
  const page = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const start = page.indexOf(browserHeading);
  return start < 0 ? '' : `\n${page.slice(start)}`;
}
const browserHeading = '## In the browser';

const axis = { batch: 'batch', width: 'width of WRN-16', depth: 'depth of WRN' } as const;

const growthChart = (what: Growth['what'], series: readonly Growth[]): Promise<string> =>
  lineChart({
    title: `One training step by ${what}`,
    xLabel: axis[what],
    yLabel: 'ms',
    xScale: 'log',
    yScale: 'log',
    width: 420,
    height: 260,
    series: series.map(({ engine, points }) => ({ name: engine, points })),
  });

/** @param kept the section of `bench-rows`, which stays as it is. */
export function page(report: Report, kept: string): string {
  const { machine, growth, extras } = report;
  const rows = measured(report.cases);
  const names = caseNames.filter((name) => report.cases.some((row) => row.case === name));
  const used = engines.filter((engine) => rows.some((row) => row.engine === engine));
  const cell = (name: string, engine: string): string => {
    const row = rows.find((r) => r.case === name && r.engine === engine);
    return row ? `${ms(row.medianMs)} (${row.spread.map(ms).join('-')})` : '';
  };
  const ratio = (name: string, engine: string): string =>
    report.ratios.find((r) => r.case === name && r.engine === engine)?.ratio.toPrecision(2) ?? '';
  const others = used.filter((engine) => engine !== 'moonlet');
  const peak = (name: string, engine: string): string =>
    String(rows.find((r) => r.case === name && r.engine === engine)?.peakMiB ?? '');
  const missing = report.cases.flatMap((row) =>
    'missing' in row ? [`- ${row.case}, ${row.engine}: ${row.missing}`] : [],
  );
  const notes = rows.flatMap((row) => (row.note ? [`- ${row.case}, ${row.engine}: ${row.note}`] : []));
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const plots = [...new Set(growth.map((g) => g.what))];
  return [
    '# Benchmarks',
    'Written by `npm run docs -- benchmarks`; do not edit. Every engine and Python library that is installed runs the same nets with the same weights on the same batch, each in its own process; they take turns, round after round, in one run. `moonlet` is Moonlet with its default settings: one onnxruntime thread per core. The Python libraries use two threads, and the fastest of their modes counts. The training step is cross-entropy and SGD with Nesterov momentum; the data is already in memory.',
    ...(report.quick
      ? ['**A quick run: these numbers only show that everything works; do not quote them.**']
      : []),
    `${machine.date.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}; load at the start ${machine.load}. ${versions.join(', ')}.`,
    table(
      [
        ['case', 'description', 'batch'],
        ...names.map((name) => [name, caseOf(name).what, String(caseOf(name).batch)]),
      ],
      [0, 1],
    ),
    '## Milliseconds per step: median (quartiles)',
    table([['case', ...used], ...names.map((name) => [name, ...used.map((engine) => cell(name, engine))])]),
    "## Moonlet's median divided by the other median",
    'Below 1, Moonlet is faster. `python-best` is the faster of the two Python libraries.',
    table([
      ['case', 'python-best', ...others],
      ...names.map((name) => [name, ...['python-best', ...others].map((engine) => ratio(name, engine))]),
    ]),
    '## Peak memory of the process, MiB',
    table([['case', ...used], ...names.map((name) => [name, ...used.map((engine) => peak(name, engine))])]),
    ...(extras.length
      ? [
          '## Before the first step: milliseconds, MobileNetV2',
          table([['task', 'engine', 'ms'], ...extras.map((e) => [e.what, e.engine, ms(e.medianMs)])], [0, 1]),
        ]
      : []),
    ...(plots.length
      ? [
          '## How the time of a training step grows',
          plots.map((what) => `![A step's time by ${what}](benchmarks/step-by-${what}.svg)`).join('\n\n'),
        ]
      : []),
    kept,
    ...(missing.length ? ['## Not measured', missing.join('\n')] : []),
    ...(notes.length ? ['## Notes', notes.join('\n')] : []),
    '',
  ].join('\n\n');
}
