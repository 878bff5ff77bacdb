/**
 * @file Patch by patch: the first layers are computed for one patch of their output after the other, each from the part of the input
 * that it depends on, so that no large map is whole in memory. Neighbouring patches overlap in what they need, and compute that again.
 * Then the rest runs layer by layer. Lin et al. 2021, MCUNetV2, arXiv:2110.15352, section 3.
 */
import { channelsOf, isMap } from '../../graph/index.ts';
import { type Back, backwards, joined, type Span } from './regions.ts';
import { type Alive, peakOf, saved } from './schedule.ts';
import { type Unit, valuesOf } from './units.ts';

export interface Plan {
  /** So many rows and columns of patches. */
  readonly grid: number;
  /** The place of the last layer that runs by patches. */
  readonly end: number;
  /** Values alive at each layer: the most of all patches, then those of the rest. */
  readonly alive: readonly number[];
  readonly peak: number;
  /** Multiply-adds, those that are computed again included. */
  readonly macs: number;
  /** Rows and columns of the largest patch of the input. */
  readonly patch: readonly [number, number];
}

/** The places at which patches may end: what comes later reads nothing but this layer, and no layer up to it needs whole maps. */
export function endsOf(units: readonly Unit[]): readonly number[] {
  const found: number[] = [];
  let last = 0;
  for (const [i, unit] of units.entries()) {
    if (!backwards(unit)) break;
    // all tensors before this one are dead after it
    if (i && last <= i && unit.head.op.kind !== 'input') found.push(i);
    last = Math.max(last, unit.lastReader);
  }
  return found;
}

/** The spans that each layer up to `end` computes for a span of the output. */
function spansOf(
  units: readonly Unit[],
  backs: readonly Back[],
  end: number,
  axis: 0 | 1,
  out: Span,
): Span[] {
  const spans: (Span | undefined)[] = Array.from({ length: end + 1 });
  spans[end] = out;
  for (let i = end; i >= 0; i--) {
    const span = spans[i] ?? [0, 0];
    spans[i] = span;
    const needed = backs[i]!(span, axis);
    for (const j of units[i]!.inputs) spans[j] = joined(spans[j], needed);
  }
  return spans.map((span) => span ?? [0, 0]);
}

/** A grid of patches that ends at a layer. @param holdInput whether the input is whole in memory, rather than read by patches. */
export function planOf(
  units: readonly Unit[],
  { inPlace }: Alive,
  grid: number,
  end: number,
  holdInput: boolean,
): Plan {
  const backs = units.slice(0, end + 1).map((unit) => backwards(unit) ?? ((span: Span): Span => span));
  const { shape } = units[end]!;
  const axis = (a: 0 | 1): Span[][] => {
    const size = shape[a] ?? 1;
    const n = Math.min(grid, size);
    return Array.from(
      { length: n },
      (_, i): Span => [Math.floor((i * size) / n), Math.floor(((i + 1) * size) / n)],
    ).map((out) => spansOf(units, backs, end, a, out));
  };
  const [rows, columns] = [axis(0), axis(1)];
  const area = (i: number, row: readonly Span[], column: readonly Span[]): number =>
    length(row[i]) * length(column[i]);
  const alive: number[] = units.map((_, i) => (i > end ? inPlace[i]! : 0));
  let [macs, high, wide] = [0, 0, 0];
  for (let i = end + 1; i < units.length; i++) macs += units[i]!.macs;
  const whole = units.slice(0, end + 1).map(({ shape: s }) => (isMap(s) ? s[0] * s[1] : 1));
  for (const row of rows) {
    high = Math.max(high, length(row[0]));
    for (const column of columns) {
      wide = Math.max(wide, length(column[0]));
      const one = patchAlive(units, end, holdInput, (i) => area(i, row, column));
      for (let i = 0; i <= end; i++) {
        alive[i] = Math.max(alive[i]!, one[i]!);
        macs += (units[i]!.macs / whole[i]!) * area(i, row, column);
      }
    }
  }
  return { grid, end, alive, peak: peakOf(alive).most, macs: Math.round(macs), patch: [high, wide] };
}
const length = (span: Span | undefined): number => (span ? span[1] - span[0] : 0);

/** Values alive at each layer of one patch. The last layer writes into the whole map of all patches, which is there throughout. */
function patchAlive(
  units: readonly Unit[],
  end: number,
  holdInput: boolean,
  area: (i: number) => number,
): readonly number[] {
  const isHeld = (i: number): boolean => i === end || (holdInput && units[i]!.head.op.kind === 'input');
  const sizeOf = (i: number): number => area(i) * channelsOf(units[i]!.shape);
  let alive = 0;
  for (let i = 0; i <= end; i++) if (isHeld(i)) alive += valuesOf(units[i]!);
  const found: number[] = [];
  for (let i = 0; i <= end; i++) {
    const unit = units[i]!;
    if (!isHeld(i)) alive += sizeOf(i);
    const input = unit.inputs[0];
    const isSum = unit.over === 'sum' || unit.over === 'accumulating';
    const sum = unit.over === 'accumulating' ? i + 1 : i;
    const mayOverwrite = isSum
      ? sum < end && !units[sum]!.inputs.some(isHeld)
      : i < end && input !== undefined && !isHeld(input);
    const spared =
      mayOverwrite && input !== undefined ? saved(unit, i, units, [sizeOf(i), area(i), sizeOf(input)]) : 0;
    found.push(alive - spared);
    for (const j of unit.inputs) if (units[j]!.lastReader === i && !isHeld(j)) alive -= sizeOf(j);
  }
  return found;
}

/** The grids that are tried when none is given. */
const grids = [2, 3, 4, 5, 6, 7, 8] as const;

/** Without a budget, patches should compute at most this share of the multiply-adds again. */
const mostAgain = 0.25;

/**
 * The plan with the smallest peak of those that compute at most a quarter again; with a budget the plan within it that has the fewest
 * multiply-adds. Where there is none, the one with the fewest multiply-adds, or nearest to the budget. Undefined when no layer can run
 * by patches.
 */
export function bestPlan(
  units: readonly Unit[],
  alive: Alive,
  { grid, end, holdInput, budget }: { grid?: number; end?: number; holdInput: boolean; budget?: number },
): Plan | undefined {
  const enough = (1 + mostAgain) * units.reduce((n, u) => n + u.macs, 0);
  // the smaller the better, the first that differ
  const ranks = ({ peak, macs }: Plan): readonly number[] =>
    budget === undefined
      ? macs <= enough
        ? [0, peak, macs]
        : [1, macs, peak]
      : peak <= budget
        ? [0, macs, peak]
        : [1, peak, macs];
  let best: Plan | undefined;
  for (const at of end === undefined ? endsOf(units) : [end])
    for (const n of grid === undefined ? grids : [grid]) {
      const plan = planOf(units, alive, n, at, holdInput);
      if (!best || isBefore(ranks(plan), ranks(best))) best = plan;
    }
  return best;
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((n, i) => n !== b[i]);
  return at >= 0 && a[at]! < b[at]!;
}
