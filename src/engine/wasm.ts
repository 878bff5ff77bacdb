/**
 * @file Loads tf's wasm backend, and corrects its matrix product.
 *
 * That backend packs the second factor of a product once, and looks it up by the tensor's data alone (4.22.0). A reshaped tensor shares
 * its data. So a second product with the same data in another shape, or transposed, reads what was packed for the first one, and gives
 * wrong numbers. Such a factor is copied here.
 */
import * as tf from '@tensorflow/tfjs-core';

const backendName = 'wasm';

/** Loads the wasm backend. */
export async function loadWasm(): Promise<void> {
  await import('@tensorflow/tfjs-backend-wasm');
  for (const name of ['BatchMatMul', '_FusedMatMul'] as const) mend(name);
}

/** The shape and the transposition with which a factor was first packed, by its data. */
const packed = new WeakMap<object, string>();

function mend(kernelName: string): void {
  const theirs = tf.getKernel(kernelName, backendName);
  if (!theirs) throw new Error(`internal: the wasm backend has no ${kernelName}`);
  const kernelFunc: tf.KernelFunc = (call) => {
    const b = call.inputs['b'];
    const { backend } = call;
    if (!b || !(backend instanceof tf.KernelBackend))
      throw new Error(`internal: ${kernelName} without its second factor`);
    const form = `${b.shape} ${call.attrs?.['transposeB']}`;
    const before = packed.get(b.dataId);
    if (before === undefined) packed.set(b.dataId, form);
    if (before === undefined || before === form) return theirs.kernelFunc(call);
    const copy = { ...b, dataId: backend.write(backend.readSync(b.dataId), b.shape, b.dtype) };
    try {
      return theirs.kernelFunc({ ...call, inputs: { ...call.inputs, b: copy } });
    } finally {
      backend.disposeData(copy.dataId);
    }
  };
  tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ ...theirs, kernelFunc });
}
