/** @file The table of docs/import.md: by family how many nets are read, how far they differ, and which op was missing. */
import { readFileSync } from 'node:fs';
import { writeAtomically } from '../../src/files/index.ts';
import { marks, remarked } from '../lib/markdown.ts';
import type { Result } from './onnx-nets.ts';

const page = 'docs/import.md';

/** Writes text into the page, between the marks of a command. */
export function writeSection(command: string, section: string): void {
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

function row(title: string, results: readonly Result[]): string {
  const names = new Set(results.map(({ name }) => name));
  const read = results.filter(({ difference }) => difference !== undefined);
  const fully = [...names].filter((name) =>
    results.filter((r) => r.name === name).some((r) => r.difference !== undefined),
  );
  const worst = read.reduce((most, { difference = 0 }) => Math.max(most, difference), 0);
  const reasons = new Set(
    results.flatMap(({ refused }) => (refused === undefined ? [] : [missing(refused)])),
  );
  const told = [...reasons].sort().join(', ');
  return `| ${title} | ${fully.length} of ${names.size} | ${read.length ? worst.toExponential(1) : ''} | ${told} |`;
}

/** Writes the table into the page, between its marks. */
export function writeTables(results: readonly Result[]): void {
  const exported = results.filter(({ notExported }) => notExported === undefined);
  const families = new Map<string, Result[]>();
  for (const result of exported) {
    const key = `${result.library}: ${result.family}`;
    families.set(key, [...(families.get(key) ?? []), result]);
  }
  const rows = [...families].map(([key, list]) => row(key, list));
  const table = [
    '| library and family | read | largest difference of the logits, as a share of the largest | missing |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
  writeSection('onnx-nets', table);
}
