/** @file The Pareto chart: a cost against accuracy. Nets whose accuracy is not known stand on a line below. */
import { scaleLog } from 'd3-scale';
import { useMemo, useState } from 'preact/hooks';
import type { Entry } from '../catalogue.ts';
import { dataNames } from '../catalogue.ts';
import { percent } from '../parts/format.ts';
import { useSize } from '../parts/state.ts';
import { accuracyText, colorOf, front, type Measure } from './measures.ts';
import './chart.css';

interface Point {
  readonly entry: Entry;
  readonly x: number;
  readonly y: number;
  readonly value: number;
}
interface ChartProps {
  readonly entries: readonly Entry[];
  readonly measure: Measure;
  readonly latencies: ReadonlyMap<string, number>;
  readonly selected: readonly string[];
  onSelect(entry: Entry): void;
}
const [left, right, top, bottom, strip] = [54, 20, 16, 46, 34];
const height = 440;

export function Chart({ entries, measure, latencies, selected, onSelect }: ChartProps) {
  const [ref, width] = useSize<HTMLDivElement>();
  const [active, setActive] = useState<string | undefined>();
  const { scales, points, best } = usePoints(entries, measure, latencies, width);
  const current = points.find((p) => p.entry.id === active);
  const onKeyDown = (event: KeyboardEvent): void => {
    const index = points.findIndex((p) => p.entry.id === (active ?? selected[0]));
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = points[(index + step + points.length) % points.length];
      setActive(next?.entry.id);
    } else if ((event.key === 'Enter' || event.key === ' ') && current) {
      event.preventDefault();
      onSelect(current.entry);
    }
  };
  const label = `${measure.axis} against accuracy: ${points.length} nets. Arrow keys move between nets, Enter opens one.`;
  return (
    <div class="chart" ref={ref} onPointerLeave={() => setActive(undefined)}>
      {width ? (
        <svg
          {...{ width, height }}
          role="listbox"
          tabIndex={0}
          aria-label={label}
          aria-activedescendant={current ? pointId(current.entry) : undefined}
          onKeyDown={onKeyDown}
          onBlur={() => setActive(undefined)}
        >
          <Axes
            {...{ scales, width, measure }}
            hasStrip={points.some((p) => p.entry.accuracy === undefined)}
          />
          {best.map((line, i) =>
            line.length > 1 ? (
              <path
                key={i}
                class="front"
                role="presentation"
                style={{ color: line[0] && colorOf(line[0].entry) }}
                d={steps(line)}
              />
            ) : null,
          )}
          {points.map((point) => (
            <Mark
              key={point.entry.id}
              {...{ point, onSelect }}
              isSelected={selected.includes(point.entry.id)}
              isActive={point.entry.id === active}
              onShow={() => setActive(point.entry.id)}
            />
          ))}
        </svg>
      ) : (
        <div style={{ height: `${height}px` }} />
      )}
      {current ? <PointTip {...{ current, measure, width }} /> : null}
      {points.length ? null : (
        <p class="chart-empty">
          {measure.id === 'latency'
            ? 'Nothing is measured yet: press “Measure latency”.'
            : 'No net fits the filter.'}
        </p>
      )}
    </div>
  );
}

/** Where each net stands, and the nets of each dataset that no cheaper one beats. */
function usePoints(
  entries: readonly Entry[],
  measure: Measure,
  latencies: ReadonlyMap<string, number>,
  width: number,
) {
  const known = useMemo(
    () =>
      entries.flatMap((entry) => {
        const value = measure.of(entry, latencies);
        return value === undefined || value <= 0 ? [] : [{ entry, value }];
      }),
    [entries, measure, latencies],
  );
  const scales = useMemo(() => scalesFor(known, width), [known, width]);
  const points = useMemo(
    () =>
      known
        .map(({ entry, value }): Point => ({ entry, value, x: scales.x(value), y: scales.y(entry.accuracy) }))
        .sort((a, b) => a.x - b.x),
    [known, scales],
  );
  const best = useMemo(
    () =>
      Object.keys(dataNames).map((data) => {
        const of = points.filter((p) => p.entry.data === data);
        const ids = front(of.map(({ entry, value }) => ({ entry, x: value, accuracy: entry.accuracy ?? 0 })));
        return of.filter((p) => ids.has(p.entry.id));
      }),
    [points],
  );
  return { scales, points, best };
}

const pointId = ({ id }: Entry): string => `point-${id.replace(/[^\w-]/g, '_')}`;

interface Scales {
  readonly x: ReturnType<typeof scaleLog<number, number>>;
  y(accuracy: number | undefined): number;
  readonly marks: readonly number[];
}

