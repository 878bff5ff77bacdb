/** @file Line and scatter charts as SVG text, drawn by vega-lite and vega without a screen. */
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

export interface ChartOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xDomain?: readonly [number, number];
  readonly yDomain?: readonly [number, number];
  /** Steps of equal ratio instead of equal distance. */
  readonly xScale?: 'linear' | 'log';
  readonly yScale?: 'linear' | 'log';
  /** Of the plot without its labels, in pixels. */
  readonly width?: number;
  readonly height?: number;
  /** For a page of its own: no background, text and grid in the colours of the page, light or dark (see `report.ts`). */
  readonly inline?: boolean;
}

export interface LineSeries {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface ScatterSeries {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly label?: string }[];
}

/** Okabe and Ito's colours, which people who see few colours can tell apart; yellow is too faint on white. */
const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#4d4d4d'];
const ink = '#333333';
const faint = '#e4e4e4';

/** Lines through points; charts of 30 points a line or fewer mark them. The legend is left out for one series. */
export function lineChart(
  options: ChartOptions & { readonly series: readonly LineSeries[] },
): Promise<string> {
  const rows = options.series.flatMap(({ name, points }) => points.map(([x, y]) => ({ series: name, x, y })));
  const dense = options.series.some(({ points }) => points.length > 30);
  const point = dense ? false : { size: 36, filled: true };
  return draw(options, rows, [{ mark: { type: 'line', strokeWidth: 2, interpolate: 'linear', point } }]);
}

/** Points with their labels beside them, each label on the side where it covers the least. */
export async function scatterChart(
  options: ChartOptions & { readonly series: readonly ScatterSeries[] },
): Promise<string> {
  const rows = options.series.flatMap(({ name, points }) =>
    points.map(({ x, y, label = '' }) => ({ series: name, x, y, label })),
  );
  const dots: Layer = { mark: { type: 'point', filled: true, size: 70, opacity: 0.9 } };
  const view = await new View(parse(compile(specOf(options, rows, [dots])).spec), {
    renderer: 'none',
  }).runAsync();
  const [toX, toY] = ['x', 'y'].map((name) => view.scale(name) as (value: number) => number);
  const placed = placeLabels(
    rows.map(({ x, y, label }) => ({ x: toX!(x), y: toY!(y), label })),
    sizeOf(options).width,
  );
  view.finalize();
  const labels = sides.map(({ dx, dy, align }, side): Layer => {
    const text = { type: 'text', align, baseline: 'middle', dx, dy, fontSize: 11, clip: false } as const;
    return {
      transform: [{ filter: `datum.side === ${side}` }],
      mark: text,
      encoding: { text: { field: 'label' }, color: { value: ink } },
    };
  });
  return draw(
    options,
    rows.map((row, i) => ({ ...row, side: placed[i] })),
    [dots, ...labels],
  );
}

/** Where a label may stand, in pixels from its point. The first is liked best. */
const sides = [
  { dx: 8, dy: 0, align: 'left' },
  { dx: -8, dy: 0, align: 'right' },
  { dx: 0, dy: -13, align: 'center' },
  { dx: 0, dy: 13, align: 'center' },
] as const;

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/**
 * The side of each label: greedily the one that overlaps least with the points, the labels so far and the
 * edge.
 */
function placeLabels(points: readonly { x: number; y: number; label: string }[], width: number): number[] {
  const around = (x: number, y: number, w: number, h: number): Box => ({
    ...{ left: x - w / 2, right: x + w / 2 },
    ...{ top: y - h / 2, bottom: y + h / 2 },
  });
  const overlap = (a: Box, b: Box): number =>
    Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) *
    Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
  const taken = points.map(({ x, y }) => around(x, y, 11, 11));
  const edges = [around(-500, 0, 1000, 4000), around(width + 500, 0, 1000, 4000)];
  return points.map(({ x, y, label }) => {
    const w = 6.3 * label.length; // of 11 pixel letters, on average
    const shift = { left: w / 2, right: -w / 2, center: 0 };
    const boxes = sides.map(({ dx, dy, align }) => around(x + dx + shift[align], y + dy, w, 13));
    const cost = boxes.map((box) =>
      [...taken, ...edges].reduce((sum, other) => sum + overlap(box, other), 0),
    );
    const best = cost.indexOf(Math.min(...cost));
    taken.push(boxes[best]!);
    return best;
  });
}

