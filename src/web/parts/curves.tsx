/** @file Lines over the steps of a run. */
import { scaleLinear, scaleLog } from 'd3-scale';
import { useSize } from './state.ts';
import './curves.css';

export interface Curve {
  readonly name: string;
  readonly color: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly isDashed?: boolean;
}
interface Props {
  readonly title: string;
  readonly curves: readonly Curve[];
  /** The last step of the run. */
  readonly steps: number;
  readonly isLog?: boolean;
  /** Steps at which something happened, with its name. */
  readonly marks?: readonly { readonly at: number; readonly name: string }[];
  /** The bounds of the values; those of the curves by default. */
  readonly bounds?: readonly [number, number];
  text(value: number): string;
}
const [left, right, top, bottom] = [52, 12, 10, 26];
const height = 210;

export function Curves({ title, curves, steps, isLog = false, bounds, marks = [], text }: Props) {
  const [ref, width] = useSize<HTMLElement>();
  const values = curves
    .flatMap(({ points }) => points.map(([, y]) => y))
    .filter((y) => Number.isFinite(y) && (!isLog || y > 0));
  const [low, high] = bounds ?? (values.length ? [Math.min(...values), Math.max(...values)] : [0.1, 1]);
  const x = scaleLinear([0, Math.max(1, steps)], [left, Math.max(left + 1, width - right)]);
  const y = (isLog ? scaleLog() : scaleLinear())
    .domain(isLog ? [low / 1.1, high * 1.1] : [low, high])
    .range([height - bottom, top]);
  const round = y.ticks(4).filter((t) => !isLog || /^[125](?:\.0*)?e/.test(t.toExponential()));
  const [from = low, to = high] = y.domain();
  const narrow = scaleLinear([from, to], [0, 1]);
  const isClear = (ticks: readonly number[]): boolean => new Set(ticks.map(text)).size === ticks.length;
  const ticks =
    round.length > 1 ? round : ([4, 3, 2].map((n) => narrow.ticks(n)).find(isClear) ?? narrow.ticks(1));
  const d = (points: Curve['points']): string =>
    points.map(([at, value], i) => `${i ? 'L' : 'M'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join('');
  const last = curves
    .map(({ name, points }) => `${name}: ${points.length ? text(points.at(-1)?.[1] ?? 0) : 'no value yet'}`)
    .join(', ');
  return (
    <figure class="curves" ref={ref}>
      <figcaption class="row">
        <h2 class="minor">{title}</h2>
        <span class="legend">
          {curves.map(({ name, color, isDashed }) => (
            <span key={name}>
              <i class={`stroke${isDashed ? ' dashed' : ''}`} style={{ color }} /> {name}
            </span>
          ))}
        </span>
      </figcaption>
      {width ? (
        <svg {...{ width, height }} role="img" aria-label={`${title}. ${last}`}>
          <g class="axis">
            {(values.length ? ticks : []).map((tick) => (
              <g key={tick}>
                <line x1={left} x2={width - right} y1={y(tick)} y2={y(tick)} />
                <text class="quiet" x={left - 8} y={y(tick) + 4} text-anchor="end">
                  {text(tick)}
                </text>
              </g>
            ))}
            {x.ticks(Math.max(2, width / 110)).map((tick) => (
              <text key={tick} class="quiet" x={x(tick)} y={height - 6} text-anchor="middle">
                {tick.toLocaleString('en-US')}
              </text>
            ))}
          </g>
          {values.length ? null : (
            <text class="quiet" x={(left + width - right) / 2} y={height / 2} text-anchor="middle">
              no value yet
            </text>
          )}
          {curves.map(({ name, color, points, isDashed }) => (
            <g key={name} style={{ color }}>
              <path class={isDashed ? 'dashed' : ''} d={d(points)} />
              {points[0] && points.every(([at]) => at === points[0]?.[0]) ? (
                <circle cx={x(points[0][0])} cy={y(points[0][1])} r="3.5" />
              ) : null}
            </g>
          ))}
          {marks.map(({ at, name }) => (
            <g key={`${at} ${name}`} class="mark">
              <line x1={x(at)} x2={x(at)} y1={top} y2={height - bottom} />
              <text x={x(at) + 4} y={top + 10} class="quiet">
                {name}
              </text>
            </g>
          ))}
        </svg>
      ) : (
        <div style={{ height: `${height}px` }} />
      )}
    </figure>
  );
}

/** Means of some neighbours on both sides: losses of single batches jump. */
export const smooth = (values: Curve['points'], reach = 4): Curve['points'] =>
  values.map(([x], i) => {
    const part = values.slice(Math.max(0, i - reach), i + reach + 1);
    return [x, part.reduce((n, [, v]) => n + v, 0) / part.length];
  });

/** Means of neighbours, so that a long run stays a short line: at most `most` points. */
export function thinned(values: readonly (readonly [number, number])[], most = 160): Curve['points'] {
  const size = Math.ceil(values.length / most);
  if (size <= 1) return values;
  return Array.from({ length: Math.floor(values.length / size) }, (_, i) => {
    const part = values.slice(i * size, (i + 1) * size);
    return [part.at(-1)?.[0] ?? 0, part.reduce((n, [, v]) => n + v, 0) / part.length] as const;
  });
}
