/** @file Means and covariances of the inputs of each layer, over some positions of some examples. */
import * as tf from '@tensorflow/tfjs-core';
import { defined, get, item } from '../access.ts';
import { layersOf, type Moments } from '../edit/quantize/index.ts';
import { compile, type EngineOptions, inferenceEngine, prepare } from '../engine/index.ts';
import {
  type Conv,
  channelsOf,
  type FeatureMap,
  firstInput,
  firstInputShape,
  isMap,
  type Shape,
  slide,
} from '../graph/index.ts';
import { random } from '../random.ts';
import type { Net } from '../weights/index.ts';
import { joined } from './arrays.ts';

export interface MomentOptions extends EngineOptions {
  /** The number of sampled positions of each layer's output, over all batches; 4096 by default. */
  readonly places?: number;
}

/** A layer, the shape of its input, and for each batch the rows that each group reads. */
interface Samples {
  readonly layer: ReturnType<typeof layersOf>[number];
  readonly shape: Shape;
  readonly batches: Float32Array[][];
}

/**
 * The moments of the inputs of each layer that owns its weights, by layer id, one entry for each group. Batches are
 * [n, ...input] flat. `quantize` takes the result.
 */
export async function inputMoments(
  net: Net,
  batches: readonly Float32Array[],
  { places = 4096, ...chosen }: MomentOptions = {},
): Promise<ReadonlyMap<string, readonly Moments[]>> {
  const engine = { ...chosen, engine: await inferenceEngine(chosen) };
  const layers = layersOf(net.graph);
  const runner = await compile(net, { ...engine, values: [...new Set(layers.map(firstInput))] });
  const perBatch = Math.ceil(places / batches.length);
  const samples = layers.map(
    (layer): Samples => ({ layer, shape: firstInputShape(layer, runner.shapes), batches: [] }),
  );
  try {
    for (const [b, x] of batches.entries()) {
      const values = await runner.run(x);
      for (const { layer, shape, batches: rows } of samples) {
        const read = get(values, firstInput(layer));
        const { op } = layer;
        rows.push(op.kind === 'conv' && isMap(shape) ? convPatches(op, shape, read, perBatch, b) : [read]);
      }
    }
  } finally {
    await runner.release();
  }
  const moments = new Map<string, readonly Moments[]>();
  for (const { layer, shape, batches: rows } of samples) {
    const { op } = layer;
    const k =
      op.kind === 'conv' ? (op.kernel[0] * op.kernel[1] * channelsOf(shape)) / op.groups : channelsOf(shape);
    const byGroup: Moments[] = [];
    for (const g of (rows[0] ?? []).keys())
      byGroup.push(await momentsOf(joined(rows.map((groups) => item(groups, g))), k, engine));
    moments.set(layer.id, byGroup);
  }
  return moments;
}

/** The inputs of each group at sampled positions of the output, one row for each: [places, taps * inputs] by group. */
function convPatches(
  op: Conv,
  shape: FeatureMap,
  values: Float32Array,
  places: number,
  salt: number,
): Float32Array[] {
  const [h, w, c] = shape;
  const { pads, size } = slide(shape, op);
  const inputs = c / op.groups;
  const taps = op.kernel[0] * op.kernel[1];
  const examples = values.length / (h * w * c);
  const source = random('moments', salt);
  const groups = Array.from({ length: op.groups }, () => new Float32Array(places * taps * inputs));
  for (let n = 0; n < places; n++) {
    const e = source.below(examples);
    const [y, x] = [source.below(size[0]), source.below(size[1])];
    for (let a = 0; a < op.kernel[0]; a++) {
      for (let b = 0; b < op.kernel[1]; b++) {
        const row = y * op.stride[0] + a * op.dilation[0] - pads.top;
        const column = x * op.stride[1] + b * op.dilation[1] - pads.left;
        if (row < 0 || column < 0 || row >= h || column >= w) continue;
        const from = ((e * h + row) * w + column) * c;
        const tap = a * op.kernel[1] + b;
        const to = (n * taps + tap) * inputs;
        for (const [g, rows] of groups.entries())
          rows.set(values.subarray(from + g * inputs, from + (g + 1) * inputs), to);
      }
    }
  }
  return groups;
}

/** Mean and covariance of rows [n, k]. */
async function momentsOf(rows: Float32Array, k: number, engine: EngineOptions): Promise<Moments> {
  const n = rows.length / k;
  const mean = new Float64Array(k);
  for (let p = 0; p < rows.length; p++) mean[p % k]! += rows[p]! / n;
  const centred = rows.map((v, p) => v - mean[p % k]!);
  return { mean: Float32Array.from(mean), covariance: (await gram(centred, k, engine)).map((v) => v / n) };
}

/** X' X. Small products are computed here, since onnxruntime needs a model for each size. */
async function gram(rows: Float32Array, k: number, engine: EngineOptions): Promise<Float32Array> {
  const n = rows.length / k;
  if (k <= 32) {
    const h = new Float64Array(k * k);
    for (let r = 0; r < n; r++) {
      for (let i = 0; i < k; i++) {
        const v = rows[r * k + i]!;
        if (v === 0) continue;
        for (let j = 0; j < k; j++) h[i * k + j]! += v * rows[r * k + j]!;
      }
    }
    return Float32Array.from(h);
  }
  const ready = await prepare(
    (_, { x }) => ({
      state: {},
      outputs: { h: tf.matMul(defined(x, 'input x'), defined(x, 'input x'), true, false) },
    }),
    { state: {}, inputs: { x: { shape: [n, k] } } },
    engine,
  );
  const { outputs } = await ready.run({}, { x: rows });
  await ready.release();
  return Float32Array.from(defined(outputs['h'], 'output h'));
}
