/** @file One table, one law: each case traced and eager, with gradients, to 1e-5 of the largest value. */

import * as tf from '@tensorflow/tfjs-core';
import { expectAgreement, type Fn, numbers, withGradients } from './agree.ts';

export type Case = readonly [name: string, fn: Fn, shapes: readonly (readonly number[])[], options?: Options];
export interface Options {
  /** How many of the inputs get a gradient; all unless said, 0 for none. */
  readonly grads?: number;
  readonly dtype?: 'int32';
  readonly prepare?: (x: number) => number;
  readonly bound?: number;
}

/** Declares a test per case, each traced with and without our passes. */
export function battery(title: string, cases: readonly Case[]): void {
  describe(title, () => {
    before(async () => {
      await tf.setBackend('cpu');
    });
    for (const [name, fn, shapes, options = {}] of cases) {
      it(name, async () => {
        const inputs = shapes.map((shape, i) => {
          const values = numbers(
            shape.reduce((a, b) => a * b, 1),
            i + 1,
          ).map(options.prepare ?? ((x) => x));
          return tf.tensor(values, [...shape], options.dtype ?? 'float32');
        });
        const count = options.grads ?? shapes.length;
        const whole = count > 0 ? withGradients(fn, count) : fn;
        await expectAgreement(whole, inputs, options.bound);
        await expectAgreement(whole, inputs, options.bound, false);
        tf.dispose(inputs);
      });
    }
  });
}
