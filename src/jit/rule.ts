/** @file What a rule is: it turns one call of a tf kernel into nodes of the graph. */

import type * as tf from '@tensorflow/tfjs-core';
import type { Trace, Value } from './ir.ts';

/** A kernel call with its tensors as graph values, and its attributes as tf names them. */
export interface Call {
  readonly trace: Trace;
  /** The input of that name. */
  readonly in: (name: string) => Value;
  /** The same, for an optional input. */
  readonly maybe: (name: string) => Value | undefined;
  /** All inputs in order, for kernels that take a list. */
  readonly all: readonly Value[];
  readonly attrs: Readonly<Record<string, unknown>>;
}

export type Rule = (call: Call) => Value | readonly Value[];
export type Rules = Readonly<Record<string, Rule>>;

export const numberAttr = (call: Call, name: string, otherwise = 0): number =>
  typeof call.attrs[name] === 'number' ? call.attrs[name] : otherwise;

export const numbersAttr = (call: Call, name: string): number[] => {
  const value = call.attrs[name];
  if (typeof value === 'number') return [value];
  return ArrayBuffer.isView(value) || Array.isArray(value) ? Array.from(value as number[]) : [];
};

export const dtypeAttr = (call: Call): tf.DataType | undefined =>
  call.attrs['dtype'] as tf.DataType | undefined;
