/**
 * @file The meaning of each op in tensors, batch first and channels last: one definition, shared by eager, traced and
 * tf.layers runs.
 */
import * as tf from '@tensorflow/tfjs-core';
import { match } from 'ts-pattern';
import { defined, first, pairOf } from '../../access.ts';
import type { Activation, Norm, Op, Padding, Pair, Quantize, Slot } from '../../graph/index.ts';
import { channelsOf, codeRange, shiftTap, slide } from '../../graph/index.ts';
import { avgPool, batchNorm, conv, maxPool, upsampleBilinear } from '../../kernels/index.ts';
import {
  addPositions,
  affine,
  groupStandardized,
  padded,
  pixelShuffle,
  responseNorm,
  standardized,
  transposedConv,
  withGradient,
} from './apply-more.ts';
import { attend } from './attend.ts';
import type { LayerCodes } from './codes.ts';
import { tensor1D, tensor4D } from './ranks.ts';

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
  /** For a rounding: the codes of its input before clipping, where they are computed as whole numbers. */
  readonly inCodes?: tf.Tensor | undefined;
}

const one: Pair = [1, 1];

/** The value of an op. @throws Error of tf when shapes disagree, which `check` rules out. */
export function apply(op: Op, ins: readonly tf.Tensor[], at: Surroundings): tf.Tensor {
  const x = first(ins);
  return match(op)
    .returnType<tf.Tensor>()
    .with({ kind: 'input' }, () => x)
    .with({ kind: 'conv' }, ({ kernel, stride, dilation, padding, groups }) => {
      const pads = padsOf(x, kernel, stride, dilation, padding);
      return linear(x, at, (values, weights) =>
        conv(tensor4D(values), tensor4D(weights), { stride, dilation, pads, groups }),
      );
    })
    .with({ kind: 'dense' }, () => linear(x, at, (values, weights) => tf.matMul(values, weights)))
    .with({ kind: 'norm' }, (norm) =>
      at.codes && !at.training ? scaledCodes(x, at.codes, at) : normalize(x, norm, at),
    )
    .with({ kind: 'convTranspose' }, (op) => {
      const y = transposedConv(tensor4D(x), tensor4D(defined(at.weight('kernel'), 'kernel')), op);
      const bias = at.weight('bias');
      return bias ? tf.add(y, bias) : y;
    })
    .with({ kind: 'layerNorm' }, ({ eps }) => affine(standardized(x, eps), at))
    .with({ kind: 'groupNorm' }, (op) => affine(groupStandardized(x, op), at))
    .with({ kind: 'responseNorm' }, ({ eps }) => responseNorm(tensor4D(x), eps, at))
    .with({ kind: 'attention' }, (op) => attend(op, ins, at))
    .with({ kind: 'positions' }, (op) => addPositions(tensor4D(x), op, at))
    .with({ kind: 'scale' }, () => tf.mul(x, defined(at.weight('gamma'), 'gamma')))
    .with({ kind: 'act' }, ({ fn }) => activate(x, fn))
    .with({ kind: 'pool' }, ({ fn, size, stride, padding }) => {
      const geometry = { size, stride, pads: padsOf(x, size, stride, one, padding) };
      return fn === 'max' ? maxPool(tensor4D(x), geometry) : avgPool(tensor4D(x), geometry);
    })
    .with({ kind: 'pad' }, ({ pads }) => padded(tensor4D(x), pads))
    .with({ kind: 'globalPool' }, ({ fn }) => (fn === 'avg' ? tf.mean(x, [1, 2]) : tf.max(x, [1, 2])))
    .with({ kind: 'add' }, () => ins.slice(1).reduce((sum, y) => tf.add(sum, y), x))
    .with({ kind: 'mul' }, () => ins.slice(1).reduce((product, y) => tf.mul(product, asGate(y, product)), x))
    .with({ kind: 'concat' }, () => tf.concat([...ins], x.rank - 1))
    .with({ kind: 'slice' }, ({ from, to }) => {
      const lead = x.shape.slice(0, -1);
      return tf.slice(x, [...lead.map(() => 0), from], [...lead, to - from]);
    })
    .with({ kind: 'shuffle' }, ({ groups }) => {
      const c = channelsOf(x.shape);
      const lead = x.shape.slice(0, -1);
      const cells = tf.reshape(x, [...lead, groups, c / groups]);
      const order = [...lead.keys(), lead.length + 1, lead.length];
      return tf.reshape(tf.transpose(cells, order), x.shape);
    })
    .with({ kind: 'permute' }, ({ order }) => permute(x, order))
    .with({ kind: 'flatten' }, () => tf.reshape(x, [first(x.shape), -1]))
    .with({ kind: 'maxout' }, ({ pieces }) => {
      const units = channelsOf(x.shape) / pieces;
      return tf.max(tf.reshape(x, [...x.shape.slice(0, -1), units, pieces]), x.rank);
    })
    .with({ kind: 'shift' }, ({ kernel }) => shift(tensor4D(x), kernel))
    .with({ kind: 'pixelShuffle' }, ({ factor }) => pixelShuffle(tensor4D(x), factor))
    .with({ kind: 'resize' }, ({ size, fn, align }) => {
      const [map, to] = [tensor4D(x), [size[0], size[1]] satisfies [number, number]];
      return fn === 'nearest'
        ? tf.image.resizeNearestNeighbor(map, to, false, align === 'centres')
        : tf.image.resizeBilinear(map, to, align === 'corners', align === 'centres');
    })
    .with({ kind: 'upsample' }, ({ factor, fn }) => {
      const map = tensor4D(x);
      const [, h, w] = map.shape;
      return fn === 'nearest'
        ? tf.image.resizeNearestNeighbor(map, [h * factor, w * factor], false, true)
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
  slide(x.shape.slice(1), { kernel, stride, dilation, padding }).pads;

/** x W + b. Of an integer layer (x / s W' + b / t) t, with W' the kernel's codes and t its steps. */
function linear(
  x: tf.Tensor,
  at: Surroundings,
  product: (values: tf.Tensor, weights: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  const bias = at.weight('bias');
  if (!at.codes || at.training) {
    const y = product(x, defined(at.weight('kernel'), 'kernel'));
    return bias ? tf.add(y, bias) : y;
  }
  const { input, kernel, steps } = at.codes;
  const products = product(tf.round(tf.div(x, input)), kernel);
  const sum = bias ? tf.add(products, tf.round(tf.div(bias, steps))) : products;
  at.summed?.(sum, steps);
  return tf.mul(sum, steps);
}

/** A norm of rounded values, as the file of a quantized net has it. */
function scaledCodes(
  x: tf.Tensor,
  { input, kernel, steps, offsets }: LayerCodes,
  at: Surroundings,
): tf.Tensor {
  const products = tf.mul(tf.round(tf.div(x, input)), kernel);
  const sum = offsets ? tf.add(products, offsets) : products;
  at.summed?.(sum, steps);
  return tf.mul(sum, steps);
}

/** A gate [b, c] as [b, 1, 1, c], which tf repeats at every position of a map [b, h, w, c]. */
function asGate(gate: tf.Tensor, over: tf.Tensor): tf.Tensor {
  if (gate.rank === over.rank) return gate;
  const [b, c] = pairOf(gate.shape);
  return tf.reshape(gate, [b, 1, 1, c]);
}

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
    case 'gelu': // x Phi(x), Hendrycks and Gimpel 2016, arXiv:1606.08415; in the order that onnxruntime fuses into one op
      return tf.mul(tf.mul(x, tf.add(tf.erf(tf.div(x, Math.SQRT2)), 1)), 0.5);
    case 'geluTanh': {
      // the same, section 2
      const cube = tf.mul(tf.mul(x, x), x);
      const inner = tf.mul(tf.add(x, tf.mul(cube, 0.044715)), Math.sqrt(2 / Math.PI));
      return tf.mul(tf.mul(x, tf.add(tf.tanh(inner), 1)), 0.5);
    }
    case 'softmax':
      return tf.softmax(x);
    case 'negate':
      return tf.neg(x);
  }
}

/** Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1; the running variance is the biased one, as in tf.layers. */
function normalize(x: tf.Tensor, { eps, momentum }: Norm, at: Surroundings): tf.Tensor {
  const vector = (slot: Slot): tf.Tensor1D | undefined => {
    const weight = at.weight(slot);
    return weight && tensor1D(weight);
  };
  const [gamma, beta] = [vector('gamma'), vector('beta')];
  const [mean, variance] = [defined(vector('mean'), 'mean'), defined(vector('variance'), 'variance')];
  if (!at.training) return tf.batchNorm(x, mean, variance, beta, gamma, eps);
  const batch = batchNorm(x, gamma, beta, eps);
  const blend = (old: tf.Tensor, now: tf.Tensor): tf.Tensor =>
    tf.add(tf.mul(old, momentum), tf.mul(now, 1 - momentum));
  at.keep('mean', blend(mean, batch.mean));
  at.keep('variance', blend(variance, batch.variance));
  return batch.y;
}

/** Inverted dropout: values that are kept are scaled up, so that inference is the identity. */
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
  return withGradient(x, (t, save) => {
    save([t]);
    const clipped = tf.clipByValue(code(t), low, high);
    return {
      value: tf.mul(tf.sub(clipped, op.zero), op.scale),
      gradFunc: (dy, saved) => {
        const codes = code(first(saved));
        const inside = tf.logicalAnd(tf.greaterEqual(codes, low), tf.lessEqual(codes, high));
        return tf.mul(dy, tf.cast(inside, 'float32'));
      },
    };
  });
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
  return withGradient(x, (t) => ({ value: take(t, order), gradFunc: (dy) => take(dy, inverse) }));
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
