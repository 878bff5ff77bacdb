/**
 * @file Replaces gradients of tf's own ops that are wrong, or that differ between backends at ties, on every backend.
 *
 * Where an op has a kink or equal values, the gradient is PyTorch's: `max` and `min` share it evenly among equal values
 * (torch.amax, and tf.reduce_max in Python), `maximum` and `minimum` give half to each side, pooling gives it to the first
 * place, relu6 is flat at 0 and at 6, and a clip is flat at its bounds.
 *
 * What is wrong in tf 4.22:
 * - `max` and `min` give the whole gradient to each of several equal values; max pools on wasm give it to another place.
 * - Average pools spread the gradient over padding that was not averaged.
 * - `maximum`, `minimum`, `squaredDifference` and `matMul` do not sum over broadcast axes.
 * - `cumsum` along any axis but the last gives the gradient to other places.
 * - `mirrorPad` drops the gradient of the copies.
 * - `prod` throws.
 * - `floorDiv` has the gradient of a division.
 * - `pow` is NaN at 0 to the power of 0.
 * - Resizing ignores that pixels are aligned by their centres; nearest neighbours on cpu read the first image for every image.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type Attrs, axesAttr, numberAttr, paddingsAttr, rank4 } from './attributes.ts';
import { avgPoolGrad, maxPoolGrad } from './pool.ts';
import { byName, onlyOne } from './register.ts';
import { resizeGrad } from './resize.ts';
import { stockPool } from './stock.ts';

type Gradients = Record<string, () => tf.Tensor>;
/** The gradients of the inputs by name; `saved` gives the inputs, and the output as `y` where it is saved. */
type GradientFn = (dy: tf.Tensor, saved: (name: string) => tf.Tensor, attrs: Attrs) => Gradients;

/** Sums over the axes along which an operand of `shape` was broadcast. */
function unbroadcast(gradient: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes([...shape], gradient.shape);
  return tf.reshape(axes.length ? tf.sum(gradient, axes) : gradient, [...shape]);
}

/** Of `max` and `min` over axes: dy shared evenly among the values that equal the result. */
const evenly =
  (axisAttribute: string): GradientFn =>
  (dy, saved, attrs) => {
    const [input, y] = [saved('x'), saved('y')];
    const axes = axesAttr(attrs, axisAttribute, input.shape);
    const kept = input.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    return {
      x: () => {
        const ties = tf.cast(tf.equal(input, tf.reshape(y, kept)), 'float32');
        return tf.mul(tf.div(tf.reshape(dy, kept), tf.sum(ties, axes, true)), ties);
      },
    };
  };

/** Of `maximum` and `minimum`: dy where `wins(mine, other)`, half of it where both are equal. */
const halves =
  (wins: typeof tf.greater, orTies: typeof tf.greaterEqual): GradientFn =>
  (dy, saved) => {
    const [a, b] = [saved('a'), saved('b')];
    const side = (mine: tf.Tensor, other: tf.Tensor) => (): tf.Tensor => {
      const twice = tf.add(tf.cast(wins(mine, other), 'float32'), tf.cast(orTies(mine, other), 'float32'));
      return unbroadcast(tf.mul(dy, tf.mul(twice, 0.5)), mine.shape);
    };
    return { a: side(a, b), b: side(b, a) };
  };

const squaredDifference: GradientFn = (dy, saved) => {
  const [a, b] = [saved('a'), saved('b')];
  const side = (mine: tf.Tensor, other: tf.Tensor) => (): tf.Tensor =>
    unbroadcast(tf.mul(dy, tf.mul(tf.sub(mine, other), 2)), mine.shape);
  return { a: side(a, b), b: side(b, a) };
};

/** With y = A B for A and B turned or not: dA = dy B^T, dB = A^T dy. */
const matMul: GradientFn = (dy, saved, { transposeA, transposeB }) => {
  const [left, right] = [saved('a'), saved('b')];
  const [ta, tb] = [transposeA === true, transposeB === true];
  return {
    a: () => unbroadcast(ta ? tf.matMul(right, dy, tb, true) : tf.matMul(dy, right, false, !tb), left.shape),
    b: () => unbroadcast(tb ? tf.matMul(dy, left, true, ta) : tf.matMul(left, dy, !ta, false), right.shape),
  };
};

