/**
 * @file Random chains of convs, norms, activations and sums, as functions for the law of agreement: what an op leaves in blocks,
 * the next may read in blocks, channels last or channels first, alone or with others, forward and in every gradient.
 */

import * as tf from '@tensorflow/tfjs-core';
import { batchNorm, conv, maxPool } from '../../src/kernels/index.ts';
import { type Fn, numbers } from '../jit/agree.ts';
import { fc } from './property.ts';

type Unit =
  | {
      readonly kind: 'conv';
      readonly out: number;
      readonly taps: number;
      readonly stride: number;
      readonly dilation: number;
      readonly groups: 'one' | 'two' | 'fours' | 'pairs' | 'depthwise';
    }
  | { readonly kind: 'norm' | 'relu' | 'relu6' | 'add' | 'join' | 'gate' | 'pool' | 'shuffle' | 'minus' };

const unitOf = (out: fc.Arbitrary<number>): fc.Arbitrary<Unit> =>
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('conv' as const),
        out,
        taps: fc.constantFrom(1, 3, 5),
        stride: fc.constantFrom(1, 1, 1, 2),
        dilation: fc.constantFrom(1, 1, 2),
        groups: fc.constantFrom('one', 'one', 'two', 'fours', 'pairs', 'depthwise'),
      }),
    },
    { weight: 2, arbitrary: fc.constant({ kind: 'norm' } as const) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom('relu', 'relu6', 'add', 'add', 'join', 'gate', 'pool', 'shuffle', 'minus'),
      }),
    },
  );

export interface Plan {
  readonly image: readonly [number, number, number, number];
  readonly units: readonly Unit[];
}
/** Chains whose channels fill blocks more often than not, on wide images of few. */
export const common: fc.Arbitrary<Plan> = fc.record({
  image: fc.tuple(
    fc.constantFrom(2, 3, 16),
    fc.integer({ min: 5, max: 9 }),
    fc.integer({ min: 5, max: 9 }),
    fc.constantFrom(3, 16, 24, 32),
  ),
  units: fc.array(unitOf(fc.constantFrom(8, 10, 12, 16, 18, 32, 40)), { minLength: 3, maxLength: 8 }),
});

const to40 = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(4, 8, 12, 16, 20, 24, 32, 40));

/** Chains of any batch and any number of channels up to 40. */
export const any: fc.Arbitrary<Plan> = fc.record({
  image: fc.tuple(to40, fc.integer({ min: 2, max: 6 }), fc.integer({ min: 2, max: 6 }), to40),
  units: fc.array(unitOf(to40), { minLength: 1, maxLength: 5 }),
});

const groupsOf = (c: number, unit: Unit & { kind: 'conv' }): [groups: number, out: number] => {
  const of = { one: c, two: c / 2, fours: 4, pairs: 2, depthwise: 1 }[unit.groups];
  return unit.groups === 'one' || !Number.isInteger(of) || c % of !== 0 ? [1, unit.out] : [c / of, c];
};

export function inputsOf(shapes: readonly number[][]): tf.Tensor[] {
  return shapes.map((shape, i) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const fan = shape.length === 4 && i > 0 ? size / (shape[3] ?? 1) : 1;
    return tf.tensor(
      numbers(size, i + 1).map((v) => (v * 1.7) / Math.sqrt(fan)),
      shape,
    );
  });
}

/** The chain as a function of the image and its weights, and the shapes of these. */
export function chainOf({ image, units }: Plan): { fn: Fn; shapes: number[][] } {
  const shapes: number[][] = [[...image]];
  const steps: ((values: tf.Tensor4D[], weights: tf.Tensor[]) => tf.Tensor4D)[] = [];
  const weight = (shape: number[]): number => shapes.push(shape) - 1;
  let at: number[] = [...image];
  const seen: number[][] = [at];
  for (const one of units) {
    const [n = 1, h = 1, w = 1, c = 1] = at;
    if (one.kind === 'conv') {
      const [groups, out] = groupsOf(c, one);
      const kernel = weight([one.taps, one.taps, c / groups, out]);
      const side = (one.dilation * (one.taps - 1)) / 2;
      const geometry = {
        stride: [one.stride, one.stride] as [number, number],
        dilation: [one.dilation, one.dilation] as [number, number],
        pads: { top: side, bottom: side, left: side, right: side },
        groups,
      };
      steps.push((v, k) => conv(v.at(-1) as tf.Tensor4D, k[kernel] as tf.Tensor4D, geometry));
      at = [n, Math.ceil(h / one.stride), Math.ceil(w / one.stride), out];
    } else if (one.kind === 'norm') {
      const [gamma, beta] = [weight([c]), weight([c])];
      steps.push((v, k) => {
        // a factor near 0 makes a variance near eps, by which the next norm multiplies rounding
        const scale = tf.add(tf.mul(k[gamma] as tf.Tensor1D, 0.25), 1) as tf.Tensor1D;
        return batchNorm(v.at(-1) as tf.Tensor4D, scale, k[beta] as tf.Tensor1D, 1e-3).y as tf.Tensor4D;
      });
    } else if (one.kind === 'add' || one.kind === 'join' || one.kind === 'minus') {
      const isSame = (s: number[]): boolean => s.join() === at.join();
      const other = seen.findIndex(isSame);
      const back = other < 0 || other === seen.length - 1 ? seen.length - 1 : other;
      if (one.kind === 'join') {
        steps.push((v) => tf.concat([v.at(-1) as tf.Tensor4D, v[back] as tf.Tensor4D], 3));
        at = [n, h, w, 2 * c];
      } else if (one.kind === 'add')
        steps.push((v) => tf.add(v.at(-1) as tf.Tensor4D, v[back] as tf.Tensor4D));
      else steps.push((v) => tf.sub(tf.mul(v.at(-1) as tf.Tensor4D, 2), v[back] as tf.Tensor4D));
    } else if (one.kind === 'gate') {
      steps.push((v) => {
        const x = v.at(-1) as tf.Tensor4D;
        return tf.mul(x, tf.sigmoid(tf.mean(x, [1, 2], true)));
      });
    } else if (one.kind === 'pool') {
      const pool = { size: [2, 2], stride: [1, 1], pads: { top: 0, bottom: 1, left: 0, right: 1 } } as const;
      steps.push((v) => maxPool(v.at(-1) as tf.Tensor4D, pool));
    } else if (one.kind === 'shuffle') {
      if (c % 2 > 0) continue;
      steps.push((v) => {
        const x = v.at(-1) as tf.Tensor4D;
        return tf.reshape(tf.transpose(tf.reshape(x, [n, h, w, 2, c / 2]), [0, 1, 2, 4, 3]), [n, h, w, c]);
      });
    } else {
      const act = { relu: tf.relu, relu6: tf.relu6 }[one.kind];
      steps.push((v) => act(v.at(-1) as tf.Tensor4D));
    }
    seen.push(at);
  }
  const fn: Fn = (x, ...weights) => {
    const values = [x as tf.Tensor4D];
    for (const step of steps) values.push(step(values, [x as tf.Tensor, ...weights]));
    return values.at(-1) as tf.Tensor;
  };
  return { fn, shapes };
}
