/** @file Corrects tf: gradients for all backends, and kernels for the current one. */
import * as tf from '@tensorflow/tfjs-core';
import { segmentSum } from './segment-sum.ts';
import { stockConvGrads } from './stock-conv-grads.ts';
import { registerGradients } from './tf-gradients.ts';

/** Our kernels by tf's names, for each backend that lacks them or runs them slowly. */
const kernels: Readonly<Record<string, Readonly<Record<string, tf.KernelFunc>>>> = {
  cpu: { UnsortedSegmentSum: segmentSum },
  wasm: { UnsortedSegmentSum: segmentSum, ...stockConvGrads },
};

/** Puts the corrections in place. A second call does nothing. Everything that runs tf functions for Moonlet calls it first. */
export function mendTf(): void {
  registerGradients();
  const backendName = tf.getBackend();
  for (const [kernelName, kernelFunc] of Object.entries(kernels[backendName] ?? {})) {
    const present = tf.getKernel(kernelName, backendName);
    if (present?.kernelFunc === kernelFunc) continue;
    if (present) tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({ kernelName, backendName, kernelFunc });
  }
}
