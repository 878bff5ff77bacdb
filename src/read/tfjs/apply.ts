/** @file What each op means in tensors, batch first and channels last: the one definition that eager, traced and tf.layers runs share. */
import * as tf from '@tensorflow/tfjs-core';
import { match } from 'ts-pattern';
import type { Activation, Norm, Op, Padding, Pair, Quantize, Slot } from '../../graph/index.ts';
import { channelsOf, codeRange, shiftTap, slide } from '../../graph/index.ts';
import { avgPool, batchNorm, conv, maxPool, upsampleBilinear } from '../../kernels/index.ts';
import type { LayerCodes } from './codes.ts';

/** What an op needs to know beyond its inputs. */
export interface Surroundings {
  /** Batch statistics in norms, and dropout at work. */
  readonly training: boolean;
  weight(slot: Slot): tf.Tensor | undefined;
  /** Uniform noise in [0, 1), fresh at every step; called in training only. */
  noise(shape: readonly number[]): tf.Tensor;
  /** A norm's new running statistics; called in training only. */
  keep(slot: 'mean' | 'variance', value: tf.Tensor): void;
  /** Of an integer layer in inference: what it multiplies. */
  readonly codes?: LayerCodes | undefined;
  /** Takes an integer layer's sums of products of codes, and their steps. */
  readonly summed?: (sum: tf.Tensor, steps: tf.Tensor) => void;
  /** For a rounding: the codes of what it reads, not clipped, where they are made in whole numbers. */
  readonly inCodes?: tf.Tensor | undefined;
}

const spread = (shape: readonly number[]): number[] => [...shape];
const one: Pair = [1, 1];

/** The value of an op. @throws Error of tf when shapes disagree, which `check` rules out. */
export function apply(op: Op, ins: readonly tf.Tensor[], at: Surroundings): tf.Tensor {
  const x = ins[0] as tf.Tensor;
  return match(op)
    .returnType<tf.Tensor>()
    .with({ kind: 'input' }, () => x)
    .with({ kind: 'conv' }, ({ kernel, stride, dilation, padding, groups }) => {
      const pads = padsOf(x, kernel, stride, dilation, padding);
      return linear(x, at, (values, weights) =>
        conv(values as tf.Tensor4D, weights as tf.Tensor4D, { stride, dilation, pads, groups }),
      );
    })
    .with({ kind: 'dense' }, () =>
      linear(x, at, (values, weights) => tf.matMul(values as tf.Tensor2D, weights as tf.Tensor2D)),
    )
    .with({ kind: 'norm' }, (norm) => normalize(x, norm, at))
    .with({ kind: 'act' }, ({ fn }) => activate(x, fn))
    .with({ kind: 'pool' }, ({ fn, size, stride, padding }) => {
      const geometry = { size, stride, pads: padsOf(x, size, stride, one, padding) };
      return fn === 'max' ? maxPool(x as tf.Tensor4D, geometry) : avgPool(x as tf.Tensor4D, geometry);
    })
    .with({ kind: 'globalPool' }, ({ fn }) => (fn === 'avg' ? tf.mean(x, [1, 2]) : tf.max(x, [1, 2])))
    .with({ kind: 'add' }, () => ins.slice(1).reduce((sum, y) => tf.add(sum, y), x))
    .with({ kind: 'mul' }, () => ins.slice(1).reduce((product, y) => tf.mul(product, asGate(y, product)), x))
    .with({ kind: 'concat' }, () => tf.concat([...ins], x.rank - 1))
    .with({ kind: 'slice' }, ({ from, to }) => {
      const begin = x.shape.map(() => 0);
      const size = spread(x.shape);
      begin[x.rank - 1] = from;
      size[x.rank - 1] = to - from;
      return tf.slice(x, begin, size);
    })
    .with({ kind: 'shuffle' }, ({ groups }) => {
      const c = channelsOf(x.shape as unknown as readonly [number]);
      const lead = x.shape.slice(0, -1);
      const cells = tf.reshape(x, [...lead, groups, c / groups]);
      const order = [...lead.keys(), lead.length + 1, lead.length];
      return tf.reshape(tf.transpose(cells, order), x.shape);
    })
    .with({ kind: 'permute' }, ({ order }) => permute(x, order))
    .with({ kind: 'flatten' }, () => tf.reshape(x, [x.shape[0] as number, -1]))
    .with({ kind: 'maxout' }, ({ pieces }) => {
      const units = (x.shape[x.rank - 1] as number) / pieces;
      return tf.max(tf.reshape(x, [...x.shape.slice(0, -1), units, pieces]), x.rank);
    })
    .with({ kind: 'shift' }, ({ kernel }) => shift(x as tf.Tensor4D, kernel))
    .with({ kind: 'upsample' }, ({ factor, fn }) => {
      const size: [number, number] = [(x.shape[1] as number) * factor, (x.shape[2] as number) * factor];
      const map = x as tf.Tensor4D;
      return fn === 'nearest'
        ? tf.image.resizeNearestNeighbor(map, size, false, true)
        : upsampleBilinear(map, factor);
    })
    .with({ kind: 'quantize' }, (op) => (at.inCodes ? onSteps(at.inCodes, op) : quantize(x, op)))
    .with({ kind: 'dropout' }, ({ rate }) => drop(x, rate, x.shape, at))
    .with({ kind: 'dropPath' }, ({ rate }) =>
      drop(
        x,
        rate,
        x.shape.map((n, i) => (i ? 1 : n)),
        at,
      ),
    )
    .exhaustive();
}

