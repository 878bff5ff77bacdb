/**
 * @file A small net with every kind of op that a trace can have, and the gradient of each: what a runtime computes of it is compared with
 * WebAssembly's.
 */
import * as tf from '@tensorflow/tfjs-core';
import { defined, item } from '../access.ts';
import { type Arrays, jit, type Spec, type Specs, type TracedFunction } from '../jit/index.ts';
import type { Runtime } from '../jit/runtime.ts';
import { avgPool, batchNorm, conv, maxPool } from '../kernels/index.ts';
import { random } from '../random.ts';

const pads = { top: 1, bottom: 1, left: 1, right: 1 };
const plain = { stride: [1, 1], dilation: [1, 1], pads, groups: 1 } as const;
const halved = { size: [2, 2], stride: [2, 2], pads: { top: 0, bottom: 0, left: 0, right: 0 } } as const;
const [batch, classes] = [2, 5];

/** Shapes of the image and the weights, with few channels that fill no block. */
const shapes = {
  x: [batch, 12, 12, 3],
  full: [3, 3, 3, 6],
  gamma: [6],
  beta: [6],
  large: [3, 3, 1, 6],
  strided: [3, 3, 6, 6],
  stridedGroups: [3, 3, 3, 6],
  depthwise: [3, 3, 1, 6],
  grouped: [3, 3, 3, 6],
  threes: [3, 3, 6, 4],
  pointwise: [1, 1, 12, 6],
  dense: [24, classes],
  bias: [classes],
} as const;
type Name = keyof typeof shapes;
type Weights = (name: Name) => tf.Tensor;

const image = (x: tf.Tensor): tf.Tensor4D => tf.reshape<tf.Rank.R4>(x, [...x.shape] as never);
const vector = (x: tf.Tensor): tf.Tensor1D => tf.reshape<tf.Rank.R1>(x, [x.size]);

/** The loss of the net: conv, norm, activations, strided and depthwise and grouped convs, concat, pools, pad, slice, dense. */
function lossOf(w: Weights, labels: tf.Tensor): tf.Scalar {
  const weight = (name: Name): tf.Tensor4D => image(w(name));
  const full = conv(image(w('x')), weight('full'), plain);
  const { y } = batchNorm(full, vector(w('gamma')), vector(w('beta')), 1e-3);
  // depthwise convs have other forms on large images and on small ones
  const large = conv(image(tf.relu6(tf.add(y, 0.5))), weight('large'), { ...plain, groups: 6 });
  const stride = [2, 2] as const;
  const strided = tf.add(
    conv(large, weight('strided'), { ...plain, stride }),
    conv(large, weight('stridedGroups'), { ...plain, stride, groups: 2 }),
  );
  const gate = tf.sigmoid(tf.mean(strided, [1, 2], true));
  const depthwise = conv(image(tf.mul(strided, gate)), weight('depthwise'), { ...plain, groups: 6 });
  const grouped = conv(image(tf.relu(depthwise)), weight('grouped'), { ...plain, groups: 2 });
  const threes = conv(image(depthwise), weight('threes'), plain); // see withSafeConvs
  const turned = tf.reverse(tf.concat([grouped, tf.tanh(depthwise)], 3), 3);
  const narrow = conv(image(turned), weight('pointwise'), { ...plain, pads: halved.pads });
  const overlapping = { size: [3, 3], stride: [2, 2], pads } as const;
  const pooled = tf.add(maxPool(image(narrow), overlapping), avgPool(image(tf.leakyRelu(narrow)), halved));
  const cut = tf.slice(
    tf.pad(pooled, [
      [0, 0],
      [1, 0],
      [0, 1],
      [0, 0],
    ]),
    [0, 1, 0, 0],
    [batch, 2, 2, 6],
  );
  const logits = tf.add(
    tf.matMul(tf.reshape<tf.Rank.R2>(cut, [batch, 24]), tf.reshape<tf.Rank.R2>(w('dense'), [24, classes])),
    w('bias'),
  );
  return tf.addN([likelihood(logits, labels), others(logits), tf.mean<tf.Scalar>(tf.square(threes))]);
}

/** Cross-entropy. */
function likelihood(logits: tf.Tensor, labels: tf.Tensor): tf.Scalar {
  const likely = tf.mul(tf.logSoftmax(logits), tf.oneHot(vector(labels), classes));
  return tf.neg<tf.Scalar>(tf.mean<tf.Scalar>(tf.sum(likely, 1)));
}

