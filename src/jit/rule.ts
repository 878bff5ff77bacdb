/** @file The type of a rule, which turns one call of a tf kernel into nodes of the graph. */

import type * as tf from '@tensorflow/tfjs-core';
import { type Attrs, numberAttr as numberOf, numbersAttr as numbersOf } from '../kernels/index.ts';
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
  readonly attrs: Attrs;
}

export type Rule = (call: Call) => Value | readonly Value[];
export type Rules = Readonly<Record<string, Rule>>;

/** The number of an attribute, or `otherwise` where it is missing. */
export const numberAttr = ({ attrs }: Call, name: string, otherwise = 0): number =>
  numberOf(attrs, name, otherwise);

/** The numbers of an attribute; a single number is a list of one. */
export const numbersAttr = ({ attrs }: Call, name: string): number[] => numbersOf(attrs, name);

/** The attribute `dtype`. */
export function dtypeAttr({ attrs: { dtype } }: Call): tf.DataType | undefined {
  switch (dtype) {
    case 'float32':
    case 'int32':
    case 'bool':
    case 'complex64':
    case 'string':
      return dtype;
  }
  return undefined;
}
