/** @file The report of `moonlet import` as text. */
import { quote } from '../errors.ts';
import type { ImportReport } from '../import/index.ts';
import { count } from './say.ts';
import { tableOf } from './tables.ts';

const kinds = ['matched', 'transposed', 'skipped', 'missing', 'unexpected', 'misshapen'] as const;

/** The report, and the options that the file said and --as did not. */
export interface Complete extends ImportReport {
  readonly taken: readonly string[];
  /** What the card does not say, and why. */
  readonly notes: readonly string[];
}

/** A count a line, with the first names of those that a person may want to look at. */
export function reportTable(report: Complete): string {
  const rows = kinds.map((kind) => [kind, count(report[kind].length), told(report, kind)]);
  const differences = report.differences.map((d) => `  ${d}`);
  return [
    ...(report.net === undefined ? [] : [`the net ${quote(report.net)} of the file${alternatives(report)}`]),
    `names as ${report.source} writes them${report.prefix ? `, after ${quote(report.prefix)}` : ''}`,
    ...(report.taken.length ? [`as the file says: ${report.taken.join(' ')}`] : []),
    tableOf(rows, [1]),
    ...(differences.length
      ? [`${report.source} computes otherwise than our architecture; the net follows it:`]
      : []),
    ...differences,
    ...(report.unsound.length ? ['values that no weight should have:', ...shortened(report.unsound)] : []),
    ...report.notes,
  ].join('\n');
}
const alternatives = ({ otherNets }: ImportReport): string =>
  otherNets.length ? `; it also holds ${otherNets.slice(0, 5).map(quote).join(', ')} (--net)` : '';
const shortened = (lines: readonly string[]): readonly string[] => [
  ...lines.slice(0, 5).map((line) => `  ${line}`),
  ...(lines.length > 5 ? [`  and ${count(lines.length - 5)} more`] : []),
];
function told(report: ImportReport, kind: (typeof kinds)[number]): string {
  const names = report[kind];
  if (kind === 'matched' || kind === 'transposed' || !names.length) return '';
  return `${names.slice(0, 3).map(quote).join(', ')}${names.length > 3 ? ', ...' : ''}`;
}
