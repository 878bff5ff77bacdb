/**
 * @file Sums by segment in linear time, for the backends wasm and cpu: tf has no such kernel for wasm, and the one for cpu compares every
 * value with every segment. The sums are also the gradient of a gather.
 */
import * as tf from '@tensorflow/tfjs-core';
import { numberAttr } from './attributes.ts';

/** `x [...ids, ...rest]` -> `[segments, ...rest]`; rows whose id is not a segment are dropped, as in TensorFlow. */
export const segmentSum: tf.KernelFunc = ({ inputs, attrs, backend }) => {
  const [x, ids] = [inputs['x'], inputs['segmentIds']];
  if (!x || !ids || !(backend instanceof tf.KernelBackend))
    throw new Error('internal: a segment sum without inputs');
  const segments = numberAttr(attrs ?? {}, 'numSegments');
  const values = numbers(backend.readSync(x.dataId));
  const places = numbers(backend.readSync(ids.dataId));
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
  return { dataId: backend.write(sums, shape, x.dtype), shape, dtype: x.dtype };
};

/** The numbers of a tensor, without a copy. */
function numbers(values: tf.backend_util.BackendValues): Float32Array | Int32Array | Uint8Array {
  if (values instanceof Float32Array || values instanceof Int32Array || values instanceof Uint8Array)
    return values;
  throw new Error('internal: a segment sum of a tensor without numbers');
}
