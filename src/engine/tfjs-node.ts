/**
 * @file Loading of tfjs-node, and our kernels on TensorFlow's own ops.
 *
 * Without these, the `tensorflow` backend computes our kernels by the composed forms of `src/kernels`, which are right
 * but take many small ops. What TensorFlow's CPU library has no op for is written here with those that it has: it runs
 * grouped and dilated convs, but neither gradient of them.
 */
import * as tf from '@tensorflow/tfjs-core';
import { MoonletError, oneLine } from '../errors.ts';
import { convolve, filterGrad, inputGrad } from './tensorflow/conv.ts';
import { normalize, normalizeGrad } from './tensorflow/norm.ts';
import type { Kernel } from './tensorflow/ops.ts';
import { average, averageGrad, maximum, maximumGrad } from './tensorflow/pool.ts';

const backendName = 'tensorflow';

/**
 * Load tfjs-node and register our kernels for its backend.
 * @throws MoonletError when it is not installed, or does not load here.
 */
export async function loadTfjsNode(): Promise<void> {
  mendUtil();
  quieten();
  const name = '@tensorflow/tfjs-node'; // not a literal: it is an optional package, without types here
  try {
    await import(name);
  } catch (e) {
    const { code, message } = e as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${name}'`)) {
      throw new MoonletError(
        'the engine tfjs-node is not installed; install it by: npm install @tensorflow/tfjs-node@4.22.0 (in a checkout: npm run native)',
      );
    }
    throw new MoonletError(
      `the engine tfjs-node does not load: ${oneLine(message)}; install it anew (in a checkout: npm run native)`,
    );
  }
  if (!(await tf.setBackend(backendName))) throw new MoonletError('the engine tfjs-node did not start');
  tf.tidy(() => {
    for (const [kernelName, kernel, inputs, attrs] of kernels())
      if (runs(() => kernel(inputs, attrs as never))) register(kernelName, kernel);
  });
}

type Trial = readonly [
  name: string,
  kernel: Kernel<never>,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attrs: object,
];

/** Our kernels, each with a small case that asks for all that it can. */
function kernels(): readonly Trial[] {
  const [x, kernel, c] = [tf.ones([1, 4, 4, 4]), tf.ones([3, 3, 2, 4]), tf.ones([4])];
  const half = tf.ones([1, 2, 2, 4]);
  const pads = { top: 1, bottom: 1, left: 1, right: 1 };
  const shapes = { inputShape: x.shape, kernelShape: kernel.shape };
  const conv = { stride: [2, 2], dilation: [1, 1], pads, groups: 2, ...shapes };
  const norm = { eps: 1e-3 };
  const statistics = { gamma: c, mean: c, variance: c };
  const pool = { size: [3, 3], stride: [2, 2], pads, countPadding: false, ...shapes };
  return [
    ['MoonletConv', convolve, { x, kernel }, conv],
    ['MoonletConvInputGrad', inputGrad, { dy: half, kernel }, conv],
    ['MoonletConvFilterGrad', filterGrad, { x, dy: half }, conv],
    ['MoonletBatchNorm', normalize, { x, gamma: c, beta: c }, norm],
    ['MoonletBatchNormGrad', normalizeGrad, { dy: x, x, ...statistics }, norm],
    ['MoonletMaxPool', maximum, { x }, pool],
    ['MoonletMaxPoolGrad', maximumGrad, { dy: half, x, y: half }, pool],
    ['MoonletAvgPool', average, { x }, pool],
    ['MoonletAvgPoolGrad', averageGrad, { dy: half }, pool],
  ];
}

/** Whether this libtensorflow has what a kernel needs; one that it refuses keeps its composed form. */
function runs(trial: () => unknown): boolean {
  try {
    trial();
    return true;
  } catch {
    return false;
  }
}

function register(kernelName: string, kernel: Kernel<never>): void {
  if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs }) =>
      tf.tidy(() => kernel(inputs as Record<string, tf.Tensor>, attrs as never)),
  });
}

/** tfjs-node 4.22 calls two functions that Node 23 took out of its module `util`: we put them back. */
function mendUtil(): void {
  const util = globalThis.process?.getBuiltinModule?.('util') as Record<string, unknown> | undefined;
  if (!util) return;
  util['isNullOrUndefined'] ??= (value: unknown): boolean => value === null || value === undefined;
  util['isArray'] ??= Array.isArray;
}

/** TensorFlow greets on stderr unless told; its warnings and errors stay. */
function quieten(): void {
  const env = globalThis.process?.env;
  if (env) env['TF_CPP_MIN_LOG_LEVEL'] ??= '1';
}
