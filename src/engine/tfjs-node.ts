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

const kernels: Readonly<Record<string, Kernel<never>>> = {
  MoonletConv: convolve,
  MoonletConvInputGrad: inputGrad,
  MoonletConvFilterGrad: filterGrad,
  MoonletBatchNorm: normalize,
  MoonletBatchNormGrad: normalizeGrad,
  MoonletMaxPool: maximum,
  MoonletMaxPoolGrad: maximumGrad,
  MoonletAvgPool: average,
  MoonletAvgPoolGrad: averageGrad,
};
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
  for (const [kernelName, kernel] of Object.entries(kernels)) registerNative(kernelName, kernel);
}

function registerNative(kernelName: string, kernel: Kernel<never>): void {
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
