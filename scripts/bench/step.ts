/**
 * @file Times one training step (forward, backward, SGD with momentum) of two small nets, traced and native.
 *
 * `npx tsx scripts/bench/step.ts [separable|wide] [--threads 1,2] [--steps 40] [--plain] [--save FILE]`
 * prints medians in ms.
 */

import { writeFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { jit, type Spec, type TracedFunction } from '../../src/jit/index.ts';
import { batchNorm, conv } from '../../src/kernels/index.ts';

type Params = Readonly<Record<string, tf.Tensor>>;
type Layer = (x: tf.Tensor, params: Params, stats: Record<string, tf.Tensor>) => tf.Tensor;

interface Net {
  readonly shapes: Record<string, readonly number[]>;
  readonly stats: Record<string, number>;
  readonly layers: Layer[];
}

const batch = 64;

/** 'same' padding as tf pads: more at the end. */
function same(size: number, kernel: number, stride: number): [number, number] {
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + kernel - size);
  return [Math.floor(total / 2), total - Math.floor(total / 2)];
}

function addConv(
  net: Net,
  name: string,
  kernel: number,
  inC: number,
  outC: number,
  stride: number,
  groups = 1,
): Layer {
  net.shapes[`${name}:kernel`] = [kernel, kernel, inC / groups, outC];
  return (x, params) => {
    const image = x as tf.Tensor4D;
    const [top, bottom] = same(image.shape[1], kernel, stride);
    const [left, right] = same(image.shape[2], kernel, stride);
    const pads = { top, bottom, left, right };
    return conv(image, params[`${name}:kernel`] as tf.Tensor4D, {
      stride: [stride, stride],
      dilation: [1, 1],
      pads,
      groups,
    });
  };
}

function addNorm(net: Net, name: string, channels: number): Layer {
  net.shapes[`${name}:gamma`] = [channels];
  net.shapes[`${name}:beta`] = [channels];
  net.stats[`${name}:mean`] = channels;
  net.stats[`${name}:variance`] = channels;
  return (x, params, stats) => {
    const { y, mean, variance } = batchNorm(
      x,
      params[`${name}:gamma`] as tf.Tensor1D,
      params[`${name}:beta`] as tf.Tensor1D,
      1e-3,
    );
    stats[`${name}:mean`] = tf.keep(mean);
    stats[`${name}:variance`] = tf.keep(variance);
    return tf.relu(y);
  };
}

function addHead(net: Net, channels: number): Layer {
  net.shapes['head:kernel'] = [channels, 10];
  net.shapes['head:bias'] = [10];
  return (x, params) =>
    tf.add(
      tf.matMul(tf.mean(x, [1, 2]) as tf.Tensor2D, params['head:kernel'] as tf.Tensor2D),
      params['head:bias'] as tf.Tensor,
    );
}

/** Depthwise-separable: 39,914 parameters. */
function separable(): Net {
  const net: Net = { shapes: {}, stats: {}, layers: [] };
  const block = (
    name: string,
    kernel: number,
    inC: number,
    outC: number,
    stride: number,
    groups = 1,
  ): void => {
    net.layers.push(
      addConv(net, `${name}/conv`, kernel, inC, outC, stride, groups),
      addNorm(net, `${name}/norm`, outC),
    );
  };
  block('stem', 3, 1, 16, 1);
  let channels = 16;
  for (const [i, [out, stride]] of (
    [
      [32, 2],
      [32, 1],
      [64, 2],
      [64, 1],
      [128, 2],
      [128, 1],
    ] as const
  ).entries()) {
    block(`${i}/depthwise`, 3, channels, channels, stride, channels);
    block(`${i}/pointwise`, 1, channels, out, 1);
    channels = out;
  }
  net.layers.push(addHead(net, channels));
  return net;
}

/** WRN-16-1: pre-activation residual blocks of full 3x3 convs. */
function wide(): Net {
  const net: Net = { shapes: {}, stats: {}, layers: [] };
  net.layers.push(addConv(net, 'stem', 3, 1, 16, 1));
  let channels = 16;
  for (const [stage, out] of [16, 32, 64].entries()) {
    for (let i = 0; i < 2; i++) {
      const stride = i === 0 && stage > 0 ? 2 : 1;
      const name = `stage${stage + 1}/${i}`;
      const norm1 = addNorm(net, `${name}/1`, channels);
      const conv1 = addConv(net, `${name}/1`, 3, channels, out, stride);
      const norm2 = addNorm(net, `${name}/2`, out);
      const conv2 = addConv(net, `${name}/2`, 3, out, out, 1);
      const short = channels === out ? undefined : addConv(net, `${name}/short`, 1, channels, out, stride);
      net.layers.push((x, p, s) => {
        const a = norm1(x, p, s);
        const inner = conv2(norm2(conv1(a, p, s), p, s), p, s);
        return tf.add(inner, short ? short(a, p, s) : x);
      });
      channels = out;
    }
  }
  net.layers.push(addNorm(net, 'last', channels), addHead(net, channels));
  return net;
}

