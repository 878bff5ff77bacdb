/** @file How a depthwise conv, or a gradient of one, is computed where onnxruntime has no blocked kernels: the fastest form by measured costs. */

import type { ConvGeometry } from '../../kernels/index.ts';
import { type Bands, everyBands } from './bands.ts';
import type { Sizes } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import { type Axes, axesOf } from './exchanged.ts';

/** By products of all places, by products of rows in bands (`depthwise-rows.ts`), or by onnxruntime's own conv. */
export type DepthwiseForm = 'places' | 'conv' | Bands;

/** The largest constant that places taps in a matrix, in numbers. */
const largest = 1e6;

/** The work of products of rows, for each image and channel. */
interface Work {
  readonly multiplyAdds: number;
  /** Numbers under the tap columns, which are copied, and numbers of the bands. */
  readonly copied: number;
  readonly gathered: number;
}

/** Nanoseconds for each image and channel on WebAssembly, as measured (`npx tsx scripts/bench/web-ops.ts`). */
interface Costs {
  readonly places: number;
  readonly rows: (work: Work, bands: number) => number;
  readonly conv: number;
}

function fastest(axes: Axes, turned: boolean, costs: Costs): DepthwiseForm {
  const { rows, columns } = axes;
  const taps = rows.taps * columns.taps;
  const whole = rows.size * columns.size * rows.out * columns.out * taps;
  let [form, least]: [DepthwiseForm, number] = ['conv', costs.conv];
  if (whole <= largest && costs.places < least) [form, least] = ['places', costs.places];
  for (const bands of everyBands(rows, turned)) {
    const { count, outs, ins } = bands;
    if (count * outs * ins * columns.taps * taps > largest) continue;
    const copied = count * ins * columns.taps * columns.out;
    const gathered = count === 1 ? 0 : count * ins * (turned ? columns.out : columns.size);
    const cost = costs.rows({ multiplyAdds: outs * copied, copied, gathered }, count);
    if (cost < least) [form, least] = [bands, cost];
  }
  return form;
}

const isDepthwise = (e: Emitter, g: ConvGeometry, s: Sizes): boolean =>
  e.block === undefined && e.carry && s.groupIn === 1 && s.groupOut === 1 && g.groups > 1;

/**
 * onnxruntime's conv, which takes longer for each place of small images, and for what a stride leaves out.
 *
 * @param outs places of y; x has as many, and `left` more.
 */
function costOfConv(taps: number, outs: number, left: number): number {
  const first = Math.min(outs, 200);
  return 130 + taps * (0.37 * first + 0.155 * (outs - first)) + 0.25 * Math.max(0, left);
}

/**
 * For a conv, or its input gradient.
 *
 * @param turned whether it is the gradient, into which rows of dy go.
 */
export function convForm(e: Emitter, g: ConvGeometry, s: Sizes, turned: boolean): DepthwiseForm {
  if (!isDepthwise(e, g, s)) return 'conv';
  const [places, outs] = [s.height * s.width, s.outHeight * s.outWidth];
  const copy = 0.1 + 3.2 / s.batch; // in pieces of one number for each image
  return fastest(axesOf(g, s), turned, {
    places: 0.065 * places * outs,
    rows: ({ multiplyAdds, copied, gathered }, bands) =>
      5 * bands + 0.055 * multiplyAdds + copy * copied + 0.13 * gathered,
    conv: costOfConv(s.kernelHeight * s.kernelWidth, outs, places - outs),
  });
}

/** For the gradient of a depthwise conv in its kernel; onnxruntime's conv is the slowest there. */
export function filterGradForm(e: Emitter, g: ConvGeometry, s: Sizes): DepthwiseForm {
  if (!isDepthwise(e, g, s)) return 'conv';
  const copy = 0.3 + 5 / s.batch;
  return fastest(axesOf(g, s), false, {
    places: 0.075 * s.height * s.width * s.outHeight * s.outWidth,
    rows: ({ multiplyAdds, copied }, bands) => 5 * bands + 0.065 * multiplyAdds + copy * copied,
    conv: Number.MAX_VALUE,
  });
}
