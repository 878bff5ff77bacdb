/** @file The report as one HTML page that needs nothing else: parallel coordinates, the Pareto front, and the table. */
import { bestRows, placesOf, type Report, type ReportRow } from './report.ts';
import type { MeasureName } from './space.ts';

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const short = (x: number): string =>
  Math.abs(x) >= 1e5 ? `${Number((x / 1000).toPrecision(3))}k` : `${Number(x.toPrecision(4))}`;
const shown = (v: unknown): string =>
  typeof v === 'number' ? short(v) : typeof v === 'string' ? v : JSON.stringify(v);

/** A scale of an axis: the place of a value between 0 (bottom) and 1, and marks. */
interface Axis {
  readonly title: string;
  place(r: ReportRow): number | undefined;
  readonly marks: readonly (readonly [place: number, text: string])[];
}

/** More lines than this are thinned out; those of the front always stay. */
const mostLines = 2000;

/** The page of a report. */
export function pageOf(report: Report): string {
  const done = report.rows.filter((r) => r.state === 'done');
  const stride = Math.max(1, Math.ceil(done.length / mostLines));
  const drawn = done.filter((r, i) => r.onFront || i % stride === 0);
  const { sweep, counts, objective, state } = report;
  const thinned = drawn.length < done.length ? ` ${drawn.length} of ${done.length} trials are drawn.` : '';
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(sweep)}</title><style>${style}</style><main><h1>${escaped(sweep)}</h1>
<p>${escaped(state)}: ${counts.trials} trials, ${counts.done} trained to the end, ${counts.failed} failed. Objective: ${objective.join(', ')}. Accuracy is that of the held-out training examples.${thinned}</p>
<h2>Trials</h2><p>A line for each trial. Those of the ${objective.length > 1 ? 'Pareto front' : 'best score'} are dark. Point at a line to read it.</p>
<div class="scroll">${parallel(drawn, axesOf(report, drawn))}</div>
<h2>Pareto front</h2>${front(drawn, secondOf(objective))}
<h2>Best trials</h2><div class="scroll">${tableOf(report)}</div></main></html>\n`;
}

/** What accuracy is weighed against in the picture of the front. */
const secondOf = (objective: readonly MeasureName[]): MeasureName =>
  objective.find((m) => m !== 'accuracy' && m !== 'loss') ?? 'params';

function axesOf(report: Report, rows: readonly ReportRow[]): readonly Axis[] {
  const measures = [...new Set<MeasureName>(['params', 'macs', ...report.objective])].sort(
    (a, b) => Number(a === report.objective[0]) - Number(b === report.objective[0]),
  );
  return [
    ...placesOf(report).map((p) => axis(p, rows, (r) => r.values[p])),
    ...measures.map((m) => axis(m, rows, (r) => r.measures[m])),
  ];
}

/** Numbers on a line, logarithmic where the largest is more than 20 times the least; other values side by side. */
function axis(title: string, rows: readonly ReportRow[], read: (r: ReportRow) => unknown): Axis {
  const values = rows.map(read).filter((v) => v !== undefined);
  const numbers = values.filter((v) => typeof v === 'number');
  const distinct = [...new Set(values.map((v) => JSON.stringify(v)))];
  if (numbers.length < values.length || distinct.length <= 1) {
    const at = (i: number): number => (i + 0.5) / Math.max(1, distinct.length);
    return {
      title,
      place: (r) => {
        const i = distinct.indexOf(JSON.stringify(read(r)));
        return i < 0 ? undefined : at(i);
      },
      marks: distinct.map((text, i) => [at(i), shown(JSON.parse(text)).slice(0, 18)] as const),
    };
  }
  const [low, high] = numbers.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const isLog = low > 0 && high / low > 20;
  const of = (v: number): number =>
    isLog ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low);
  const back = (t: number): number => (isLog ? low * (high / low) ** t : low + t * (high - low));
  return {
    title,
    place: (r) => {
      const v = read(r);
      return typeof v === 'number' ? of(v) : undefined;
    },
    marks:
      distinct.length <= 6
        ? [...new Set(numbers)].map((v) => [of(v), short(v)] as const)
        : [0, 0.25, 0.5, 0.75, 1].map((t) => [t, short(back(t))] as const),
  };
}

const [height, top, gap] = [300, 40, 130];
const y = (place: number): string => (top + height * (1 - place)).toFixed(1);

function parallel(rows: readonly ReportRow[], axes: readonly Axis[]): string {
  const x = (i: number): number => 70 + gap * i;
  const line = (r: ReportRow): string => {
    const points = axes.flatMap((a, i) => {
      const place = a.place(r);
      return place === undefined ? [] : [`${x(i)},${y(place)}`];
    });
    return `<polyline${r.onFront ? ' class="front"' : ''} points="${points.join(' ')}"><title>${escaped(titleOf(r))}</title></polyline>`;
  };
  const lines = [...rows].sort((a, b) => Number(a.onFront) - Number(b.onFront)).map(line);
  const scales = axes.map((a, i) => {
    const marks = a.marks.map(([t, text]) => `<text x="${x(i) + 5}" y="${y(t)}">${escaped(text)}</text>`);
    return `<g class="axis"><line x1="${x(i)}" x2="${x(i)}" y1="${y(0)}" y2="${y(1)}"/><text class="title" x="${x(i)}" y="20">${escaped(a.title)}</text>${marks.join('')}</g>`;
  });
  const width = 140 + gap * axes.length;
  return `<svg role="img" aria-label="parallel coordinates" viewBox="0 0 ${width} ${height + 70}" width="${width}">${lines.join('')}${scales.join('')}</svg>`;
}

const titleOf = ({ trial, measures, values }: ReportRow): string =>
  `trial ${trial}: ${Object.entries({ ...measures, ...values })
    .map(([k, v]) => `${k} ${shown(v)}`)
    .join(', ')}`;

/** Accuracy over a cost, a point for each trial; the front of these two is joined. */
function front(rows: readonly ReportRow[], cost: MeasureName): string {
  const known = rows.filter((r) => r.measures.accuracy !== undefined && r.measures[cost] !== undefined);
  if (!known.length) return '<p>No trial is done.</p>';
  const [across, up] = [
    axis(cost, known, (r) => r.measures[cost]),
    axis('accuracy', known, (r) => r.measures.accuracy),
  ];
  const x = (place: number): string => (70 + 600 * place).toFixed(1);
  const dots = known.map(
    (r) =>
      `<circle${r.onFront ? ' class="front"' : ''} cx="${x(across.place(r) ?? 0)}" cy="${y(up.place(r) ?? 0)}" r="4"><title>${escaped(titleOf(r))}</title></circle>`,
  );
  let best = Number.NEGATIVE_INFINITY;
  const steps = [...known]
    .sort((a, b) => (a.measures[cost] ?? 0) - (b.measures[cost] ?? 0))
    .filter((r) => {
      const isBetter = (r.measures.accuracy ?? 0) > best;
      if (isBetter) best = r.measures.accuracy ?? 0;
      return isBetter;
    });
  const joined = steps.map((r) => `${x(across.place(r) ?? 0)},${y(up.place(r) ?? 0)}`).join(' ');
  const marksX = across.marks.map(
    ([t, s]) => `<text x="${x(t)}" y="${top + height + 18}">${escaped(s)}</text>`,
  );
  const marksY = up.marks.map(([t, s]) => `<text x="10" y="${y(t)}">${escaped(s)}</text>`);
  return `<svg role="img" aria-label="Pareto front" viewBox="0 0 740 ${height + 90}" width="740"><g class="axis"><line x1="70" x2="670" y1="${y(0)}" y2="${y(0)}"/><line x1="70" x2="70" y1="${y(0)}" y2="${y(1)}"/><text class="title" x="300" y="${top + height + 40}">${cost}</text><text class="title" x="10" y="20">accuracy</text>${marksX.join('')}${marksY.join('')}</g><polyline class="front" points="${joined}"/>${dots.join('')}</svg>`;
}

function tableOf(report: Report): string {
  const places = placesOf(report);
  const measures = [...new Set<MeasureName>(['accuracy', 'params', 'macs', 'bytes', ...report.objective])];
  const cells = (tag: string, texts: readonly string[]): string =>
    `<tr>${texts.map((t) => `<${tag}>${escaped(t)}</${tag}>`).join('')}</tr>`;
  const rows = bestRows(report, 50).map((r) => [
    ...[`${r.trial}`, ...measures.map((m) => shown(r.measures[m] ?? ''))],
    ...places.map((p) => shown(r.values[p] ?? '')),
  ]);
  return `<table>${cells('th', ['trial', ...measures, ...places])}${rows.map((r) => cells('td', r)).join('')}</table>`;
}

/** Light and dark by the reader's setting. */
const style = `:root{color-scheme:light dark;--ink:#222;--pale:#9ab;--dark:#c2410c;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#ddd;--pale:#567;--dark:#fb923c;--paper:#161616}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0}main{max-width:1100px;margin:auto;padding:1rem}
.scroll{overflow-x:auto}svg text{font-size:11px;fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:3px}svg .title{font-weight:600}
.axis line{stroke:var(--ink)}polyline{fill:none;stroke:var(--pale);stroke-opacity:.5}polyline.front{stroke:var(--dark);stroke-opacity:.9;stroke-width:2}
polyline:hover{stroke:var(--ink);stroke-width:3;stroke-opacity:1}circle{fill:var(--pale)}circle.front{fill:var(--dark)}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.2rem .6rem;text-align:left;border-bottom:1px solid var(--pale)}`;
