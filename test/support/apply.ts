/** @file One op applied to small tensors, with what it kept. */
import * as tf from '@tensorflow/tfjs-core';
import type { Op, Slot } from '../../src/graph/index.ts';
import { apply } from '../../src/read/tfjs/apply.ts';
import { leakless } from './tensors.ts';

interface Given {
  readonly weights?: Partial<Record<Slot, tf.Tensor>>;
  readonly training?: boolean;
  readonly noise?: (shape: readonly number[]) => tf.Tensor;
}
/** The value of an op, its shape, and the statistics that it kept; nothing leaks. */
export async function run(
  op: Op,
  ins: readonly (() => tf.Tensor)[],
  { weights = {}, training = false, noise }: Given = {},
) {
  const kept: Partial<Record<Slot, number[]>> = {};
  const { data, shape } = await leakless(() =>
    tf.tidy(() => {
      const y = apply(
        op,
        ins.map((make) => make()),
        {
          training,
          weight: (slot) => weights[slot]?.clone(),
          noise: (s) => {
            if (!noise) throw new Error('no noise was expected');
            return noise(s);
          },
          keep: (slot, value) => {
            kept[slot] = [...value.dataSync()];
          },
        },
      );
      return { data: [...y.dataSync()], shape: y.shape };
    }),
  );
  for (const t of Object.values(weights)) t.dispose();
  return { data, shape, kept };
}
export const vec =
  (...x: number[]) =>
  () =>
    tf.tensor2d([x]);
/** A map [1, h, w, c]. */
export const map =
  (h: number, w: number, c: number, ...x: number[]) =>
  () =>
    tf.tensor4d(x, [1, h, w, c]);
export const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
