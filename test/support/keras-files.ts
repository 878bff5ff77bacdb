/** @file Nets as Keras saved them (scripts/reference/keras_files.py): imported, run on the same image, held to its output. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type * as tfl from '@tensorflow/tfjs-layers';
import { inputShape } from '../../src/graph/index.ts';
import {
  importWeights,
  preprocessingOf,
  readWeightFile,
  usualPreprocessing,
  type WeightFile,
} from '../../src/import/index.ts';
import { unpackLayers } from '../../src/read/tfjs/index.ts';
import { compose } from '../../zoo/index.ts';
import { largestDifference, sizeOf } from './nets.ts';
import { uniform } from './reference-fill.ts';
import { runForward } from './run.ts';

export interface KerasRow {
  readonly net: string;
  readonly size: number;
  readonly input: 'pixels' | 'unit';
  readonly softmax: boolean;
  readonly by: string;
  readonly outputs: readonly number[];
}
const folder = new URL('../import/keras/', import.meta.url);
/** By version of Keras, and by name. */
export const kerasRows: Readonly<Record<string, Readonly<Record<string, KerasRow>>>> = JSON.parse(
  readFileSync(new URL('outputs.json', folder), 'utf8'),
);
/** A committed file, such as 'keras2-v1.h5'. */
export const kerasBytes = (name: string): Uint8Array =>
  gunzipSync(readFileSync(new URL(`${name}.gz`, folder)));

/** Any of them, read; the weights of large nets, which are not committed, are made by the formula. */
export function kerasFile(name: string): WeightFile {
  const bytes = kerasBytes(name);
  let weights: Uint8Array | undefined;
  return readWeightFile(bytes, name, (path) => {
    weights ??= weightsOf(name, bytes);
    const n = Number(/shard(\d+)of/.exec(path)?.[1]);
    return weights.subarray((n - 1) * shardBytes, n * shardBytes);
  });
}
/** tensorflowjs cuts weights into files of so many bytes. */
const shardBytes = 2 ** 22;
const weightsOf = (name: string, modelJson: Uint8Array): Uint8Array =>
  isLarge(name) ? shardOf(modelJson) : kerasBytes(name.replace(/json$/, 'bin'));

const isLarge = (name: string): boolean => /-(efficientnet|densenet|resnet|xception)\./.test(name);

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
}
function shardOf(modelJson: Uint8Array): Uint8Array {
  const { weightsManifest } = JSON.parse(new TextDecoder().decode(modelJson)) as {
    weightsManifest: { weights: Entry[] }[];
  };
  const values = weightsManifest.flatMap(({ weights }) => weights.map(valuesOf));
  return Buffer.concat(values.map((v) => Buffer.from(v.buffer)));
}

/** `values` of keras_files.py for large nets. */
function valuesOf({ name, shape }: Entry): Float32Array {
  const [layer = '', variable = ''] = name.split('/').slice(-2);
  const depthwise = /depthwise|dwconv|conv_dw/.test(`${layer}/${variable}`) && shape.length === 4;
  const own = depthwise && variable === 'kernel' ? 'depthwise_kernel' : variable; // as Keras 2 calls it
  const key = `${layer}/${own}`;
  const size = sizeOf(shape);
  let h = 0;
  for (const c of key) h = (31 * h + c.charCodeAt(0)) % 9973;
  const fill = (f: (u: number) => number): Float32Array => {
    const values = new Float32Array(size);
    for (let i = 0; i < size; i++) values[i] = f(uniform(h, i));
    return values;
  };
  if (layer.startsWith('normalization'))
    return Float32Array.from({ length: size }, (_, i) =>
      own === 'count' ? 0 : own === 'mean' ? 0.4 + i / 10 : 0.04 + i / 100,
    );
  if (['moving_mean', 'bias', 'beta'].includes(own)) return fill((u) => 0.2 * (2 * u - 1));
  if (['moving_variance', 'gamma'].includes(own)) return fill((u) => 0.5 + u);
  const fan = depthwise ? (shape[0] ?? 0) * (shape[1] ?? 0) : size / (shape.at(-1) ?? 1);
  const reach = Math.sqrt(3 / fan);
  return fill((u) => reach * (2 * u - 1));
}

/** The model that tf.layers itself loads from one of the model.json, with all its weights. */
export const loadedByTf = (name: string): Promise<tfl.LayersModel> => {
  const bytes = kerasBytes(name);
  return unpackLayers(new TextDecoder().decode(bytes), weightsOf(name, bytes));
};

/** The image of keras_files.py, of pixels of 0 to 255 or of values of -1 to 1. */
export const imageOf = ({ size, input }: KerasRow): Float32Array =>
  Float32Array.from({ length: size * size * 3 }, (_, i) => {
    const u = uniform(2 ** 31, i);
    return input === 'pixels' ? Math.floor(256 * u) : 2 * u - 1;
  });

export function softmax(logits: Float32Array): Float32Array {
  const exponents = logits.map((v) => Math.exp(v - Math.max(...logits)));
  const sum = exponents.reduce((a, b) => a + b, 0);
  return exponents.map((v) => v / sum);
}

/**
 * The largest difference of the imported net's outputs to Keras's, as a share; pixels are prepared as the card says.
 * @throws Error with the hint of an import that is not complete.
 */
export async function differenceToKeras(file: WeightFile, row: KerasRow): Promise<number> {
  const size = /size=/.test(row.net) ? '' : ` size=${file.told.size ?? row.size}`;
  const classes = row.outputs.length ? ` classes=${row.outputs.length}` : '';
  const graph = compose(`${row.net}${size}${classes}`);
  const { net, hint, report } = importWeights(graph, file, 'file');
  if (!net) throw new Error(hint ?? JSON.stringify(report));
  const usual = usualPreprocessing(graph, 'keras', inputShape(graph)[0]);
  const { preprocessing } = preprocessingOf(graph, usual, file.told);
  const { mean = [], std = [], range = [0, 0] } = preprocessing ?? {};
  const prepared = (v: number, i: number): number =>
    ((v * range[1]) / 255 - (mean[i % 3] ?? 0)) / (std[i % 3] ?? 0);
  const image = imageOf(row);
  const logits = await runForward(net, row.input === 'unit' ? image : image.map(prepared));
  return largestDifference(row.softmax ? softmax(logits) : logits, Float32Array.from(row.outputs));
}
