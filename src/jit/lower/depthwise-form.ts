/** @file How a depthwise conv, or a gradient of one, is computed where onnxruntime has no blocked kernels: the fastest form by measured costs. */

import type { ConvGeometry } from '../../kernels/index.ts';
import type { Sizes } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import { type Axes, axesOf } from './exchanged.ts';

/** The largest constant that places taps in a matrix, in numbers. */
const largest = 1e6;

/** By products of all places, by products of rows (`depthwise-rows.ts`), or by onnxruntime's own conv. */
export type DepthwiseForm = 'places' | 'rows' | 'conv';

/** What both products do for each image and channel. */
interface Work {
  /** Multiply-adds of the product of all places. */
  readonly places: number;
  /** Multiply-adds of the product of rows, and the numbers that it copies. */
  readonly rows: number;
  readonly copied: number;
}

const workOf = ({ rows, columns }: Axes): Work => ({
  places: rows.size * columns.size * rows.out * columns.out,
  rows: rows.size * rows.out * columns.taps * columns.out,
  copied: rows.size * columns.taps * columns.out,
});

/** Nanoseconds for each image and channel on WebAssembly, as measured (`npx tsx scripts/bench/web-ops.ts`). */
interface Costs {
  readonly places: number;
  readonly rows: number;
  readonly conv: number;
}

function least(axes: Axes, { places, rows: byRows, conv }: Costs): DepthwiseForm {
  const { rows, columns } = axes;
  const taps = rows.taps * columns.taps;
  const costOf = (constant: number, cost: number): number => (constant <= largest ? cost : Infinity);
  const whole = costOf(rows.size * columns.size * rows.out * columns.out * taps, places);
  const inRows = costOf(rows.size * rows.out * columns.taps * taps, byRows);
  if (Math.min(whole, inRows) >= conv) return 'conv';
  return whole < inRows ? 'places' : 'rows';
}

const isDepthwise = (e: Emitter, g: ConvGeometry, s: Sizes): boolean =>
  e.block === undefined && e.carry && s.groupIn === 1 && s.groupOut === 1 && g.groups > 1;

/** For a conv and its input gradient. */
export function convForm(e: Emitter, g: ConvGeometry, s: Sizes): DepthwiseForm {
  if (!isDepthwise(e, g, s)) return 'conv';
  const axes = axesOf(g, s);
  const work = workOf(axes);
  const [places, outs] = [s.height * s.width, s.outHeight * s.outWidth];
  return least(axes, {
    places: 0.065 * work.places,
    rows: 3 + 0.055 * work.rows + 0.1 * work.copied,
    conv: 130 + 0.4 * s.kernelHeight * s.kernelWidth * outs + 0.25 * (places + outs),
  });
}

/** For the gradient of a depthwise conv in its kernel; onnxruntime's conv is the slowest there. */
export function filterGradForm(e: Emitter, g: ConvGeometry, s: Sizes): DepthwiseForm {
  if (!isDepthwise(e, g, s)) return 'conv';
  const axes = axesOf(g, s);
  const work = workOf(axes);
  return least(axes, {
    places: 0.075 * work.places,
    rows: 0.065 * work.rows + 0.45 * work.copied,
    conv: Infinity,
  });
}
