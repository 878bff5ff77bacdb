/** @file What exported files compute, compared with the net. */

import { get } from '../access.ts';
import { type CompileOptions, compile } from '../engine/index.ts';
import type { ExportCard, TensorNames } from '../export/index.ts';
import { type Graph, inputShape, shapes, sizeOf } from '../graph/index.ts';
import { random } from '../random.ts';
import type { Net } from '../weights/index.ts';
import type { Precision } from './export.ts';
import { magnitude } from './say.ts';

export interface ExportOptions {
  readonly precision: Precision;
  readonly layout: 'NHWC' | 'NCHW';
  /** Of an ONNX file; any by default. */
  readonly batch?: number;
  /** Whether an ONNX file is for WebGPU. */
  readonly webgpu?: boolean;
  /** Whether an ONNX file keeps kernels of 2 to 4 bits as int4; true by default. */
  readonly int4?: boolean;
  /** What goes along with the net. */
  readonly card: ExportCard;
  /** The names of weights in the file that the net came from. */
  readonly tensors?: TensorNames;
  /** The net of integers, where a format has both. */
  readonly integers?: Net;
  /** The text of card.json in the net's folder, where there is one. */
  readonly cardJson?: string;
}
export interface Difference {
  /** The largest difference of an output on seeded normal inputs. */
  readonly maxAbsDiff: number;
  /** The largest output. */
  readonly scale: number;
  /**
   * Of a net that rounds its values: engines may round a value on its edge to either side, and later layers pass that on. The
   * share of outputs within a step of each other, and the step: the output's own, or the range of all outputs in 8 bits.
   */
  readonly steps?: { readonly size: number; readonly within: number };
}
/** What share of outputs must be within a step. In wrong files it is some tenths; in right ones of small nets 0.97 to 1. */
const leastWithin = 0.9;

/** Whether files compute what the net does. */
export const agrees = ({ maxAbsDiff, scale, steps }: Difference): boolean =>
  steps ? steps.within >= leastWithin : maxAbsDiff <= 1e-4 * scale;

/** How far files are from the net, in words. */
export const farness = ({ maxAbsDiff, scale, steps }: Difference): string =>
  steps
    ? `${(100 * steps.within).toFixed(1)} % of the outputs are within a step (${steps.size.toPrecision(2)}) of the net, the farthest ${(maxAbsDiff / steps.size).toFixed(1)} steps`
    : `the largest difference of an output is ${maxAbsDiff.toExponential(1)}, of outputs up to ${magnitude(scale)}`;

export interface Exported {
  readonly files: readonly { readonly file: string; readonly content: string | Uint8Array }[];
  readonly difference: Difference;
  /** Of further files that compute. */
  readonly others?: readonly { readonly file: string; readonly difference: Difference }[];
  /** What `--json` says besides. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** What a person should know. */
  readonly notes: readonly string[];
}

/** Of a net that rounds more are looked at, since single outputs may be a few steps apart; fewer where each has many outputs. */
export function batchOf(graph: Graph): number {
  if (!graph.nodes.some((n) => n.op.kind === 'quantize')) return 3;
  const outputs = graph.outputs.reduce((n, id) => n + sizeOf(get(shapes(graph), id)), 0);
  return outputs < 200 ? 12 : 3;
}
export const images = (graph: Graph, count = batchOf(graph)): Float32Array => {
  const source = random('export');
  const length = count * inputShape(graph).reduce((n, d) => n * d, 1);
  return Float32Array.from({ length }, source.normal);
};

/** The difference of outputs, one flat array an output. */
export function difference(
  { nodes, outputs }: Graph,
  got: readonly Float32Array[],
  wanted: readonly Float32Array[],
): Difference {
  let [maxAbsDiff, scale] = [0, 0];
  wanted.forEach((w, k) => {
    const g = got[k];
    if (g?.length !== w.length) maxAbsDiff = Number.POSITIVE_INFINITY;
    w.forEach((v, i) => {
      const far = Math.abs(v - (g?.[i] ?? Number.NaN));
      maxAbsDiff = far <= maxAbsDiff ? maxAbsDiff : far; // a NaN is kept
      scale = Math.max(scale, Math.abs(v));
    });
  });
  if (!nodes.some((n) => n.op.kind === 'quantize')) return { maxAbsDiff, scale };
  let [near, count, size] = [0, 0, 0];
  wanted.forEach((w, k) => {
    const op = nodes.find((n) => n.id === outputs[k])?.op;
    const range = w.reduce((a, b) => Math.max(a, b), 0) - w.reduce((a, b) => Math.min(a, b), 0);
    const step = op?.kind === 'quantize' ? op.scale : range / 255;
    size = Math.max(size, step);
    count += w.length;
    near += w.filter((v, i) => Math.abs(v - (got[k]?.[i] ?? Number.NaN)) <= 1.001 * step).length;
  });
  return { maxAbsDiff, scale, steps: { size, within: near / count } };
}

/** What a net's outputs are, one flat array each. Without onnxruntime it runs on wasm, which is always there. */
export async function outputsOf(
  net: Net,
  x: Float32Array,
  o: CompileOptions = { engine: 'wasm' },
): Promise<Float32Array[]> {
  const compiled = await compile(net, o);
  // WebAssembly addresses 4 GiB, and one photograph takes more than a hundred MiB
  const together = Math.max(1, Math.floor(2 ** 17 / sizeOf(inputShape(net.graph))));
  const values = await compiled.runMany(x, together);
  await compiled.release();
  return net.graph.outputs.map((id) => {
    const value = values.get(id);
    if (!value) throw new Error(`internal: no value of the output ${id}`);
    return value;
  });
}
