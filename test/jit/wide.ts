/** @file Cases of single convs on images wide enough for the blocked convs, and each way to their gradients. */

import type * as tf from '@tensorflow/tfjs-core';
import { conv } from '../../src/kernels/index.ts';
import type { Case } from './battery.ts';

export const as4 = (x: tf.Tensor): tf.Tensor4D => x as tf.Tensor4D;
export const geometry = {
  stride: [1, 1],
  dilation: [1, 1],
  pads: { top: 1, bottom: 1, left: 1, right: 1 },
  groups: 1,
} as const;

export type Geometry = Parameters<typeof conv>[2];
/** `plus` changes the 3x3 'same' geometry. */
export const wideCase = (
  name: string,
  x: readonly number[],
  kernel: readonly number[],
  plus: Partial<Geometry> = {},
): Case => [
  `wide conv, ${name}`,
  (a, k) => conv(as4(a as tf.Tensor), as4(k as tf.Tensor), { ...geometry, ...plus }),
  [x, kernel],
];
