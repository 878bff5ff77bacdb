/** @file What a classifier takes for what: tables for a terminal, and the whole of it as CSV or JSON. */
import { extname } from 'node:path';
import { UsageError } from '../errors.ts';
import { writeAtomically } from '../files/index.ts';
import type { ClassScore, Evaluation } from '../learn/task/index.ts';
import { count, percent } from './say.ts';
import { tableOf } from './tables.ts';

/** Classes whose confusion matrix fits a terminal. */
const mostInTerminal = 12;
/** Confusions that are listed where the matrix does not fit. */
const mostPairs = 10;
/** Columns of a matrix that is printed have at most so many characters of a label. */
const labelWidth = 12;

export interface Metrics {
  readonly labels: readonly string[];
  readonly evaluation: Evaluation;
}

/** @throws UsageError for the name of a file that is neither a CSV nor JSON. */
export function checkMetricsFile(path: string): void {
  if (kindOf(path) === undefined)
    throw new UsageError(`--out must be a file that ends in .csv or .json, got "${path}"`);
}
const kindOf = (path: string): 'csv' | 'json' | undefined => {
  const end = extname(path).toLowerCase();
  return end === '.csv' ? 'csv' : end === '.json' ? 'json' : undefined;
};

/** Writes what `metricsIn` or `metricsTable` gives to a file. @throws MoonletError when it cannot be written. */
export const writeMetrics = (path: string, metrics: Metrics): void =>
  writeAtomically(
    path,
    kindOf(path) === 'csv' ? metricsCsv(metrics) : `${JSON.stringify(metricsIn(metrics), null, 1)}\n`,
  );

/** Per class its label, counts, precision, recall and F1, and the confusion matrix: row by label, column by guess. */
export function metricsIn({ labels, evaluation }: Metrics) {
  const { accuracy, top5, n, perClass, confusion } = evaluation;
  return {
    ...{ accuracy, ...(top5 === undefined ? {} : { top5 }), n },
    ...{ macroPrecision: meanOf(perClass, 'precision'), macroRecall: meanOf(perClass, 'recall') },
    macroF1: meanOf(perClass, 'f1'),
    classes: perClass.map(({ label, ...score }) => ({ label: nameOf(labels, label), ...score })),
    confusion,
  };
}

/** The mean over the classes that have the number; null where none has. */
function meanOf(scores: readonly ClassScore[], name: 'precision' | 'recall' | 'f1'): number | null {
  const values = scores.flatMap((s) => s[name] ?? []);
  return values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
}
const nameOf = (labels: readonly string[], index: number): string => labels[index] ?? `${index}`;

/** A row for each class: its scores, then how many of its examples were taken for each class. */
function metricsCsv({ labels, evaluation: { perClass, confusion } }: Metrics): string {
  const head = ['class', 'label', 'count', 'guessed', 'right', 'precision', 'recall', 'f1'];
  const rows = perClass.map((s, i) => [
    ...[s.label, nameOf(labels, s.label), s.count, s.guessed, s.right, s.precision, s.recall, s.f1],
    ...(confusion[i] ?? []),
  ]);
  const names = perClass.map(({ label }) => `as ${nameOf(labels, label)}`);
  return [[...head, ...names], ...rows].map((row) => `${row.map(quoted).join(',')}\n`).join('');
}
/** RFC 4180: a cell with a comma, a quote or a line break stands in quotes. */
function quoted(cell: string | number | null): string {
  const text = cell === null ? '' : `${cell}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Tables for a terminal: the classes and the confusion matrix where they are few, else the classes that do worst. */
export function metricsText({ labels, evaluation }: Metrics): string {
  const { perClass, confusion, pairs } = evaluation;
  const seen = perClass.filter((s) => s.count || s.guessed);
  if (seen.length <= mostInTerminal) {
    const indices = seen.map((s) => s.label);
    const name = (index: number): string => short(nameOf(labels, index));
    const matrix = [
      ['label \\ taken for', ...indices.map(name)],
      ...indices.map((i) => [name(i), ...indices.map((j) => count(confusion[i]?.[j] ?? 0))]),
    ];
    const numbers = indices.map((_, i) => i + 1);
    return [scoreTable(seen, labels), '', tableOf(matrix, numbers)].join('\n');
  }
  const worst = [...seen].sort((a, b) => (a.f1 ?? 0) - (b.f1 ?? 0)).slice(0, mostPairs);
  const wrong = pairs.filter((p) => p.label !== p.guess).slice(0, mostPairs);
  const rows = wrong.map((p) => [nameOf(labels, p.label), nameOf(labels, p.guess), count(p.count)]);
  return [
    `the ${worst.length} of ${count(seen.length)} classes with the lowest F1 (--out metrics.csv writes all, and the confusion matrix):`,
    scoreTable(worst, labels),
    '',
    ...(rows.length
      ? ['the most frequent confusions:', tableOf([['label', 'taken for', 'count'], ...rows], [2])]
      : []),
  ].join('\n');
}
const short = (label: string): string =>
  label.length <= labelWidth ? label : `${label.slice(0, labelWidth - 1)}…`;

function scoreTable(scores: readonly ClassScore[], labels: readonly string[]): string {
  const cell = (value: number | null): string => (value === null ? '-' : percent(value));
  const rows = scores.map((s) => [
    nameOf(labels, s.label),
    ...[count(s.count), count(s.guessed), cell(s.precision), cell(s.recall), cell(s.f1)],
  ]);
  return tableOf([['class', 'count', 'guessed', 'precision', 'recall', 'F1'], ...rows], [1, 2, 3, 4, 5]);
}
