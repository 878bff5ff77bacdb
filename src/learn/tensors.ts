/** @file Tensors and arrays by name, and tensors of a known rank. What is missing or of another rank is a bug of ours. */
import type * as tf from '@tensorflow/tfjs-core';
import type { Arrays, Tensors } from '../jit/index.ts';
import type { WeightKey } from '../weights/index.ts';

/** The tensor of that name. @throws Error `internal: ...` when there is none. */
export function tensorAt(all: Tensors, name: string): tf.Tensor {
  const tensor = all[name];
  if (!tensor) throw new Error(`internal: no tensor "${name}"`);
  return tensor;
}

/** The floats of that name. @throws Error `internal: ...` when there are none, or they are integers. */
export function floatsAt(all: Arrays, name: string): Float32Array {
  const values = all[name];
  if (values instanceof Float32Array) return values;
  throw new Error(`internal: no floats "${name}"`);
}

const isScalar = (x: tf.Tensor): x is tf.Scalar => x.rank === 0;
const isRank1 = (x: tf.Tensor): x is tf.Tensor1D => x.rank === 1;
export const isRank2 = (x: tf.Tensor): x is tf.Tensor2D => x.rank === 2;
const isRank3 = (x: tf.Tensor): x is tf.Tensor3D => x.rank === 3;
const isRank4 = (x: tf.Tensor): x is tf.Tensor4D => x.rank === 4;
const ranked =
  <T extends tf.Tensor>(rank: number, is: (x: tf.Tensor) => x is T) =>
  (x: tf.Tensor): T => {
    if (is(x)) return x;
    throw new Error(`internal: expected a tensor of rank ${rank}, got [${x.shape.join(', ')}]`);
  };
/** A number, []. */
export const scalarOf = ranked(0, isScalar);
/** A list, [n]. */
export const rank1 = ranked(1, isRank1);
/** A batch of vectors, [batch, c]. */
export const rank2 = ranked(2, isRank2);
/** Such as a batch of maps without channels, [batch, h, w]. */
export const rank3 = ranked(3, isRank3);
/** A batch of maps, [batch, h, w, c]. */
export const rank4 = ranked(4, isRank4);

/** Whether a name is that of a weight, `node:slot`. */
export const isWeightKey = (name: string): name is WeightKey => name.includes(':');
