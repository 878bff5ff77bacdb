/**
 * @file A small net with every kind of op that a trace can have, and the gradient of each: what a runtime computes of it is compared with
 * WebAssembly's.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type Arrays, jit, type Spec } from '../jit/index.ts';
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
  strided: [3, 3, 6, 6],
  depthwise: [3, 3, 1, 6],
  grouped: [3, 3, 3, 6],
  pointwise: [1, 1, 12, 6],
  dense: [24, classes],
  bias: [classes],
} as const;
type Name = keyof typeof shapes;
type Weights = Readonly<Record<Name, tf.Tensor>>;

const image = (x: tf.Tensor): tf.Tensor4D => tf.reshape<tf.Rank.R4>(x, [...x.shape] as never);
const vector = (x: tf.Tensor): tf.Tensor1D => tf.reshape<tf.Rank.R1>(x, [x.size]);

/** The loss of the net: conv, norm, activations, strided and depthwise and grouped convs, concat, pools, pad, slice, dense. */
function lossOf(w: Weights, labels: tf.Tensor): tf.Scalar {
  const weight = (name: Name): tf.Tensor4D => image(w[name]);
  const full = conv(image(w.x), weight('full'), plain);
  const { y } = batchNorm(full, vector(w.gamma), vector(w.beta), 1e-3);
  const strided = conv(image(tf.relu6(tf.add(y, 0.5))), weight('strided'), { ...plain, stride: [2, 2] });
  const gate = tf.sigmoid(tf.mean(strided, [1, 2], true));
  const depthwise = conv(image(tf.mul(strided, gate)), weight('depthwise'), { ...plain, groups: 6 });
  const grouped = conv(image(tf.relu(depthwise)), weight('grouped'), { ...plain, groups: 2 });
  const turned = tf.reverse(tf.concat([grouped, tf.tanh(depthwise)], 3), 3);
  const narrow = conv(image(turned), weight('pointwise'), { ...plain, pads: halved.pads });
  const pooled = tf.add(maxPool(image(narrow), halved), avgPool(image(tf.leakyRelu(narrow)), halved));
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
    tf.matMul(tf.reshape<tf.Rank.R2>(cut, [batch, 24]), tf.reshape<tf.Rank.R2>(w.dense, [24, classes])),
    w.bias,
  );
  const likely = tf.mul(tf.logSoftmax(logits), tf.oneHot(vector(labels), classes));
  return tf.neg<tf.Scalar>(tf.mean<tf.Scalar>(tf.sum(likely, 1)));
}

/** The loss and its gradients in the image and every weight, by name, as a runtime computes them. */
async function checked(runtime: Runtime): Promise<Arrays> {
  const names = Object.keys(shapes) as Name[];
  const specs: Record<string, Spec> = { labels: { shape: [batch], dtype: 'int32' } };
  const arrays: Record<string, Float32Array | Int32Array> = { labels: Int32Array.of(1, 3) };
  for (const name of names) {
    const { normal } = random('web-gpu', name);
    specs[name] = { shape: shapes[name] };
    arrays[name] = Float32Array.from(
      { length: tf.util.sizeFromShape([...shapes[name]]) },
      () => normal() / 2,
    );
  }
  const step = await jit(
    (_, inputs) => {
      const loss = (...values: tf.Tensor[]): tf.Scalar => {
        const weights = Object.fromEntries(names.map((name, i) => [name, values[i]])) as Record<
          Name,
          tf.Tensor
        >;
        return lossOf(weights, inputs['labels'] as tf.Tensor);
      };
      const { value, grads } = tf.valueAndGrads(loss)(names.map((name) => inputs[name] as tf.Tensor));
      const named = names.map((name, i) => [`the gradient of ${name}`, grads[i]] as const);
      return {
        state: {},
        outputs: { 'the loss': value, ...Object.fromEntries(named) } as Record<string, tf.Tensor>,
      };
    },
    { state: {}, inputs: specs },
    { runtime, threads: 1 },
  );
  try {
    return (await step.run({}, arrays)).outputs;
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