/** One step of SGD with momentum 0.9 on softmax cross-entropy; the rate is an input. */
function stepOf(net: Net): TracedFunction {
  const names = Object.keys(net.shapes);
  return (state, inputs) => {
    const stats: Record<string, tf.Tensor> = {};
    const loss = (...params: tf.Tensor[]): tf.Scalar => {
      const named = Object.fromEntries(names.map((name, i) => [name, params[i] as tf.Tensor]));
      const logits = net.layers.reduce((x, layer) => layer(x, named, stats), inputs['x'] as tf.Tensor);
      const losses = tf.neg(tf.sum(tf.mul(inputs['y'] as tf.Tensor, tf.logSoftmax(logits)), -1));
      return tf.mean(losses) as tf.Scalar;
    };
    const { value, grads } = tf.valueAndGrads(loss)(names.map((name) => state[name] as tf.Tensor));
    const next: Record<string, tf.Tensor> = {};
    for (const [i, name] of names.entries()) {
      const momentum = tf.add(tf.mul(state[`momentum/${name}`] as tf.Tensor, 0.9), grads[i] as tf.Tensor);
      next[`momentum/${name}`] = momentum;
      next[name] = tf.sub(state[name] as tf.Tensor, tf.mul(momentum, inputs['rate'] as tf.Tensor));
    }
    for (const name of Object.keys(net.stats)) {
      next[name] = tf.add(tf.mul(state[name] as tf.Tensor, 0.99), tf.mul(stats[name] as tf.Tensor, 0.01));
    }
    return { state: next, outputs: { loss: value } };
  };
}

function random(): () => number {
  let seed = 1;
  return () => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648 - 0.5;
  };
}

async function bench(
  label: string,
  net: Net,
  threads: number,
  steps: number,
  optimize: boolean,
): Promise<void> {
  const draw = random();
  const specs: Record<string, Spec> = {};
  let state: Record<string, Float32Array | Int32Array> = {};
  for (const [name, shape] of Object.entries(net.shapes)) {
    const size = shape.reduce((a, b) => a * b, 1);
    const fan = shape.slice(0, -1).reduce((a, b) => a * b, 1);
    specs[name] = specs[`momentum/${name}`] = { shape };
    const start = name.endsWith('gamma') ? 1 : 0;
    const scale = shape.length > 1 ? Math.sqrt(24 / fan) : 0;
    state[name] = Float32Array.from({ length: size }, () => start + draw() * scale);
    state[`momentum/${name}`] = new Float32Array(size);
  }
  for (const [name, size] of Object.entries(net.stats)) {
    specs[name] = { shape: [size] };
    state[name] = new Float32Array(size).fill(name.endsWith('variance') ? 1 : 0);
  }
  const inputSpecs = { x: { shape: [batch, 28, 28, 1] }, y: { shape: [batch, 10] }, rate: { shape: [] } };
  let start = performance.now();
  const step = await jit(stepOf(net), { state: specs, inputs: inputSpecs }, { threads, optimize });
  const compileMs = performance.now() - start;
  const file = option('save');
  if (file) await writeFile(file, step.model);
  const x = Float32Array.from({ length: batch * 784 }, () => draw() * 3.4);
  const y = Float32Array.from({ length: batch * 10 }, (_, i) => Number(i % 10 === Math.floor(i / 10) % 10));
  const inputs = { x, y, rate: Float32Array.of(0.05) };
  const times: number[] = [];
  const losses: string[] = [];
  for (let i = 0; i < steps; i++) {
    start = performance.now();
    const result = await step.run(state, inputs);
    times.push(performance.now() - start);
    state = result.state as Record<string, Float32Array | Int32Array>;
    if (i % 10 === 0) losses.push((result.outputs['loss']?.[0] ?? NaN).toFixed(4));
  }
  await step.release();
  const sorted = times.slice(5).sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1] ?? NaN;
  console.log(
    `${label}: ${threads} thread(s), median ${median.toFixed(1)} ms, least ${sorted[0]?.toFixed(1)} ms, ` +
      `${step.nodes} nodes, trace and compile ${compileMs.toFixed(0)} ms, losses ${losses.join(' ')}`,
  );
}

const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
};
await tf.setBackend('cpu');
const threads = (option('threads') ?? '1,2').split(',').map(Number);
const wanted = ['separable', 'wide'].filter((name) => process.argv.includes(name));
for (const name of wanted.length > 0 ? wanted : ['separable', 'wide']) {
  for (const count of threads) {
    const net = name === 'separable' ? separable() : wide();
    await bench(name, net, count, Number(option('steps') ?? 40), !process.argv.includes('--plain'));
  }
}
