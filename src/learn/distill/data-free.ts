/**
 * @file Data-free distillation. Lopes, Fenu and Starner 2017, arXiv:1710.07535, sections 3 and 4 [157]: while there are
 * data, it is written down how the teacher's layers respond to each class; later, without data, images are made that
 * respond so, and a student learns from the teacher on these.
 *
 *   x* = argmin_x sum over layers of mean (phi(x) - t)^2 / v,  t = m_c + L_c eps,  eps ~ N(0, 1)
 *
 * m_c is the mean response to class c; L_c is the Cholesky factor of its covariance for vectors, its deviation for maps.
 * Adam on the images at rate 0.07; `top` looks at the logits alone, `all` at the last stage's map and the vector before the
 * logits too.
 * Deviations: an image is a sigmoid of what is optimized, so that it stays one; each layer is divided by its mean variance
 * v; targets of maps after a relu are cut at zero, where the authors put a relu over both; what is optimized may be averaged
 * over neighbours first, `smooth`, so that pixels cannot say to the teacher what no picture would. Their spectral form,
 * which keeps eigenvectors of a graph of layers, is not built.
 */
import * as tf from '@tensorflow/tfjs-core';
import { get, item } from '../../access.ts';
import { channelValues, labelsFor, type PerChannel, type Split } from '../../data/in-memory.ts';
import { type EngineOptions, prepare } from '../../engine/index.ts';
import { MoonletError } from '../../errors.ts';
import { inputShape, nodeAt, type Shape, shapes, sizeOf } from '../../graph/index.ts';
import type { Arrays } from '../../jit/index.ts';
import { avgPool } from '../../kernels/index.ts';
import { random } from '../../random.ts';
import { logitsAt } from '../../read/index.ts';
import { forward, weightTensors } from '../../read/tfjs/index.ts';
import type { Net } from '../../weights/index.ts';
import { checkCount, checkNumber, checkSeed } from '../options.ts';
import type { Scale } from '../task/scale.ts';
import { rank4, scalarOf, tensorAt } from '../tensors.ts';
import { adam } from '../train/optimizer.ts';
import { cellsOf, type LayerRecord, type Metadata } from './metadata.ts';

/** Responses to aim at, one for each of these classes: [classes.length, ...shape], flat. */
export function drawTargets(
  layer: LayerRecord,
  classes: readonly number[],
  seed: number,
  relu: boolean,
): Float32Array {
  const size = sizeOf(layer.shape);
  const full = layer.spread.length > layer.mean.length;
  const targets = new Float32Array(classes.length * size);
  classes.forEach((c, i) => {
    const source = random('data-free', seed, layer.id, i);
    const eps = Float32Array.from({ length: size }, source.normal);
    const spread = layer.spread.subarray((c * layer.spread.length) / (layer.mean.length / size));
    for (let a = 0; a < size; a++) {
      let moved = 0;
      if (full) for (let b = 0; b <= a; b++) moved += spread[a * size + b]! * eps[b]!;
      else moved = spread[a]! * eps[a]!;
      const value = layer.mean[c * size + a]! + moved;
      targets[i * size + a] = relu ? Math.max(0, value) : value;
    }
  });
  return targets;
}

export interface ReconstructImagesOptions extends EngineOptions {
  /** Rounded up to whole batches; as many of each class as of any other. */
  readonly images: number;
  /** Of Adam, for each batch of images; 200 by default. */
  readonly steps?: number;
  /** The learning rate of Adam; 0.07 by default. */
  readonly rate?: number;
  /** Which recorded layers are compared; `all` by default. */
  readonly layers?: 'top' | 'all';
  /** Side of the square of neighbours that a pixel is the average of, odd; 1 by default, which leaves each pixel by itself. */
  readonly smooth?: number;
  readonly batch?: number;
  readonly seed?: number;
  /** After each batch: images done, and the objective at its first and last step. */
  readonly onBatch?: (done: number, first: number, last: number) => void;
}

/**
 * Makes images that the teacher responds to as it did to data. The teacher is frozen; only images change; no data are read.
 * @throws MoonletError for a record of another teacher; UsageError for options out of range.
 */
