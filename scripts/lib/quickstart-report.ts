/** @file The report of the main job: tables, curves and mistakes of a student and its teacher. */
import { count } from '../../src/cli/say.ts';
import { lineChart } from './plots.ts';
import { charts, gallery, htmlTable, page, paragraph } from './report.ts';

export interface Curve {
  readonly name: string;
  /** Cross-entropy at each training step. */
  readonly losses: readonly number[];
  /** Steps, and the fraction of the held-out images that is right after them. */
  readonly validation: readonly (readonly [step: number, right: number])[];
}
export interface Mistake {
  readonly pixels: Uint8Array;
  readonly caption: string;
}
export interface ReportParts {
  readonly lead: string;
  /** Tables with their heads. */
  readonly costs: readonly (readonly string[])[];
  readonly results: readonly (readonly string[])[];
  readonly aboutResults: string;
  readonly curves: readonly Curve[];
  /** Images that the fractions of the curves are of. */
  readonly heldOut: number;
  readonly mistakes: readonly Mistake[];
  /** Height and width of an image. */
  readonly shape: readonly number[];
  readonly plan: readonly (readonly [what: string, value: string])[];
}

/** Steps that one point of the loss curve is the mean of: a single step is too noisy to be shown. */
const window = 50;
/** Of a chart's plot: with its labels as wide as a telephone's screen. On a wide screen it is drawn larger. */
const size = { width: 270, height: 190 } as const;

/** The page, one HTML file that needs nothing else. */
export async function quickstartReport(parts: ReportParts): Promise<string> {
  const { curves, heldOut } = parts;
  const xDomain = [0, Math.max(...curves.map(({ losses }) => losses.length))] as const;
  const lossChart = lineChart({
    ...{ ...size, inline: true, xDomain, yScale: 'log' },
    title: `Training loss, mean of ${window} steps`,
    xLabel: 'training step',
    yLabel: 'cross-entropy',
    series: curves.map(({ name, losses }) => ({ name, points: means(losses) })),
  });
  const errorChart = lineChart({
    ...{ ...size, inline: true, xDomain, yScale: 'log' },
    title: `Errors on ${count(heldOut)} held-out images`,
    xLabel: 'training step',
    yLabel: 'error rate',
    series: curves.map(({ name, validation }) => ({
      name,
      // half an error where there is none, since a log scale has no zero
      points: validation.map(([step, right]) => [step, Math.max(1 - right, 0.5 / heldOut)] as const),
    })),
  });
  return page('A student and its teacher', parts.lead, [
    { title: 'Cost', html: htmlTable(parts.costs) },
    { title: 'Results', html: htmlTable(parts.results) + paragraph(parts.aboutResults) },
    { title: 'Training', html: charts(await Promise.all([lossChart, errorChart])) },
    { title: 'What the student gets wrong', html: gallery(parts.mistakes, parts.shape) },
    { title: 'Plan', html: htmlTable([['what', 'value'], ...parts.plan], [0, 1]) },
  ]);
}

/** The mean of each window of steps, at its middle. */
function means(values: readonly number[]): readonly (readonly [number, number])[] {
  const points: (readonly [number, number])[] = [];
  for (let start = 0; start < values.length; start += window) {
    const part = values.slice(start, start + window);
    points.push([start + part.length / 2, part.reduce((sum, value) => sum + value, 0) / part.length]);
  }
  return points;
}
