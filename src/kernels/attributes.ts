/** @file Typed access to the attributes of tf's kernels, and to tensors of a known rank. */

import * as tf from '@tensorflow/tfjs-core';
import type { Pads } from './geometry.ts';

/** Attributes as tf hands them to a kernel. */
export type Attrs = Readonly<Record<string, unknown>>;

/** A number, or `otherwise` where the attribute is missing. */
export function numberAttr(attrs: Attrs, name: string, otherwise = 0): number {
  const value = attrs[name];
  return typeof value === 'number' ? value : otherwise;
}

/** A list of numbers; a single number is a list of one, and a missing attribute an empty list. */
export function numbersAttr(attrs: Attrs, name: string): number[] {
  const value = attrs[name];
  if (typeof value === 'number') return [value];
  if (Array.isArray(value) || value instanceof Int32Array || value instanceof Float32Array)
    return Array.from(value, Number);
  return [];
}

/** The axes that an attribute names, from 0 up; all axes where it names none. */
export function axesAttr(attrs: Attrs, name: string, shape: readonly number[]): number[] {
  const axes = attrs[name] ?? undefined;
  const every = shape.map((_, axis) => axis);
  return axes === undefined ? every : tf.util.parseAxisParam(numbersAttr(attrs, name), [...shape]);
}

/** Rows and columns: a pair, or one number for both; `otherwise` where the attribute is missing. */
export function pairAttr(attrs: Attrs, name: string, otherwise = 1): [number, number] {
  const [first = otherwise, second = first] = numbersAttr(attrs, name);
  return [first, second];
}

/** The padding of each axis, before and behind. */
export function paddingsAttr(attrs: Attrs, name: string): (readonly [before: number, behind: number])[] {
  const value = attrs[name];
  if (!Array.isArray(value)) return [];
  return value.map((pair: unknown) => {
    const [before = 0, behind = 0] = Array.isArray(pair) ? Array.from(pair, Number) : [];
    return [before, behind];
  });
}

const isRecord = (value: unknown): value is Attrs => typeof value === 'object' && value !== null;

/** The padding of an image, as our own kernels have it. */
export function padsAttr(attrs: Attrs, name: string): Pads {
  const value = attrs[name];
  const pads = isRecord(value) ? value : {};
  const [top, bottom] = [numberAttr(pads, 'top'), numberAttr(pads, 'bottom')];
  return { top, bottom, left: numberAttr(pads, 'left'), right: numberAttr(pads, 'right') };
}

const is4D = (tensor: tf.Tensor): tensor is tf.Tensor4D => tensor.rank === 4;
const is1D = (tensor: tf.Tensor): tensor is tf.Tensor1D => tensor.rank === 1;

/** A tensor that is known to have rank 4. */
export function rank4(tensor: tf.Tensor | undefined): tf.Tensor4D {
  if (!tensor || !is4D(tensor))
    throw new Error(`internal: rank 4 expected, got ${tensor?.rank ?? 'no tensor'}`);
  return tensor;
}

/** A tensor that is known to have rank 1. */
export function rank1(tensor: tf.Tensor | undefined): tf.Tensor1D {
  if (!tensor || !is1D(tensor))
    throw new Error(`internal: rank 1 expected, got ${tensor?.rank ?? 'no tensor'}`);
  return tensor;
}

const isBackend = (backend: unknown): backend is tf.KernelBackend =>
  isRecord(backend) && typeof backend['readSync'] === 'function' && typeof backend['write'] === 'function';

/** The backend that tf hands to a kernel; recognized by its methods, since an application may load tfjs-core twice. */
export function kernelBackend(backend: unknown): tf.KernelBackend {
  if (!isBackend(backend)) throw new Error('internal: a kernel without its backend');
  return backend;
}

/** A shape that is known to have four sizes. */
export function shape4(shape: readonly number[]): [number, number, number, number] {
  const [a, b, c, d, ...more] = shape;
  if (a === undefined || b === undefined || c === undefined || d === undefined || more.length > 0)
    throw new Error(`internal: a shape of four sizes expected, got [${shape.join(', ')}]`);
  return [a, b, c, d];
}