export async function reconstructImages(
  teacher: Net,
  metadata: Metadata,
  o: ReconstructImagesOptions,
): Promise<Split<Uint8Array>> {
  const { images, steps = 200, rate = 0.07, smooth = 1, batch = 100, seed = 0, onBatch, ...rest } = o;
  for (const [name, value] of Object.entries({ images, steps, batch })) checkCount(name, value);
  checkNumber('rate', rate, { above: 0 });
  checkSeed('seed', seed);
  if (smooth % 2 !== 1 || smooth < 1)
    throw new MoonletError(`data-free: smooth must be odd and 1 or more, got ${smooth}`);
  const layers = chosen(teacher, metadata, rest.layers ?? 'all');
  const { classes, scale } = metadata;
  const size = sizeOf(scale.shape);
  const runner = await prepareStep(teacher, layers, { scale, smooth, batch }, rest);
  const count = Math.ceil(images / batch) * batch;
  const pixels = new Uint8Array(count * size);
  const labels = labelsFor(classes, count);
  try {
    for (let at = 0; at < count; at += batch) {
      const wanted = Array.from({ length: batch }, (_, i) => (at + i) % classes);
      labels.set(wanted, at);
      const source = random('data-free', seed, 'start', at);
      // an average of smooth^2 of these is as wide as one
      const start = Float32Array.from({ length: batch * size }, () => smooth * source.normal() - 2);
      const targets = Object.fromEntries(
        layers.map((l) => [`t/${l.id}`, drawTargets(l, wanted, seed + at, isAfterRelu(teacher, l))]),
      );
      const { image, first, last } = await optimized(runner, start, targets, { steps, rate });
      pixels.set(
        Uint8Array.from(image, (v) => Math.round(255 * v)),
        at * size,
      );
      onBatch?.(at + batch, first, last);
    }
  } finally {
    await runner.release();
  }
  return { count, pixels, labels };
}

/** Whether a layer's responses are never negative. */
function isAfterRelu({ graph }: Net, { id, mean }: LayerRecord): boolean {
  const { op } = nodeAt(graph, id);
  return (op.kind === 'act' && op.fn === 'relu') || (op.kind === 'globalPool' && mean.every((v) => v >= 0));
}

const optimizer = adam();
type Runner = Awaited<ReturnType<typeof prepare>>;

/** One step of Adam on a batch of images: `u`, of which an image is the sigmoid, towards the targets `t/LAYER`. */
function prepareStep(
  teacher: Net,
  layers: readonly LayerRecord[],
  { scale, smooth, batch }: { readonly scale: Scale; readonly smooth: number; readonly batch: number },
  engine: EngineOptions,
): Promise<Runner> {
  const sized = { shape: [batch, ...scale.shape] };
  const number = { shape: [] };
  const targetSpecs = Object.fromEntries(layers.map((l) => [`t/${l.id}`, { shape: [batch, ...l.shape] }]));
  const variances = layers.map(meanVariance);
  return prepare(
    (state, inputs) => {
      const objective = (u: tf.Tensor): tf.Scalar => {
        const x = tf.div(tf.sub(imageOf(u, smooth), operand(scale.mean)), operand(scale.std));
        const { values } = forward(teacher.graph, weightTensors(teacher.weights), x, {
          values: layers.map((l) => l.id),
        });
        const terms = layers.map((l, i) => {
          const apart = tf.sub(averagedTo(l.shape, get(values, l.id)), tensorAt(inputs, `t/${l.id}`));
          return tf.div<tf.Scalar>(tf.mean(tf.square(apart)), item(variances, i));
        });
        return tf.addN(terms);
      };
      const u = tensorAt(state, 'u');
      const { value, grad } = tf.valueAndGrad(objective)(u);
      // the mean over the batch would make an image's step depend on how many are made at once
      const done = optimizer.update(
        u,
        tf.mul(grad, batch),
        { first: tensorAt(state, 'first'), second: tensorAt(state, 'second') },
        {
          rate: scalarOf(tensorAt(inputs, 'rate')),
          number: (name) => scalarOf(tensorAt(inputs, name)),
          decays: false,
        },
      );
      const image = imageOf(u, smooth);
      return { state: { u: done.weight, ...done.slots }, outputs: { objective: value, image } };
    },
    {
      state: { u: sized, first: sized, second: sized },
      inputs: { rate: number, unbias1: number, unbias2: number, ...targetSpecs },
    },
    engine,
  );
}

