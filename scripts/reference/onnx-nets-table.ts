/** @file The tables of docs/import.md and docs/onnx-nets.md: which nets are read, by which exporters, and how far they differ. */
import { readFileSync } from 'node:fs';
import { writeAtomically } from '../../src/files/index.ts';
import { marks, remarked } from '../lib/markdown.ts';
import type { Result } from './onnx-nets.ts';

const families = 'docs/import.md';
const nets = 'docs/onnx-nets.md';

/** Writes text into a page, between the marks of a command. */
export function writeSection(command: string, section: string, page = families): void {
  const text = readFileSync(page, 'utf8');
  writeAtomically(page, remarked(text, marks(`npm run references -- ${command} --write`, command), section));
}

/** What is missing, in short: the op and the reason without its sizes. */
function missing(refused: string): string {
  const [, op = '', reason = ''] = /\(([A-Za-z0-9_.]+)\): (.*?)(?:; to take|$)/.exec(refused) ?? [];
  if (op === '') return refused.split(/[:;]/)[0] ?? refused;
  const short = reason.replace(/ \[[^\]]*\]/g, '').replace(/, which.*|\d+ x \d+; .*/, '');
  return /has no counterpart here/.test(reason) ? op : `${op} (${short})`;
}

const byKey = <T>(list: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of list) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
};
const written = ({ written: own, opset }: Result): number => own ?? opset;
const small = (difference: number): string => difference.toExponential(1);
const worstOf = (results: readonly Result[]): number =>
  results.reduce((most, { difference = 0 }) => Math.max(most, difference), 0);

/** Each exporter with the number of nets and the operator sets that were compared: `dynamo 12 (18-28)`. */
function told(results: readonly Result[]): string {
  const read = results.filter(({ difference }) => difference !== undefined);
  const parts = [...byKey(read, ({ exporter }) => exporter)].map(([exporter, list]) => {
    const sets = list.map(written);
    const [least, most] = [Math.min(...sets), Math.max(...sets)];
    return `${exporter} ${list.length} (${least === most ? least : `${least}-${most}`})`;
  });
  return parts.join(', ');
}

function familyRow(title: string, results: readonly Result[]): string {
  const exported = results.filter(({ notExported }) => notExported === undefined);
  const read = exported.filter(({ difference }) => difference !== undefined);
  const reasons = exported.flatMap(({ refused }) => (refused === undefined ? [] : [missing(refused)]));
  const names = new Set(exported.map(({ name }) => name));
  const cells = [
    title,
    `${new Set(read.map(({ name }) => name)).size} of ${names.size}`,
    told(results),
    read.length ? small(worstOf(read)) : '',
    [...new Set(reasons)].sort().join(', '),
  ];
  return `| ${cells.join(' | ')} |`;
}

function netRow(title: string, results: readonly Result[]): string {
  const cells = results.map((result) => {
    const { exporter, difference, refused, notExported } = result;
    const way = `${exporter} ${written(result)}`;
    if (notExported !== undefined) return `${way}: not exported`;
    return difference === undefined ? `${way}: ${missing(refused ?? '')}` : `${way}: ${small(difference)}`;
  });
  return `| ${title} | ${cells.join('; ')} |`;
}

/** Writes the tables into the pages, between their marks. */
export function writeTables(results: readonly Result[]): void {
  const rows = [...byKey(results, ({ library, family }) => `${library}: ${family}`)]
    .filter(([, list]) => list.some(({ notExported }) => notExported === undefined))
    .map(([title, list]) => familyRow(title, list));
  const head = [
    '| library and family | nets read | compared: exporter, files (operator sets) | largest difference | missing |',
    '|---|---|---|--:|---|',
  ];
  writeSection('onnx-nets', [...head, ...rows].join('\n'));
  const each = [...byKey(results, ({ library, name }) => `${library}: ${name}`)].map(([title, list]) =>
    netRow(title, list),
  );
  writeSection(
    'onnx-nets',
    ['| net | exporter and operator set: difference, or what is missing |', '|---|---|', ...each].join('\n'),
    nets,
  );
}
