/**
 * @file Keeps pruned weights at zero in training. What is zero stays zero (Han et al. 2015, arXiv:1506.02626, section
 * 3: retrain what is left), or zeros come in little by little (Zhu and Gupta 2017, arXiv:1710.01878):
 *
 *   s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (n D))^3   for t = t_0, t_0 + D, ..., t_0 + n D      (equation 1)
 */

import * as tf from '@tensorflow/tfjs-core';
import { get, item } from '../../access.ts';
import { kernelsNamed, type WeightPruneOptions, zeroSmallest } from '../../edit/index.ts';
import { UsageError } from '../../errors.ts';
import { float, materialize, type Net, type WeightKey } from '../../weights/index.ts';
import type { Form } from '../train/weight-form.ts';

/** The form of a net whose zero weights stay zero: masks from the zeros of its kernels. */
export function keepZeros(net: Net, o: Pick<WeightPruneOptions, 'only' | 'except'> = {}): Form {
  const masks = new Map(
    kernelsNamed(net, o).map((key) => {
      const weight = get(net.weights, key);
      return [key, { shape: weight.shape, data: materialize(weight).map((w) => (w === 0 ? 0 : 1)) }] as const;
    }),
  );
  return {
    name: 'keep zeros',
    constants: Object.fromEntries([...masks].map(([key, { data }]) => [key, data])),
    through: (key, weight) => {
      const mask = masks.get(key);
      return mask ? tf.mul(weight, tf.tensor(mask.data, [...mask.shape])) : weight;
    },
    settle: (trained) => {
      const weights = new Map(trained.weights);
      for (const [key, { shape, data }] of masks) {
        const now = materialize(get(weights, key));
        weights.set(
          key,
          float(
            shape,
            data.map((m, i) => (m ? now[i]! : 0)),
          ),
        );
      }
      return { ...trained, weights };
    },
  };
}

/** What is done to the trained weights after each step. */
export interface Projection {
  readonly name: string;
  /** Begin, or go on, from these arrays; the answer is called after each step with the count of steps done. */
  begin(array: (key: WeightKey) => Float32Array): (done: number) => void;
}

export interface GradualOptions extends WeightPruneOptions {
  /** s_i; 0 by default. */
  readonly from?: number;
  /** s_f */
  readonly to: number;
  /** t_0, in steps; 0 by default. */
  readonly begin?: number;
  /** t_0 + n D: from here on the share of zeros is `to`. */
  readonly end: number;
  /** D: steps between prunings; 100 by default. */
  readonly every?: number;
}

/** The share of zeros after so many steps, by equation 1; nothing is pruned before `begin`. */
export function sparsityAt(
  done: number,
  { from = 0, to, begin = 0, end, every = 100 }: GradualOptions,
): number {
  if (done < begin) return 0;
  if (done >= end) return to;
  const t = Math.floor((done - begin) / every) * every;
  return to + (from - to) * (1 - t / (end - begin)) ** 3;
}

/**
 * Zeros that come in little by little while the net trains: `fit(net, ..., { project: gradually(net, { to: 0.9, end: 2000 }) })`.
 * What is zero stays so. A resumed run reads the masks from its weights.
 * @throws UsageError for shares and steps that make no schedule.
 */
export function gradually(net: Pick<Net, 'graph'>, o: GradualOptions): Projection {
  const { from = 0, to, begin = 0, end, every = 100 } = o;
  if (!(from >= 0 && from <= to && to < 1))
    throw new UsageError(`gradual pruning needs 0 <= from <= to < 1, got from ${from} to ${to}`);
  if (!(begin >= 0 && begin < end && every >= 1))
    throw new UsageError(
      `gradual pruning needs 0 <= begin < end and every >= 1, got ${begin}, ${end} and ${every}`,
    );
  const keys = kernelsNamed(net, o);
  return {
    name: `gradual ${JSON.stringify(o)}`,
    begin: (array) => {
      let last = -1;
      let masks = keys.map((key) => maskOf(array(key)));
      return (done) => {
        const arrays = keys.map(array);
        arrays.forEach((a, k) => {
          const mask = item(masks, k);
          for (let i = 0; i < a.length; i++) if (!mask[i]) a[i] = 0;
        });
        const now = sparsityAt(done, o);
        if (now === last || done < begin) return;
        zeroSmallest(arrays, now, o.scope);
        masks = arrays.map(maskOf);
        last = now;
      };
    },
  };
}
const maskOf = (array: Float32Array): Uint8Array => Uint8Array.from(array, (w) => (w === 0 ? 0 : 1));
