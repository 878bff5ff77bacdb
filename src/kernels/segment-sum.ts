/**
 * @file Sums by segment in time linear in the input, for backends whose memory JavaScript reads: tf's wasm backend has no
 * such kernel, and its JavaScript one compares every value with every segment. They are also the gradient of a gather.
 */
import * as tf from '@tensorflow/tfjs-core';

const kernelName = 'UnsortedSegmentSum';
const backends: ReadonlySet<string> = new Set(['cpu', 'wasm']);

/** `x [...ids, ...rest]` -> `[segments, ...rest]`; rows whose id is no segment are dropped, as in TensorFlow. */
const kernelFunc: tf.KernelFunc = ({ inputs, attrs, backend }) => {
  const [x, ids] = [inputs['x'], inputs['segmentIds']] as [tf.TensorInfo, tf.TensorInfo];
  const segments = (attrs as { numSegments?: number } | undefined)?.numSegments ?? 0;
  const memory = backend as tf.KernelBackend;
  const [values, places] = [memory.readSync(x.dataId), memory.readSync(ids.dataId)] as [
    Float32Array | Int32Array,
    Int32Array,
  ];
  const rest = x.shape.slice(ids.shape.length);
  const size = tf.util.sizeFromShape(rest);
  const Sums = values instanceof Int32Array ? Int32Array : Float32Array;
  const sums = new Sums(segments * size);
  for (let row = 0; row < places.length; row++) {
    const segment = places[row] ?? -1;
    if (segment < 0 || segment >= segments) continue;
    for (let i = 0; i < size; i++)
      sums[segment * size + i] = (sums[segment * size + i] ?? 0) + (values[row * size + i] ?? 0);
  }
  const shape = [segments, ...rest];
  return { dataId: memory.write(sums, shape, x.dtype), shape, dtype: x.dtype };
};

/** Registers the kernel on the current backend, if it is one of those that need it. */
export function registerSegmentSum(): void {
  const backendName = tf.getBackend();
  if (!backends.has(backendName)) return;
  const theirs = tf.getKernel(kernelName, backendName);
  if (theirs?.kernelFunc === kernelFunc) return;
  if (theirs) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ kernelName, backendName, kernelFunc });
}
