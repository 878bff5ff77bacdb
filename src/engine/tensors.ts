/** @file Tensors of onnxruntime as arrays and sizes. */
import type { Tensor } from 'onnxruntime-common';

/** The numbers of a float32 tensor, without a copy. */
export function floatsOf(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new Error(`internal: floats expected, got ${tensor?.type ?? 'no tensor'}`);
}

/** The sizes of a batch of a model's input, whose own batch size may be open. */
export function batchSizes(shape: readonly (number | string)[], batch: number): number[] {
  const sizes = shape.slice(1).map((size) => {
    if (typeof size === 'number') return size;
    throw new Error(`internal: a model whose input has an open size, "${size}"`);
  });
  return [batch, ...sizes];
}
