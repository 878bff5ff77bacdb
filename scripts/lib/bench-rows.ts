/** @file The section of docs/benchmarks.md that `npm run docs -- bench-rows` writes, and its data. */
import { existsSync, readFileSync } from 'node:fs';
import { median, quantile } from '../../src/bench/numbers.ts';
import { ms } from '../../src/bench/text.ts';
import type { Machine } from '../../src/bench/types.ts';
import { writeAtomically } from '../../src/files/index.ts';
import { type Figure, type RowKind, ratioOf } from '../bench/rows/figure.ts';
import { marked, marks, remarked, table } from './markdown.ts';

export const place = marks('scripts/docs/bench-rows.ts', 'rows');

/** What was measured of a row, and where. */
export interface Measured {
  readonly machine: Machine;
  readonly rounds: number;
  readonly figures: readonly Figure[];
}
export type Rows = Readonly<Record<string, Measured>>;

const file = 'docs/benchmarks/rows.json';
const page = 'docs/benchmarks.md';

export const readRows = (): Rows => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {});

/** Keeps the data, and writes the section of the page. */
export function writeRows(kinds: Readonly<Record<string, RowKind>>, rows: Rows): void {
  writeAtomically(file, `${JSON.stringify(rows, undefined, 1)}\n`);
  writeAtomically(page, remarked(readFileSync(page, 'utf8'), place, section(kinds, rows)));
}

/** The section of the page as it is, with its marks: for the command that writes the rest of the page. */
export function keptSection(): string {
  const content = existsSync(page) ? marked(readFileSync(page, 'utf8'), place) : '';
  return [place[0], content, place[1]].filter(Boolean).join('\n\n');
}

export function section(kinds: Readonly<Record<string, RowKind>>, rows: Rows): string {
  const parts = Object.entries(kinds).flatMap(([name, kind]) => {
    const row = rows[name];
    return row ? [`### ${kind.title}`, kind.about, ...rowText(row), ...(kind.more?.(row.figures) ?? [])] : [];
  });
  return [
    '## Steps, whole runs, first steps, surgery, integers, memory, threads',
    'Written by `npm run docs -- bench-rows`. Each round runs Moonlet and its peer one after the other; the ratio is the median of the ratios of the rounds.',
    ...(parts.length ? parts : ['Not measured yet.']),
  ].join('\n\n');
}

/** The table of one row, as a terminal and the page show it, and the machine. */
export function rowText({ machine, rounds, figures }: Measured): readonly string[] {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const notes = figures.flatMap(({ what, note }) => (note ? [`- ${what}: ${note}`] : []));
  return [
    table(
      [
        ['', 'unit', 'Moonlet (quartiles)', 'compared with', 'its median', 'ratio', 'goal'],
        ...figures.map(cells),
      ],
      [0, 1, 3],
    ),
    ...(notes.length ? [notes.join('\n')] : []),
    `${machine.date.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores, load at the start ${machine.load}; ${rounds} rounds; ${versions.join(', ')}.`,
  ];
}

function cells(figure: Figure): readonly string[] {
  const { what, unit, ours, peer, goal } = figure;
  const quartiles = [0.25, 0.75].map((share) => ms(quantile(ours, share))).join('-');
  return [
    ...[what, unit, `${ms(median(ours))} (${quartiles})`],
    ...[peer?.name ?? '', peer ? ms(median(peer.values)) : '', ratioOf(figure)?.toPrecision(2) ?? ''],
    goal === undefined ? '' : String(goal),
  ];
}
