/**
 * @file Loads tfjs-node, and registers our kernels on TensorFlow's own ops.
 *
 * Without these, the `tensorflow` backend computes our kernels as `src/kernels` composes them, which is right but takes many small ops.
 * TensorFlow's CPU library runs grouped and dilated convs, but has no op for their gradients; those are composed of its other ops.
 */
import * as tf from '@tensorflow/tfjs-core';
import { MoonletError, oneLine } from '../errors.ts';
import { kernelInput } from '../kernels/index.ts';
import { convolve, filterGrad, inputGrad } from './tensorflow/conv.ts';
import { normalize, normalizeGrad } from './tensorflow/norm.ts';
import type { Kernel } from './tensorflow/ops.ts';
import { average, averageGrad, maximum, maximumGrad } from './tensorflow/pool.ts';

const backendName = 'tensorflow';

/**
 * Loads tfjs-node and registers our kernels for its backend.
 * @throws MoonletError when it is not installed, or does not load here.
 */
export async function loadTfjsNode(): Promise<void> {
  mendUtil();
  quieten();
  const name = '@tensorflow/tfjs-node'; // not a literal: it is an optional package, without types here
  try {
    await import(/* webpackIgnore: true */ /* @vite-ignore */ name);
  } catch (e) {
    const message = e instanceof Error ? e.message : String(e);
    const code = e instanceof Error && 'code' in e ? e.code : undefined;
    if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${name}'`)) {
      throw new MoonletError(
        'the engine tfjs-node is not installed; install it by: npm install @tensorflow/tfjs-node@4.22.0 (in a checkout: npm run native)',
      );
    }
    throw new MoonletError(
      `the engine tfjs-node does not load: ${oneLine(message)}; reinstall it (in a checkout: npm run native)`,
    );
  }
  if (!(await tf.setBackend(backendName))) throw new MoonletError('the engine tfjs-node did not start');
  tf.tidy(() => {
    for (const { name: kernelName, run, inputs, attrs } of kernels())
      if (runs(() => run(inputs, attrs))) register(kernelName, run);
  });
}

type Run = (
  inputs: Readonly<Record<string, tf.TensorInfo | undefined>>,
  attrs: unknown,
) => tf.Tensor | tf.Tensor[];

interface Trial {
  readonly name: string;
  readonly run: Run;
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly attrs: object;
}

/** tf passes attributes through as our kernels gave them, without their type. */
const trial = <A>(
  name: string,
  kernel: Kernel<A>,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attrs: A & object,
): Trial => ({
  name,
  run: (given, attributes) => kernel((key) => kernelInput(given, key), attributes as A),
  inputs,
  attrs,
});

/** Our kernels, each with a small case that needs everything that the kernel can do. */
function kernels(): readonly Trial[] {
  const [x, kernel, c] = [tf.ones([1, 4, 4, 4]), tf.ones([3, 3, 2, 4]), tf.ones([4])];
  const half = tf.ones([1, 2, 2, 4]);
  const pads = { top: 1, bottom: 1, left: 1, right: 1 };
  const shapes = { inputShape: x.shape, kernelShape: kernel.shape };
  const conv = { stride: [2, 2], dilation: [1, 1], pads, groups: 2, ...shapes } as const;
  const norm = { eps: 1e-3 };
  const statistics = { gamma: c, mean: c, variance: c };
  const pool = { size: [3, 3], stride: [2, 2], pads, countPadding: false, ...shapes } as const;
  return [
    trial('MoonletConv', convolve, { x, kernel }, conv),
    trial('MoonletConvInputGrad', inputGrad, { dy: half, kernel }, conv),
    trial('MoonletConvFilterGrad', filterGrad, { x, dy: half }, conv),
    trial('MoonletBatchNorm', normalize, { x, gamma: c, beta: c }, norm),
    trial('MoonletBatchNormGrad', normalizeGrad, { dy: x, x, ...statistics }, norm),
    trial('MoonletMaxPool', maximum, { x }, pool),
    trial('MoonletMaxPoolGrad', maximumGrad, { dy: half, x, y: half }, pool),
    trial('MoonletAvgPool', average, { x }, pool),
    trial('MoonletAvgPoolGrad', averageGrad, { dy: half }, pool),
  ];
}

/** Whether this libtensorflow can run a kernel. A kernel that it refuses keeps its composed form. */
function runs(kernel: () => unknown): boolean {
  try {
    kernel();
    return true;
  } catch {
    return false;
  }
}

function register(kernelName: string, run: Run): void {
  if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs }) => tf.tidy(() => run(inputs, attrs)),
  });
}

/** Puts back two functions that tfjs-node 4.22 calls, and that Node 23 removed from its module `util`. */
function mendUtil(): void {
  const util: object | undefined = globalThis.process?.getBuiltinModule?.('util');
  if (!isRecord(util)) return;
  util['isNullOrUndefined'] ??= (value: unknown): boolean => value === null || value === undefined;
  util['isArray'] ??= Array.isArray;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** Silences TensorFlow's greeting on stderr; its warnings and errors stay. */
function quieten(): void {
  const env = globalThis.process?.env;
  if (env) env['TF_CPP_MIN_LOG_LEVEL'] ??= '1';
}