type Chart = ChartOptions & { readonly series: readonly { readonly name: string }[] };
interface Row {
  readonly series: string;
  readonly x: number;
  readonly y: number;
}
type Layer = Extract<TopLevelSpec, { layer: unknown }>['layer'][number];

const sizeOf = ({ width = 560, height = 320 }: ChartOptions): { width: number; height: number } => ({
  width,
  height,
});

async function draw(options: Chart, values: readonly Row[], layer: Layer[]): Promise<string> {
  const view = new View(parse(compile(specOf(options, values, layer)).spec), { renderer: 'none' });
  try {
    const svg = await view.toSVG();
    return options.inline ? svg.replaceAll(ink, 'currentColor').replaceAll(faint, 'var(--line)') : svg;
  } finally {
    view.finalize();
  }
}

function specOf(options: Chart, values: readonly Row[], layer: Layer[]): TopLevelSpec {
  const names = options.series.map(({ name }) => name);
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: options.title,
    ...sizeOf(options),
    padding: options.inline ? 0 : 12,
    background: options.inline ? 'transparent' : 'white',
    data: { values: [...values] },
    encoding: {
      x: axis('x', options.xLabel, values, options.xDomain, options.xScale),
      y: axis('y', options.yLabel, values, options.yDomain, options.yScale),
      color: {
        field: 'series',
        type: 'nominal',
        scale: { domain: names, range: palette },
        legend: names.length > 1 ? { title: null, orient: 'bottom', columns: 3, labelLimit: 0 } : null,
      },
    },
    layer,
    config,
  };
}

/**
 * A quantitative axis. On a log scale grid and labels stand at powers of ten, or at 1, 2, 5 where these are
 * few.
 */
function axis(
  field: 'x' | 'y',
  title: string,
  rows: readonly Row[],
  domain: readonly [number, number] | undefined,
  type: 'linear' | 'log' = 'linear',
) {
  const given = domain ? { domain: [...domain] } : {};
  if (type === 'linear') {
    const scale = { type, zero: false, nice: domain === undefined, ...given };
    return { field, type: 'quantitative' as const, title, scale };
  }
  const values = [...(domain ?? rows.map((row) => row[field]))].filter((value) => value > 0);
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.log10) as [number, number];
  const steps = high - low < 2.5 ? [1, 2, 5] : [1];
  const decades = Array.from(
    { length: Math.ceil(high) - Math.floor(low) + 1 },
    (_, i) => Math.floor(low) + i,
  );
  const ticks = decades.flatMap((power) => steps.map((step) => Number((step * 10 ** power).toPrecision(1))));
  const least = ticks.findLast((tick) => tick <= 10 ** low * 1.001) ?? ticks[0]!;
  const most = ticks.find((tick) => tick >= 10 ** high * 0.999) ?? ticks.at(-1)!;
  const scale = { type, nice: false, domain: domain ? [...domain] : [least, most] };
  const format = least < 1 ? '~g' : '~s';
  return { field, type: 'quantitative' as const, title, scale, axis: { values: ticks, format } };
}

const config: NonNullable<TopLevelSpec['config']> = {
  font: 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif',
  title: { fontSize: 15, fontWeight: 600, anchor: 'start', color: ink, offset: 12 },
  view: { stroke: null },
  axis: {
    labelColor: ink,
    titleColor: ink,
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    titlePadding: 8,
    labelFlush: false,
    gridColor: faint,
    domain: false,
    tickColor: faint,
  },
  legend: { labelColor: ink, labelFontSize: 12, symbolType: 'circle', symbolSize: 70, columnPadding: 18 },
};
