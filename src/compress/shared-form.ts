/**
 * @file Training with shared weights. The weights of a group have one value; its gradient is the sum of the gradients of
 * the members (Han et al. 2015, arXiv:1510.00149, equation 3; Chen et al. 2015, arXiv:1504.04788, equation 12). Each member
 * gets this sum, and all members stay equal. Codebooks, hashed buckets and circulant diagonals differ only in which weights
 * form a group, and with which signs.
 */

import * as tf from '@tensorflow/tfjs-core';
import { first, get } from '../access.ts';
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
import { customGradient } from './custom-gradient.ts';

/** The group of each weight, and its sign in the group; the sign 0 means that the weight stays zero. */
interface Membership {
  readonly shape: readonly number[];
  readonly groups: Int32Array;
  readonly signs: Float32Array;
  readonly count: number;
}

/** The groups of a weight; undefined when it shares nothing. */
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
      const codes = unpackBits(values.data, codeWidth(values), first(values.shape));
      const [groups, signs] = [new Int32Array(size), new Float32Array(size)];
      for (const [k, p] of placesOf(weight).entries()) {
        groups[p] = codes[k]!;
        signs[p] = 1;
      }
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
 * A form for `fit` that trains shared weights as shared: codebooks, hashed buckets and circulant blocks stay such.
 *
 * @throws MoonletError when the net has no shared weight.
 * @example
 * import { graph, init, input, shareWeights } from 'moonlet';
 * import { keepShared } from 'moonlet/compress';
 * const net = init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(4)));
 * keepShared(shareWeights(net, { clusters: 8 })).name; // 'keep shared'
 */
export function keepShared(net: Net): Form {
  const members = new Map<WeightKey, Membership>();
  for (const [key, weight] of net.weights) {
    const found = membershipOf(weight);
    if (found) members.set(key, found);
  }
  if (!members.size)
    throw new MoonletError(
      `${net.graph.name}: has no shared weight; call shareWeights, hashWeights or circulate first, or train without this form`,
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
        const data = materialize(get(trained.weights, key));
        weights.set(key, withNumbers(get(net.weights, key), meansOf(data, m)));
      }
      return { ...trained, weights };
    },
  };
}

/** Forward the mean of each group; backward the sum of its gradients. */
function tied(weight: tf.Tensor, { shape, groups, signs, count }: Membership): tf.Tensor {
  const size = groups.length;
  const members = new Float32Array(count);
  for (const [p, g] of groups.entries()) members[g]! += Math.abs(signs[p]!);
  const spread = (byGroup: tf.Tensor): tf.Tensor =>
    tf.reshape(tf.mul(tf.gather(byGroup, tf.tensor1d(groups, 'int32')), tf.tensor1d(signs)), [...shape]);
  const sums = (t: tf.Tensor): tf.Tensor =>
    tf.unsortedSegmentSum(
      tf.mul(tf.reshape(t, [size]), tf.tensor1d(signs)),
      tf.tensor1d(groups, 'int32'),
      count,
    );
  const inverse = members.map((n) => 1 / Math.max(1, n));
  return customGradient([weight], (inputs) => ({
    value: spread(tf.mul(sums(first(inputs)), tf.tensor1d(inverse))),
    gradFunc: (dy) => spread(sums(dy)),
  }));
}

/** The mean of each group's members, each times its sign. */
function meansOf(data: Float32Array, { groups, signs, count }: Membership): Float32Array {
  const [sums, members] = [new Float64Array(count), new Float64Array(count)];
  data.forEach((v, p) => {
    const [g, sign] = [groups[p]!, signs[p]!];
    sums[g]! += sign * v;
    members[g]! += Math.abs(sign);
  });
  return Float32Array.from(sums, (sum, g) => (members[g] ? sum / members[g]! : 0));
}

/** The weight with other values and the same codes. */
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