/** What other losses read: powers of probabilities, rows in another order, numbers in bounds. */
function others(logits: tf.Tensor): tf.Scalar {
  const soft = tf.softmax(tf.gather(logits, tf.tensor1d([1, 0, 1], 'int32')));
  const bounded = tf.square(tf.minimum(tf.maximum(logits, tf.mul(logits, -0.5)), 0.5));
  return tf.addN([tf.pow(soft, 1.5), bounded].map((term): tf.Scalar => tf.mean(term)));
}

const names = Object.keys(shapes) as Name[];
const weights = names.filter((name) => name !== 'x');
const gradientOf = (name: string): string => `the gradient of ${name}`;
const sizeOf = (name: Name): number => tf.util.sizeFromShape([...shapes[name]]);
const weightOf = (name: string): string => `the weight ${name}`;

/**
 * A step of SGD with momentum from a velocity of 0, which is then the gradient. Small weights and velocities pass as joined vectors, as in
 * every training step.
 */
export const checkedFunction: TracedFunction = (state, inputs) => {
  const given = (name: string): tf.Tensor => defined(state[name] ?? inputs[name], name);
  const before = (name: Name): tf.Tensor => given(name === 'x' ? name : weightOf(name));
  const labels = given('labels');
  const loss = (...values: tf.Tensor[]): tf.Scalar =>
    lossOf((name) => item(values, names.indexOf(name)), labels);
  const { value, grads } = tf.valueAndGrads(loss)(names.map(before));
  const gradient = (name: Name): tf.Tensor => item(grads, names.indexOf(name));
  const after: Record<string, tf.Tensor> = {};
  for (const name of weights) {
    const velocity = tf.add(tf.mul(given(gradientOf(name)), 0.9), gradient(name));
    after[gradientOf(name)] = velocity;
    after[weightOf(name)] = tf.sub(before(name), tf.mul(velocity, given('rate')));
  }
  const places = tf.argMax(tf.reshape(given('x'), [batch, -1]), 1);
  const outputs = {
    'the loss': value,
    [gradientOf('x')]: gradient('x'),
    'the place of the largest number': places,
    'a wrong answer': tf.cast(tf.notEqual(places, labels), 'float32'),
  };
  return { state: after, outputs };
};
const shapeOf = (name: Name): Spec => ({ shape: shapes[name] });
export const checkedSpecs: { readonly state: Specs; readonly inputs: Specs } = {
  state: Object.fromEntries(
    weights.flatMap((name) => [
      [weightOf(name), shapeOf(name)],
      [gradientOf(name), shapeOf(name)],
    ]),
  ),
  inputs: { x: shapeOf('x'), labels: { shape: [batch], dtype: 'int32' }, rate: { shape: [] } },
};

/** What a runtime computes of it. */
async function checked(runtime: Runtime): Promise<Arrays> {
  const numbers = (name: Name): Float32Array => {
    const { normal } = random('web-gpu', name);
    return Float32Array.from({ length: sizeOf(name) }, () => normal() / 2);
  };
  const state = Object.fromEntries(
    weights.flatMap((name) => [
      [weightOf(name), numbers(name)],
      [gradientOf(name), new Float32Array(sizeOf(name))],
    ]),
  );
  const inputs = { x: numbers('x'), labels: Int32Array.of(1, 3), rate: Float32Array.of(0.1) };
  const step = await jit(checkedFunction, checkedSpecs, { runtime, threads: 1 });
  try {
    const results = await step.run(state, inputs);
    return { ...results.outputs, ...results.state };
  } finally {
    await step.release();
  }
}

/** What two runtimes compute otherwise, in words; undefined where all agree to 1e-4 of the largest value. */
export async function difference(runtime: Runtime, reference: Runtime): Promise<string | undefined> {
  const [found, wanted] = [await checked(runtime), await checked(reference)];
  for (const [name, values] of Object.entries(wanted)) {
    const own = found[name];
    let [largest, off] = [1e-30, 0];
    for (const [i, value] of values.entries()) {
      largest = Math.max(largest, Math.abs(value));
      off = Math.max(off, Math.abs(value - (own?.[i] ?? Number.NaN)));
    }
    if (!(off <= 1e-4 * largest))
      return `${name} differs by ${(off / largest).toExponential(1)} of its largest value`;
  }
  return undefined;
}