const relu6: GradientFn = (dy, saved) => ({
  x: () => {
    const input = saved('x');
    return tf.mul(dy, tf.cast(tf.mul(tf.less(input, 6), tf.step(input)), 'float32'));
  },
});

const clip: GradientFn = (dy, saved, attrs) => ({
  x: () => {
    const input = saved('x');
    const [low, high] = [numberAttr(attrs, 'clipValueMin'), numberAttr(attrs, 'clipValueMax')];
    const inside = tf.logicalAnd(tf.greater(input, low), tf.less(input, high));
    return tf.where(inside, dy, tf.zerosLike(dy));
  },
});

/** For each place of `x [rows, n]` the product of the values before it in its row, computed in log n passes. */
function productBefore(x: tf.Tensor2D): tf.Tensor2D {
  const [rows, n] = x.shape;
  const moved = (values: tf.Tensor2D, by: number): tf.Tensor2D =>
    tf.concat([tf.ones<tf.Rank.R2>([rows, by]), tf.slice2d(values, [0, 0], [rows, n - by])], 1);
  let product = moved(x, 1);
  for (let reach = 1; reach < n; reach *= 2) product = tf.mul(product, moved(product, reach));
  return product;
}

/** Of `prod` over axes: dy times the product of the other values, which is right where values are 0. */
const prod: GradientFn = (dy, saved, attrs) => {
  const input = saved('x');
  const axes = axesAttr(attrs, 'axis', input.shape);
  const left = input.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const order = [...left, ...axes];
  return {
    x: () => {
      const turned = tf.transpose(input, order);
      const rows = left.reduce((size, i) => size * (input.shape[i] ?? 1), 1);
      const flat = tf.reshape<tf.Rank.R2>(turned, [rows, input.size / rows]);
      const after = tf.reverse(productBefore(tf.reverse(flat, 1)), 1);
      const others = tf.mul(tf.mul(productBefore(flat), after), tf.reshape(dy, [rows, 1]));
      return tf.transpose(
        tf.reshape(others, turned.shape),
        order.map((_, i) => order.indexOf(i)),
      );
    },
  };
};

/** Of `mirrorPad`: adds the gradients of the copies to that of the value, axis by axis. */
const mirrorPad: GradientFn = (dy, saved, attrs) => {
  const { shape } = saved('x');
  const edge = attrs['mode'] === 'reflect' ? 0 : 1;
  const folded = (grad: tf.Tensor, [before, after]: readonly [number, number], axis: number): tf.Tensor => {
    if (before + after === 0) return grad;
    const size = shape[axis] ?? 1;
    const sources = Int32Array.from({ length: before + size + after }, (_, i) => {
      const place = i - before;
      if (place < 0) return -place - edge;
      return place < size ? place : 2 * size - 2 - place + edge;
    });
    const order = [axis, ...shape.map((_, i) => i).filter((i) => i !== axis)];
    const sums = tf.unsortedSegmentSum(tf.transpose(grad, order), tf.tensor1d(sources), size);
    return tf.transpose(
      sums,
      order.map((_, i) => order.indexOf(i)),
    );
  };
  return { x: () => paddingsAttr(attrs, 'paddings').reduce(folded, dy) };
};

const maxPool: GradientFn = (dy, saved, attrs) => {
  const input = saved('x');
  return { x: () => maxPoolGrad(dy, input, saved('y'), stockPool(attrs, input.shape)) };
};

const avgPool: GradientFn = (dy, saved, attrs) => {
  const inputShape = saved('x').shape;
  return { x: () => avgPoolGrad(dy, { ...stockPool(attrs, inputShape), countPadding: false, inputShape }) };
};

