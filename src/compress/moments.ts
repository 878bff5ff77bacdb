/** @file Second moments of what each layer of a net reads, over places of some examples. */
import * as tf from '@tensorflow/tfjs-core';
import { layersOf, type Moments } from '../edit/quantize/index.ts';
import { compile, type EngineOptions, prepare } from '../engine/index.ts';
import { type Conv, channelsOf, isMap, type Shape, slide } from '../graph/index.ts';
import { random } from '../random.ts';
import type { Net } from '../weights/index.ts';

export interface MomentOptions extends EngineOptions {
  /** Places of each layer's output that are sampled, over all batches; 4096 by default. */
  readonly places?: number;
}

/** Of each layer that owns its weights, by its id. Batches are [n, ...input] flat. */
export async function inputMoments(
  net: Net,
  batches: readonly Float32Array[],
  { places = 4096, ...engine }: MomentOptions = {},
): Promise<ReadonlyMap<string, readonly Moments[]>> {
  const layers = layersOf(net.graph);
  const ids = [...new Set(layers.map((l) => l.inputs[0] as string))];
  const runner = await compile(net, { ...engine, values: ids });
  const perBatch = Math.ceil(places / batches.length);
  const patches = new Map(layers.map((l) => [l.id, [] as Float32Array[][]]));
  try {
    for (const [b, x] of batches.entries()) {
      const values = await runner.run(x);
      for (const { id, op, inputs } of layers) {
        const shape = runner.shapes.get(inputs[0] as string) as Shape;
        const read = values.get(inputs[0] as string) as Float32Array;
        (patches.get(id) as Float32Array[][]).push(
          op.kind === 'conv' && isMap(shape) ? convPatches(op, shape, read, perBatch, b) : [read],
        );
      }
    }
  } finally {
    await runner.release();
  }
  const found = new Map<string, readonly Moments[]>();
  for (const [id, list] of patches) {
    const groups = list[0]?.length ?? 0;
    const all: Moments[] = [];
    const layer = layers.find((l) => l.id === id);
    const shape = runner.shapes.get(layer?.inputs[0] as string) as Shape;
    const op = layer?.op;
    const k =
      op?.kind === 'conv' ? (op.kernel[0] * op.kernel[1] * channelsOf(shape)) / op.groups : channelsOf(shape);
    for (let g = 0; g < groups; g++) {
      const rows = joined(list.map((part) => part[g] as Float32Array));
      all.push(await momentsOf(rows, k, engine));
    }
    found.set(id, all);
  }
  return found;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** What each group reads at sampled places of the output, a row a place: [places, taps * inputs] for each group. */
function convPatches(
  op: Conv,
  shape: Shape,
  values: Float32Array,
  places: number,
  salt: number,
): Float32Array[] {
  const [h, w, c] = shape as readonly [number, number, number];
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
        const at = ((e * h + row) * w + column) * c;
        const tap = a * op.kernel[1] + b;
        for (let g = 0; g < op.groups; g++) {
          const to = (n * taps + tap) * inputs;
          (groups[g] as Float32Array).set(values.subarray(at + g * inputs, at + (g + 1) * inputs), to);
        }
      }
    }
  }
  return groups;
}

/** Mean and covariance of rows [n, k]. */
async function momentsOf(rows: Float32Array, k: number, engine: EngineOptions): Promise<Moments> {
  const n = rows.length / k;
  const mean = new Float64Array(k);
  rows.forEach((v, p) => {
    mean[p % k] = (mean[p % k] as number) + v / n;
  });
  const centred = rows.map((v, p) => v - (mean[p % k] as number));
  return { mean: Float32Array.from(mean), covariance: (await gram(centred, k, engine)).map((v) => v / n) };
}

/** X' X; small ones here, since each size is a model of its own to onnxruntime. */
async function gram(rows: Float32Array, k: number, engine: EngineOptions): Promise<Float32Array> {
  const n = rows.length / k;
  if (k <= 32) {
    const h = new Float64Array(k * k);
    for (let r = 0; r < n; r++) {
      for (let i = 0; i < k; i++) {
        const v = rows[r * k + i] as number;
        if (v === 0) continue;
        for (let j = 0; j < k; j++) h[i * k + j] = (h[i * k + j] as number) + v * (rows[r * k + j] as number);
      }
    }
    return Float32Array.from(h);
  }
  const ready = await prepare(
    (_, { x }) => ({
      state: {},
      outputs: { h: tf.matMul(x as tf.Tensor2D, x as tf.Tensor2D, true, false) },
    }),
    { state: {}, inputs: { x: { shape: [n, k] } } },
    engine,
  );
  const { outputs } = await ready.run({}, { x: rows });
  await ready.release();
  return outputs['h'] as Float32Array;
}
