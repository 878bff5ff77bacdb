/** @file Calibration: the values that a net's layers produce for some examples, and the range of each that codes represent. */

import { get } from '../access.ts';
import { foldNorms } from '../edit/fold/norms.ts';
import { checkNet, checkOptions } from '../edit/options.ts';
import { type Bits, type Range, stepsOf, valuesToCalibrate } from '../edit/quantize/index.ts';
import { compile, type EngineOptions } from '../engine/index.ts';
import { MoonletError } from '../errors.ts';
import { channelsOf, type Graph } from '../graph/index.ts';
import type { Net } from '../weights/index.ts';
import { inParts } from './arrays.ts';
import { calibrateChecks } from './checks.ts';
import type { CalibrationMethod } from './choices.ts';

export interface CalibrateOptions extends EngineOptions {
  /** `min-max` by default. */
  readonly method?: CalibrationMethod;
  /** For `percentile`: the percentage of values within the range; 99.99 by default. */
  readonly percentile?: number;
  /** For `mse`: the bits of the codes; 8 by default. */
  readonly bits?: Bits;
  /** Calibrate the graph's outputs too; false by default. */
  readonly outputs?: boolean;
}
export interface Calibration {
  /** The range of each value, by node id. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** The mean of each value by channel. */
  readonly means: ReadonlyMap<string, Float32Array>;
  /** The largest magnitude of each value by channel. */
  readonly largest: ReadonlyMap<string, Float32Array>;
}

const bins = 2048;
/** Statistics of a value: the extremes, then a histogram of `bins` equal parts of the range between them. */
interface Seen {
  low: number;
  high: number;
  readonly sums: Float64Array;
  readonly largest: Float32Array;
  count: number;
  readonly histogram: Float64Array;
}

/**
 * Runs a net (with norms folded, as `quantize` folds them) on batches of examples, each [n, ...input] flat, and collects the
 * statistics of each value that `quantize` rounds.
 *
 * @throws UsageError for options out of range; MoonletError when there is no example, no value is left to calibrate, or a value is not finite.
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { calibrate } from 'moonlet/compress';
 * const net = init(graph('tiny', input(4, 4, 1).conv(8, { kernel: 3 }).relu().globalPool().dense(2)));
 * const { ranges } = await calibrate(net, [Float32Array.from({ length: 160 }, (_, i) => i / 159)]);
 * ranges.get('input'); // [0, 1]
 */
export async function calibrate(
  whole: Net,
  batches: readonly Float32Array[],
  o: CalibrateOptions = {},
): Promise<Calibration> {
  checkNet('calibrate', whole);
  checkOptions('calibrate', o, calibrateChecks);
  const { method = 'min-max', percentile = 99.99, bits = 8, outputs = false, ...engine } = o;
  if (!batches.some((b) => b.length))
    throw new MoonletError("calibration needs data; pass at least one batch of examples of the net's inputs");
  const net = foldNorms(whole);
  const ids = valuesToCalibrate(net.graph, outputs);
  if (!ids.length)
    throw new MoonletError(
      `${net.graph.name}: no value is left to calibrate, since all are already rounded; calibrate the float net`,
    );
  const runner = await compile(net, { ...engine, values: ids });
  try {
    const seen = new Map(ids.map((id) => [id, empty(channelsOf(get(runner.shapes, id)))]));
    const parts = inParts(net.graph, ids, batches);
    for (const x of parts) for (const [id, values] of await runner.run(x)) addExtremes(get(seen, id), values);
    checkFinite(net.graph, seen);
    if (method !== 'min-max')
      for (const x of parts) for (const [id, values] of await runner.run(x)) addCounts(get(seen, id), values);
    const bitsOf = (id: string): number => (typeof bits === 'number' ? bits : bits(id));
    const rangeOf = (id: string, s: Seen): Range => {
      if (method === 'percentile') return byPercentile(s, percentile);
      return method === 'mse' ? byError(s, bitsOf(id)) : [s.low, s.high];
    };
    return {
      ranges: new Map([...seen].map(([id, s]) => [id, rangeOf(id, s)])),
      means: new Map(
        [...seen].map(([id, s]) => [id, Float32Array.from(s.sums, (v) => (v * s.sums.length) / s.count)]),
      ),
      largest: new Map([...seen].map(([id, s]) => [id, s.largest])),
    };
  } finally {
    await runner.release();
  }
}

const empty = (channels: number): Seen => ({
  low: Number.POSITIVE_INFINITY,
  high: Number.NEGATIVE_INFINITY,
  sums: new Float64Array(channels),
  largest: new Float32Array(channels),
  count: 0,
  histogram: new Float64Array(bins),
});

/** First pass: the extremes and the sums by channel. */
function addExtremes(seen: Seen, values: Float32Array): void {
  const { sums, largest } = seen;
  const channels = sums.length;
  let { low, high } = seen;
  for (let i = 0, c = 0; i < values.length; i++, c = c + 1 === channels ? 0 : c + 1) {
    const v = values[i]!;
    if (v < low) low = v;
    if (v > high) high = v;
    sums[c]! += v;
    const size = v < 0 ? -v : v;
    if (size > largest[c]!) largest[c] = size;
  }
  seen.low = low;
  seen.high = high;
  seen.count += values.length;
}

function checkFinite({ name }: Graph, seen: ReadonlyMap<string, Seen>): void {
  for (const [id, { sums }] of seen) {
    // a sum becomes NaN when a value is; the extremes do not, since comparisons with NaN are false
    if (!sums.every(Number.isFinite)) {
      throw new MoonletError(`${name}: "${id}" has values that are not finite; check the net and the data`);
    }
  }
}

/** Second pass: the histogram. */
function addCounts({ low, high, histogram }: Seen, values: Float32Array): void {
  const scale = bins / (high - low || 1);
  for (let i = 0; i < values.length; i++) {
    const bin = Math.min(bins - 1, Math.floor((values[i]! - low) * scale));
    histogram[bin]! += 1;
  }
}

/** The range without (100 - p) / 2 per cent of the values at each end. */
function byPercentile({ low, high, histogram, count }: Seen, p: number): Range {
  const cut = (count * (100 - p)) / 200;
  const width = (high - low) / bins;
  let [first, below] = [0, 0];
  while (below + histogram[first]! <= cut && first < bins - 1) below += histogram[first++]!;
  let [last, above] = [bins - 1, 0];
  while (above + histogram[last]! <= cut && last > first) above += histogram[last--]!;
  return [low + first * width, low + (last + 1) * width];
}

/** Of the ranges from a fifth of the full one up, that with the smallest squared error of rounding the middles of the bins. */
function byError({ low, high, histogram }: Seen, bits: number): Range {
  const width = (high - low) / bins;
  let best: Range = [low, high];
  let least = Number.POSITIVE_INFINITY;
  for (let share = 1; share >= 0.2; share -= 0.02) {
    const range: Range = [Math.min(low, 0) * share, Math.max(high, 0) * share];
    const { scale, zero } = stepsOf(range, bits);
    const most = 2 ** bits - 1;
    let error = 0;
    histogram.forEach((times, bin) => {
      if (!times) return;
      const v = low + (bin + 0.5) * width;
      const code = Math.max(0, Math.min(most, Math.round(v / scale) + zero));
      error += times * (v - (code - zero) * scale) ** 2;
    });
    if (error >= least) continue;
    least = error;
    best = range;
  }
  return best;
}
