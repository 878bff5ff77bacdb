/** @file TensorFlow's ops by name, as tfjs-node's backend runs them. */
import * as tf from '@tensorflow/tfjs-core';

/** A kernel on TensorFlow's ops: `input` gives an input by its name, attributes are as `src/kernels` gives them. */
export type Kernel<A> = (input: (name: string) => tf.Tensor, attrs: A) => tf.Tensor | tf.Tensor[];

export interface Pads {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** An attribute: whole numbers, a flag, a text; `{ float }` for a real number, `{ type }` for a type. */
type Value = readonly number[] | boolean | string | { readonly float: number } | { readonly type: number };

/** The part of tfjs-node's backend that we use. */
interface NodeBackend {
  readonly binding: Readonly<
    Record<
      'TF_ATTR_INT' | 'TF_ATTR_BOOL' | 'TF_ATTR_STRING' | 'TF_ATTR_FLOAT' | 'TF_ATTR_TYPE' | 'TF_FLOAT',
      number
    >
  >;
  executeMultipleOutputs(
    name: string,
    attrs: readonly object[],
    inputs: readonly tf.Tensor[],
    count: number,
  ): tf.Tensor[];
}

const isNodeBackend = (backend: object): backend is NodeBackend =>
  'binding' in backend && 'executeMultipleOutputs' in backend;

function nodeBackend(): NodeBackend {
  const backend = tf.backend();
  if (!isNodeBackend(backend)) throw new Error(`internal: the backend ${tf.getBackend()} is not tfjs-node's`);
  return backend;
}

/** Runs one op of TensorFlow on float32 tensors. */
export function op(
  name: string,
  inputs: readonly tf.Tensor[],
  attrs: Readonly<Record<string, Value>>,
  outputs = 1,
): tf.Tensor[] {
  const backend = nodeBackend();
  const { binding } = backend;
  const typed = Object.entries(attrs).map(([key, value]) => {
    if (typeof value === 'boolean') return { name: key, type: binding.TF_ATTR_BOOL, value };
    if (typeof value === 'string') return { name: key, type: binding.TF_ATTR_STRING, value };
    if (typeof value === 'object' && 'float' in value)
      return { name: key, type: binding.TF_ATTR_FLOAT, value: value.float };
    if (typeof value === 'object' && 'type' in value)
      return { name: key, type: binding.TF_ATTR_TYPE, value: value.type };
    return { name: key, type: binding.TF_ATTR_INT, value };
  });
  const type = { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT };
  return backend.executeMultipleOutputs(name, [type, ...typed], inputs, outputs);
}

/** The output of an op that has one. */
export function op1(...call: Parameters<typeof op>): tf.Tensor {
  const [output] = op(...call);
  if (!output) throw new Error(`internal: the op ${call[0]} gave no output`);
  return output;
}

/** The value of the second type attribute that `FusedBatchNorm` and its gradient have. */
export const floatType = (): number => nodeBackend().binding.TF_FLOAT;

/** A shape as an input of an op. */
export const shapeTensor = (shape: readonly number[]): tf.Tensor => tf.tensor1d([...shape], 'int32');

/** Pads `x_BHWC` with zeros; negative pads crop. */
export function padded(x: tf.Tensor4D, { top, bottom, left, right }: Pads): tf.Tensor4D {
  const [b, h, w, c] = x.shape;
  const crop = (pad: number): number => Math.max(0, -pad);
  const grow = (pad: number): number => Math.max(0, pad);
  const inner = tf.slice4d(
    x,
    [0, crop(top), crop(left), 0],
    [b, h - crop(top) - crop(bottom), w - crop(left) - crop(right), c],
  );
  return tf.pad4d(inner, [
    [0, 0],
    [grow(top), grow(bottom)],
    [grow(left), grow(right)],
    [0, 0],
  ]);
}

export const areZero = (pads: Pads): boolean => Object.values(pads).every((pad) => pad === 0);
/** The shape of a padded image. */
export const grown = (
  [b = 1, h = 1, w = 1, c = 1]: readonly number[],
  { top, bottom, left, right }: Pads,
): readonly number[] => [b, h + top + bottom, w + left + right, c];
/** The pads that remove those again. */
export const without = ({ top, bottom, left, right }: Pads): Pads => ({
  top: -top,
  bottom: -bottom,
  left: -left,
  right: -right,
});

/** Attributes of an op with a window over `BHWC`. */
export const explicitly = ({ top, bottom, left, right }: Pads) => ({
  padding: 'EXPLICIT',
  explicit_paddings: [0, 0, top, bottom, left, right, 0, 0],
  data_format: 'NHWC',
});
export const overImage = ([h, w]: readonly [number, number]): readonly number[] => [1, h, w, 1];
