/**
 * @file Shared weights through training. The net sees each group's one number; the gradient of that number is the sum over
 * its members (Han et al. 2015, arXiv:1510.00149, equation 3; Chen et al. 2015, arXiv:1504.04788, equation 12), which every
 * member gets, so that all move as one. Codebooks, hashed buckets and circulant diagonals are the same thing here: who
 * belongs together, and with which sign.
 */
import * as tf from '@tensorflow/tfjs-core';
import { MoonletError } from '../errors.ts';
import type { Form } from '../learn/train/index.ts';
import {
  circulantIndex,
  codeWidth,
  float,
  hashOf,
  materialize,
  type Net,
  placesOf,
  unpackBits,
  type Weight,
  type WeightKey,
} from '../weights/index.ts';

/** For each value its group, and its sign there: 0 where it is zero for good. */
interface Membership {
  readonly shape: readonly number[];
  readonly groups: Int32Array;
  readonly signs: Float32Array;
  readonly count: number;
}

/** Who shares with whom in a weight; undefined where nothing is shared. */
export function membershipOf(weight: Weight): Membership | undefined {
  const { shape } = weight;
  const size = shape.reduce((n, d) => n * d, 1);
  const ones = (): Float32Array => new Float32Array(size).fill(1);
  switch (weight.encoding) {
    case 'codebook': {
      const codes = unpackBits(weight.data, codeWidth(weight), size);
      return { shape, groups: Int32Array.from(codes), signs: ones(), count: weight.centroids.length };
    }
    case 'sparse': {
      const { values } = weight;
      if (values.encoding !== 'codebook') return undefined;
      const codes = unpackBits(values.data, codeWidth(values), values.shape[0] as number);
      const [groups, signs] = [new Int32Array(size), new Float32Array(size)];
      placesOf(weight).forEach((p, k) => {
        groups[p] = codes[k] as number;
        signs[p] = 1;
      });
      return { shape, groups, signs, count: values.centroids.length };
    }
    case 'hashed': {
      const [groups, signs] = [new Int32Array(size), new Float32Array(size)];
      for (let p = 0; p < size; p++) {
        const { bucket, sign } = hashOf(weight.seed, p, weight.data.length);
        groups[p] = bucket;
        signs[p] = sign;
      }
      return { shape, groups, signs, count: weight.data.length };
    }
    case 'circulant':
      return {
        shape,
        groups: Int32Array.from({ length: size }, (_, p) => circulantIndex(shape, weight.block)(p)),
        signs: ones(),
        count: weight.data.length,
      };
    default:
      return undefined;
  }
}

/**
 * The form of a net's shared kernels.
 * @throws MoonletError when nothing in the net is shared.
 */
export function keepShared(net: Net): Form {
  const members = new Map<WeightKey, Membership>();
  for (const [key, weight] of net.weights) {
    const found = membershipOf(weight);
    if (found) members.set(key, found);
  }
  if (!members.size)
    throw new MoonletError(
      `${net.graph.name}: no weight is shared; share some first, or train without this form`,
    );
  return {
    name: 'keep shared',
    through: (key, weight) => {
      const m = members.get(key);
      return m ? tied(weight, m) : weight;
    },
    settle: (trained) => {
      const weights = new Map(trained.weights);
      for (const [key, m] of members) {
        const now = materialize(trained.weights.get(key) as Weight);
        weights.set(key, withNumbers(net.weights.get(key) as Weight, meansOf(now, m)));
      }
      return { ...trained, weights };
    },
  };
}

/** Means of the groups forward, sums of gradients back. */
function tied(weight: tf.Tensor, { shape, groups, signs, count }: Membership): tf.Tensor {
  const size = groups.length;
  const members = new Float32Array(count);
  groups.forEach((g, p) => {
    members[g] = (members[g] as number) + Math.abs(signs[p] as number);
  });
  const spread = (byGroup: tf.Tensor): tf.Tensor =>
    tf.reshape(tf.mul(tf.gather(byGroup, tf.tensor1d(groups, 'int32')), tf.tensor1d(signs)), [...shape]);
  const sums = (t: tf.Tensor): tf.Tensor =>
    tf.unsortedSegmentSum(
      tf.mul(tf.reshape(t, [size]), tf.tensor1d(signs)),
      tf.tensor1d(groups, 'int32'),
      count,
    );
  const inverse = members.map((n) => 1 / Math.max(1, n));
  const run = tf.customGrad((w) => ({
    value: spread(tf.mul(sums(w as tf.Tensor), tf.tensor1d(inverse))),
    gradFunc: (dy: tf.Tensor) => spread(sums(dy)),
  }));
  return run(weight);
}

function meansOf(now: Float32Array, { groups, signs, count }: Membership): Float32Array {
  const [sums, members] = [new Float64Array(count), new Float64Array(count)];
  now.forEach((v, p) => {
    const [g, sign] = [groups[p] as number, signs[p] as number];
    sums[g] = (sums[g] as number) + sign * v;
    members[g] = (members[g] as number) + Math.abs(sign);
  });
  return Float32Array.from(sums, (sum, g) => (members[g] ? sum / (members[g] as number) : 0));
}

/** The weight with other numbers under the same codes. */
function withNumbers(weight: Weight, numbers: Float32Array): Weight {
  switch (weight.encoding) {
    case 'codebook':
      return { ...weight, centroids: numbers };
    case 'sparse':
      return weight.values.encoding === 'codebook'
        ? { ...weight, values: { ...weight.values, centroids: numbers } }
        : weight;
    case 'hashed':
    case 'circulant':
      return { ...weight, data: numbers };
    default:
      return float(weight.shape, numbers);
  }
}