const cumsum: GradientFn = (dy, _saved, { axis, exclusive, reverse }) => ({
  x: () => tf.cumsum(dy, typeof axis === 'number' ? axis : 0, exclusive === true, reverse !== true),
});

const floorDiv: GradientFn = (_dy, saved) => ({
  a: () => tf.zerosLike(saved('a')),
  b: () => tf.zerosLike(saved('b')),
});

/** a^b: b a^(b - 1), which is 0 for b = 0 whatever a is; and a^b log a, 0 where a is not above 0. */
const pow: GradientFn = (dy, saved) => {
  const [base, exponent] = [saved('a'), tf.cast(saved('b'), 'float32')];
  return {
    a: () => {
      const slope = tf.mul(exponent, tf.pow(base, tf.sub(exponent, 1)));
      const shape = tf.broadcast_util.assertAndGetBroadcastShape(base.shape, exponent.shape);
      const flat = tf.equal(tf.broadcastTo(exponent, shape), 0);
      return unbroadcast(tf.mul(dy, tf.where(flat, tf.zerosLike(slope), slope)), base.shape);
    },
    b: () => {
      const log = tf.where(tf.greater(base, 0), tf.log(base), tf.zerosLike(base));
      return unbroadcast(tf.mul(dy, tf.mul(saved('y'), log)), exponent.shape);
    },
  };
};

const resize =
  (nearest: boolean): GradientFn =>
  (dy, saved, { alignCorners, halfPixelCenters }) => ({
    images: () =>
      resizeGrad(rank4(dy), rank4(saved('images')), {
        nearest,
        alignCorners: alignCorners === true,
        halfPixelCenters: halfPixelCenters === true,
      }),
  });

interface Written {
  readonly gradient: GradientFn;
  readonly inputs: readonly string[];
  readonly saveOutput?: boolean;
}
const written: Readonly<Record<string, Written>> = {
  Max: { gradient: evenly('reductionIndices'), inputs: ['x'], saveOutput: true },
  Min: { gradient: evenly('axis'), inputs: ['x'], saveOutput: true },
  Maximum: { gradient: halves(tf.greater, tf.greaterEqual), inputs: ['a', 'b'] },
  Minimum: { gradient: halves(tf.less, tf.lessEqual), inputs: ['a', 'b'] },
  SquaredDifference: { gradient: squaredDifference, inputs: ['a', 'b'] },
  BatchMatMul: { gradient: matMul, inputs: ['a', 'b'] },
  Relu6: { gradient: relu6, inputs: ['x'] },
  ClipByValue: { gradient: clip, inputs: ['x'] },
  MaxPool: { gradient: maxPool, inputs: ['x'], saveOutput: true },
  AvgPool: { gradient: avgPool, inputs: ['x'] },
  Prod: { gradient: prod, inputs: ['x'] },
  MirrorPad: { gradient: mirrorPad, inputs: ['x'] },
  Cumsum: { gradient: cumsum, inputs: ['x'] },
  FloorDiv: { gradient: floorDiv, inputs: ['a', 'b'] },
  Pow: { gradient: pow, inputs: ['a', 'b'], saveOutput: true },
  ResizeBilinear: { gradient: resize(false), inputs: ['images'] },
  ResizeNearestNeighbor: { gradient: resize(true), inputs: ['images'] },
};

const configs: readonly tf.GradConfig[] = Object.entries(written).map(
  ([kernelName, { gradient, inputs, saveOutput = false }]) => ({
    kernelName,
    inputsToSave: [...inputs],
    outputsToSave: [saveOutput],
    gradFunc: (dy, saved, attrs) =>
      gradient(onlyOne(dy), byName(kernelName, [...inputs, 'y'], saved), { ...attrs }),
  }),
);

/** The tf kernels whose gradient is written here. */
export const writtenGradients: readonly string[] = Object.keys(written);

/** Replaces tf's gradients by those of this file. A second call does nothing. */
export function registerGradients(): void {
  for (const config of configs) if (tf.getGradient(config.kernelName) !== config) tf.registerGradient(config);
}