/** Costs and errors both on logarithmic scales: from 99 % to 99.5 % is as far as from 80 % to 90 %. */
function scalesFor(
  known: readonly { readonly entry: Entry; readonly value: number }[],
  width: number,
): Scales {
  const values = known.map(({ value }) => value);
  const [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [1, 10];
  const x = scaleLog()
    .domain([low / 1.25, high * 1.25])
    .range([left, Math.max(left + 10, width - right)]);
  const errors = known.flatMap(({ entry: { accuracy } }) => (accuracy === undefined ? [] : [1 - accuracy]));
  const [least, most] = errors.length ? [Math.min(...errors), Math.max(...errors)] : [0.01, 0.5];
  const error = scaleLog()
    .domain([least / 1.25, Math.min(1, most * 1.15)])
    .range([top + 6, height - bottom - strip - 6]);
  const marks = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998].filter((accuracy) => {
    const [from = 0, to = 1] = error.domain();
    return 1 - accuracy >= from && 1 - accuracy <= to;
  });
  return {
    x,
    y: (accuracy) => (accuracy === undefined ? height - bottom - strip / 2 : error(1 - accuracy)),
    marks,
  };
}

interface AxesProps {
  readonly scales: Scales;
  readonly width: number;
  readonly measure: Measure;
  readonly hasStrip: boolean;
}

function Axes({ scales, width, measure, hasStrip }: AxesProps) {
  const ticks = scales.x.ticks(Math.max(2, width / 110)).filter((t) => /^[1]/.test(t.toExponential()));
  const shown = ticks.length > 1 ? ticks : scales.x.ticks(4);
  return (
    <g class="axis" role="presentation">
      {shown.map((tick) => (
        <g key={tick}>
          <line x1={scales.x(tick)} x2={scales.x(tick)} y1={top} y2={height - bottom} />
          <text class="quiet" x={scales.x(tick)} y={height - bottom + 18} text-anchor="middle">
            {measure.text(tick).replace(/\.0+(?= |$)|(\.\d*?)0+(?= )/g, '$1')}
          </text>
        </g>
      ))}
      {scales.marks.map((accuracy) => (
        <g key={accuracy}>
          <line x1={left} x2={width - right} y1={scales.y(accuracy)} y2={scales.y(accuracy)} />
          <text class="quiet" x={left - 8} y={scales.y(accuracy) + 4} text-anchor="end">
            {percent(accuracy, accuracy >= 0.99 && accuracy !== 0.99 ? 1 : 0)}
          </text>
        </g>
      ))}
      {hasStrip ? (
        <>
          <rect
            class="strip"
            x={left}
            y={height - bottom - strip + 4}
            width={Math.max(0, width - left - right)}
            height={strip - 8}
            rx="6"
          />
          <text class="quiet fine" x={left - 8} y={height - bottom - strip / 2 + 4} text-anchor="end">
            no data
          </text>
        </>
      ) : null}
      <text class="quiet" x={(left + width - right) / 2} y={height - 6} text-anchor="middle">
        {measure.axis}
      </text>
    </g>
  );
}

interface MarkProps {
  readonly point: Point;
  readonly isSelected: boolean;
  readonly isActive: boolean;
  onSelect(entry: Entry): void;
  onShow(): void;
}

function Mark({ point: { entry, x, y }, isSelected, isActive, onSelect, onShow }: MarkProps) {
  const size = isActive || isSelected ? 7.5 : entry.kind === 'architecture' ? 4 : 5.5;
  const shape =
    entry.kind === 'teacher' ? (
      <rect x={x - size} y={y - size} width={2 * size} height={2 * size} transform={`rotate(45 ${x} ${y})`} />
    ) : (
      <circle cx={x} cy={y} r={size} />
    );
  return (
    <g
      id={pointId(entry)}
      class={`point ${entry.kind}${isSelected ? ' selected' : ''}`}
      style={{ color: colorOf(entry) }}
      role="option"
      tabIndex={-1}
      aria-selected={isSelected}
      aria-label={`${entry.id}${entry.accuracy === undefined ? '' : `, ${accuracyText(entry)}`}`}
      onClick={() => onSelect(entry)}
      onPointerEnter={onShow}
    >
      <circle cx={x} cy={y} r="11" class="hit" />
      {shape}
    </g>
  );
}

function PointTip({
  current: { entry, x, y, value },
  measure,
  width,
}: {
  readonly current: Point;
  readonly measure: Measure;
  readonly width: number;
}) {
  const data = entry.data === undefined ? undefined : (dataNames[entry.data] ?? entry.data);
  return (
    <div
      class="tip"
      style={{
        left: `${Math.max(4, Math.min(x + 14, width - 230))}px`,
        top: `${y > height - 130 ? y - 92 : y + 14}px`,
      }}
    >
      <b>{entry.label}</b>
      {entry.block ? ` ${entry.block}` : ''}
      <br />
      {measure.text(value)} {measure.name}
      <br />
      {entry.accuracy === undefined ? 'no accuracy measured' : `${accuracyText(entry)} on ${data}`}
      {entry.teacher ? (
        <>
          <br />
          taught by {entry.teacher}
        </>
      ) : null}
    </div>
  );
}

/** The front as stairs: between two nets the cheaper one is what there is. */
const steps = (points: readonly Point[]): string =>
  points
    .map(({ x, y }, i) => (i ? `H${x.toFixed(1)}V${y.toFixed(1)}` : `M${x.toFixed(1)} ${y.toFixed(1)}`))
    .join('');