const padsOf = (x: tf.Tensor, kernel: Pair, stride: Pair, dilation: Pair, padding: Padding) =>
  slide([x.shape[1] as number, x.shape[2] as number], { kernel, stride, dilation, padding }).pads;

/** x W + b. Of an integer layer (x / s W' + b / t) t, with W' the kernel's codes and t its steps. */
function linear(
  x: tf.Tensor,
  at: Surroundings,
  product: (values: tf.Tensor, weights: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  const bias = at.weight('bias');
  if (!at.codes || at.training) {
    const y = product(x, at.weight('kernel') as tf.Tensor);
    return bias ? tf.add(y, bias) : y;
  }
  const { input, kernel, steps } = at.codes;
  const products = product(tf.round(tf.div(x, input)), kernel);
  const sum = bias ? tf.add(products, tf.round(tf.div(bias, steps))) : products;
  at.summed?.(sum, steps);
  return tf.mul(sum, steps);
}

/** A gate [b, c] over a map [b, h, w, c] stands at every place. */
const asGate = (gate: tf.Tensor, over: tf.Tensor): tf.Tensor =>
  gate.rank === over.rank ? gate : tf.reshape(gate, [gate.shape[0] as number, 1, 1, gate.shape[1] as number]);

export function activate(x: tf.Tensor, fn: Activation): tf.Tensor {
  const hardSigmoid = (): tf.Tensor => tf.div(tf.relu6(tf.add(x, 3)), 6);
  switch (fn) {
    case 'relu':
      return tf.relu(x);
    case 'relu6':
      return tf.relu6(x);
    case 'hardSigmoid':
      return hardSigmoid();
    case 'hardSwish':
      return tf.mul(x, hardSigmoid());
    case 'sigmoid':
      return tf.sigmoid(x);
    case 'swish':
      return tf.mul(x, tf.sigmoid(x));
    case 'tanh':
      return tf.tanh(x);
    case 'gelu': // x Phi(x), Hendrycks and Gimpel 2016, arXiv:1606.08415
      return tf.mul(x, tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5));
    case 'softmax':
      return tf.softmax(x);
    case 'negate':
      return tf.neg(x);
  }
}

/** Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1; the running variance is the biased one, as in tf.layers. */
function normalize(x: tf.Tensor, { eps, momentum }: Norm, at: Surroundings): tf.Tensor {
  const gamma = at.weight('gamma') as tf.Tensor1D | undefined;
  const beta = at.weight('beta') as tf.Tensor1D | undefined;
  const mean = at.weight('mean') as tf.Tensor1D;
  const variance = at.weight('variance') as tf.Tensor1D;
  if (!at.training) return tf.batchNorm(x as tf.Tensor4D, mean, variance, beta, gamma, eps);
  const batch = batchNorm(x, gamma, beta, eps);
  const blend = (old: tf.Tensor, now: tf.Tensor): tf.Tensor =>
    tf.add(tf.mul(old, momentum), tf.mul(now, 1 - momentum));
  at.keep('mean', blend(mean, batch.mean));
  at.keep('variance', blend(variance, batch.variance));
  return batch.y;
}

/** Inverted dropout: what stays is scaled up, so that inference does nothing. */
function drop(x: tf.Tensor, rate: number, shape: readonly number[], at: Surroundings): tf.Tensor {
  if (!at.training || rate === 0) return x;
  const stays = tf.cast(tf.greaterEqual(at.noise(shape), rate), 'float32');
  return tf.mul(x, tf.mul(stays, 1 / (1 - rate)));
}

/** Codes, clipped to their range, as values. */
function onSteps(codes: tf.Tensor, op: Quantize): tf.Tensor {
  const [low, high] = codeRange(op);
  return tf.mul(tf.sub(tf.clipByValue(codes, low, high), op.zero), op.scale);
}

/**
 * Rounding, with the straight-through gradient: that of the identity within the range, zero where it clips (Jacob et al.
 * 2017, arXiv:1712.05877, section 3; Bengio et al. 2013, arXiv:1308.3432).
 */
function quantize(x: tf.Tensor, op: Quantize): tf.Tensor {
  const [low, high] = codeRange(op);
  const code = (t: tf.Tensor): tf.Tensor => tf.add(tf.round(tf.div(t, op.scale)), op.zero);
  const run = tf.customGrad((t, save) => {
    (save as (tensors: tf.Tensor[]) => void)([t as tf.Tensor]);
    const clipped = tf.clipByValue(code(t as tf.Tensor), low, high);
    return {
      value: tf.mul(tf.sub(clipped, op.zero), op.scale),
      gradFunc: (dy: tf.Tensor, [seen]: tf.Tensor[]) => {
        const codes = code(seen as tf.Tensor);
        const inside = tf.logicalAnd(tf.greaterEqual(codes, low), tf.lessEqual(codes, high));
        return tf.mul(dy, tf.cast(inside, 'float32'));
      },
    };
  });
  return run(x);
}

/** Channel j of the result is order[j] of x. The gradient is the inverse order, which tf's gather does not know. */
function permute(x: tf.Tensor, order: readonly number[]): tf.Tensor {
  const axis = x.rank - 1;
  const inverse = new Array<number>(order.length);
  order.forEach((from, to) => {
    inverse[from] = to;
  });
  const take = (t: tf.Tensor, by: readonly number[]): tf.Tensor =>
    tf.gather(t, tf.tensor1d([...by], 'int32'), axis);
  const run = tf.customGrad((t) => ({
    value: take(t as tf.Tensor, order),
    gradFunc: (dy: tf.Tensor) => take(dy, inverse),
  }));
  return run(x);
}

/**
 * Each of kernel^2 equal groups of channels moves by its own offset, zeros flow in; channels left over stay
 * (Wu et al. 2017, arXiv:1711.08141). Written as a depthwise conv whose filters are single ones.
 */
function shift(x: tf.Tensor4D, kernel: number): tf.Tensor {
  const c = x.shape[3];
  const taps = new Float32Array(kernel * kernel * c);
  for (let channel = 0; channel < c; channel++) taps[shiftTap(channel, c, kernel) * c + channel] = 1;
  const side = (kernel - 1) / 2;
  const pads = { top: side, bottom: side, left: side, right: side };
  return conv(x, tf.tensor4d(taps, [kernel, kernel, 1, c]), { stride: one, dilation: one, pads, groups: c });
}
