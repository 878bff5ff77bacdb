/** @file tf made right where it is wrong: gradients for all backends, and kernels of the current one. */
import * as tf from '@tensorflow/tfjs-core';
import { segmentSum } from './segment-sum.ts';
import { stockConvGrads } from './stock-conv-grads.ts';
import { registerGradients } from './tf-gradients.ts';

/** Kernels of ours by tf's names, for each backend that lacks them or is slow at them. */
const kernels: Readonly<Record<string, Readonly<Record<string, tf.KernelFunc>>>> = {
  cpu: { UnsortedSegmentSum: segmentSum },
  wasm: { UnsortedSegmentSum: segmentSum, ...stockConvGrads },
};

/** Cheap to call again: what is in place stays. What runs tf functions for Moonlet calls it first. */
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
