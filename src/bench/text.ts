/** @file A report as a table for a terminal and as tables for a page. */
import { columns } from '../read/index.ts';
import { type CaseName, caseNames, type Measured, type Report, type Row } from './types.ts';

export const measured = (rows: readonly Row[]): readonly Measured[] =>
  rows.filter((row): row is Measured => 'medianMs' in row);

/** Milliseconds with three digits that mean something. */
export const ms = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));

const ratioOf = (report: Report, name: CaseName, engine: string): string => {
  const found = report.ratios.find((r) => r.case === name && r.engine === engine);
  return found ? found.ratio.toPrecision(2) : '';
};

/** Every row of one case: engine, median, quartiles, memory, our median over it. */
export function caseRows(report: Report, name: CaseName): string[][] {
  return report.cases
    .filter((row) => row.case === name)
    .map((row) =>
      'missing' in row
        ? [row.engine, 'missing', row.missing, '', '']
        : [
            row.engine,
            ms(row.medianMs),
            row.spread.map(ms).join(' to '),
            String(row.peakMiB),
            ratioOf(report, name, row.engine),
          ],
    );
}

const present = (report: Report): readonly CaseName[] =>
  caseNames.filter((name) => report.cases.some((row) => row.case === name));

export function reportText(report: Report): string {
  const { cpu, cores, date, load } = report.machine;
  const head = ['', 'ms', 'quartiles', 'MiB', 'ours / its'];
  const cases = present(report).map((name) => {
    const rows = [head, ...caseRows(report, name)];
    const best = ratioOf(report, name, 'python-best');
    return `${name}${best ? `: ${best} times the best Python peer` : ''}\n${columns(rows, [1, 2, 3, 4])}`;
  });
  const extras = report.extras.map(({ what, engine, medianMs }) => [what, engine, `${ms(medianMs)} ms`]);
  return [
    `${cpu}, ${cores} cores, ${date}, load ${load}`,
    ...cases,
    ...(extras.length ? [columns(extras, [2])] : []),
  ].join('\n\n');
}