/** Images after so many steps from `start`, and the objective at the first and the last step. */
async function optimized(
  runner: Runner,
  start: Float32Array,
  targets: Arrays,
  { steps, rate }: { readonly steps: number; readonly rate: number },
): Promise<{ readonly image: ArrayLike<number>; readonly first: number; readonly last: number }> {
  const zeros = new Float32Array(start.length);
  let state: Arrays = { u: start, first: zeros, second: zeros };
  let [first, last] = [0, 0];
  let image: ArrayLike<number> = [];
  // one more for the image that the last step makes
  for (let step = 1; step <= steps + 1; step++) {
    const numbers = Object.fromEntries(
      Object.entries(optimizer.numbers(step)).map(([k, v]) => [k, Float32Array.of(v)]),
    );
    const done = await runner.run(state, { rate: Float32Array.of(rate), ...numbers, ...targets });
    state = done.state;
    last = Number(done.outputs['objective']?.[0]);
    image = done.outputs['image'] ?? [];
    if (step === 1) first = last;
  }
  return { image, first, last };
}

/** What is optimized, as an image from 0 to 1. */
function imageOf(u: tf.Tensor, smooth: number): tf.Tensor {
  if (smooth === 1) return tf.sigmoid(u);
  const by = (smooth - 1) / 2;
  const pads = { top: by, bottom: by, left: by, right: by };
  return tf.sigmoid(avgPool(rank4(u), { size: [smooth, smooth], stride: [1, 1], pads }));
}

/** A map averaged over the cells that its record is of. */
function averagedTo([h]: Shape, x: tf.Tensor): tf.Tensor {
  const cell = x.rank === 4 ? item(x.shape, 1) / h : 1;
  if (cell === 1) return x;
  const pads = { top: 0, bottom: 0, left: 0, right: 0 };
  return avgPool(rank4(x), { size: [cell, cell], stride: [cell, cell], pads });
}

/** @throws MoonletError when the records are not this teacher's. */
function chosen(teacher: Net, metadata: Metadata, which: 'top' | 'all'): readonly LayerRecord[] {
  const shapeById = shapes(teacher.graph);
  for (const { id, shape } of metadata.layers) {
    const full = shapeById.get(id);
    if (!full || cellsOf(full).join() !== shape.join())
      throw new MoonletError(
        `data-free: the metadata are of another net: ${teacher.graph.name} has no "${id}" of that shape`,
      );
  }
  if (inputShape(teacher.graph).join() !== metadata.scale.shape.join())
    throw new MoonletError('data-free: the metadata are of images of another size');
  const top = logitsAt(teacher.graph);
  return which === 'all' ? metadata.layers : metadata.layers.filter((l) => l.id === top);
}

/** The variance of a layer's values within a class, averaged over values and classes: the diagonal of L L^T. */
function meanVariance({ mean, spread }: LayerRecord): number {
  return Math.max(1e-6, spread.reduce((sum, v) => sum + v * v, 0) / mean.length);
}

/** A number of each channel as tf's arithmetic takes it. */
const operand = (value: PerChannel): number | tf.Tensor1D =>
  typeof value === 'number' ? value : tf.tensor1d([...value]);

/**
 * Images of normal noise with the data's mean and deviation of each channel, rounded and clipped to bytes: the baseline of
 * reconstructed images.
 * @throws UsageError for a number of images or classes that is not a whole number from 1 up.
 */
export function noiseSplit(
  { shape, mean, std }: Scale,
  images: number,
  classes: number,
  seed = 0,
): Split<Uint8Array> {
  checkCount('images', images);
  checkCount('classes', classes);
  const [h, w, c] = shape;
  const [means, deviations] = [channelValues(mean, c), channelValues(std, c)];
  const source = random('noise images', seed);
  const byte = (_: unknown, i: number): number =>
    Math.min(255, Math.max(0, Math.round(255 * (means[i % c]! + deviations[i % c]! * source.normal()))));
  return {
    count: images,
    pixels: Uint8Array.from({ length: images * h * w * c }, byte),
    labels: labelsFor(classes, images).map((_, i) => i % classes),
  };
}
