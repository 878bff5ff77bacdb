/** @file The meaning in tensors of norms over channels, transposed convs and pixel shuffles. */
import * as tf from '@tensorflow/tfjs-core';
import { defined, first } from '../../access.ts';
import {
  type ConvTranspose,
  channelsOf,
  type GroupNorm,
  type Pad,
  type Positions,
  positionFeatures,
  type Slot,
  slideBack,
} from '../../graph/index.ts';
import { convInputGrad } from '../../kernels/index.ts';
import { tensor4D } from './ranks.ts';

interface Weighted {
  weight(slot: Slot): tf.Tensor | undefined;
}

/** A function of one tensor with a gradient of its own. */
export function withGradient(
  x: tf.Tensor,
  f: (
    t: tf.Tensor,
    save: tf.GradSaveFunc,
  ) => { value: tf.Tensor; gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor },
): tf.Tensor {
  const run = tf.customGrad((t, save) => {
    if (!(t instanceof tf.Tensor) || typeof save !== 'function') throw new Error('internal: no tensor');
    return f(t, save);
  });
  return run(x);
}

/** gamma x + beta, of those of the two that there are. */
export function affine(x: tf.Tensor, at: Weighted): tf.Tensor {
  const [gamma, beta] = [at.weight('gamma'), at.weight('beta')];
  const scaled = gamma ? tf.mul(x, gamma) : x;
  return beta ? tf.add(scaled, beta) : scaled;
}

/** x + P K + b, where the second part is one map for the whole batch. */
export function addPositions(x: tf.Tensor4D, op: Positions, at: Weighted): tf.Tensor {
  const [, h, w, c] = x.shape;
  const map = tf.tensor2d(positionFeatures(op, [h, w]), [h * w, op.features]);
  const projected = tf.add(
    tf.matMul(map, defined(at.weight('kernel'), 'kernel')),
    defined(at.weight('bias'), 'bias'),
  );
  return tf.add(x, tf.reshape(projected, [1, h, w, c]));
}

/** Over the channels of each group at all places; x is a map or a vector of a batch. */
export function groupStandardized(x: tf.Tensor, { groups, eps }: GroupNorm): tf.Tensor {
  const [n, c] = [first(x.shape), channelsOf(x.shape)];
  if (groups === 1) return standardized(x, eps, [...x.shape.keys()].slice(1));
  const cells = tf.reshape(x, [n, -1, groups, c / groups]);
  return tf.reshape(standardized(cells, eps, [1, 3]), x.shape);
}

/**
 * (x - mean) / sqrt(variance + eps) over these axes, by default the last. With h the result and s = 1 / sqrt(variance + eps), the gradient is
 * s (dy - mean dy - h mean(dy h)); it is a function of x, so that gradients of gradients are right too.
 */
export function standardized(x: tf.Tensor, eps: number, axes: readonly number[] = [-1]): tf.Tensor {
  const mean = (t: tf.Tensor): tf.Tensor => tf.mean(t, [...axes], true);
  const parts = (t: tf.Tensor): { hat: tf.Tensor; inverse: tf.Tensor } => {
    const centred = tf.sub(t, mean(t));
    const inverse = tf.rsqrt(tf.add(mean(tf.square(centred)), eps));
    return { hat: tf.mul(centred, inverse), inverse };
  };
  return withGradient(x, (t, save) => {
    save([t]);
    return {
      value: parts(t).hat,
      gradFunc: (dy, saved) => {
        const { hat, inverse } = parts(first(saved));
        const along = tf.mul(hat, mean(tf.mul(dy, hat)));
        return tf.mul(inverse, tf.sub(tf.sub(dy, mean(dy)), along));
      },
    };
  });
}

/** x (1 + gamma n) + beta with n = |x| / (mean of |x| over channels + eps), |x| the Euclidean norm of a channel's map. */
export function responseNorm(x: tf.Tensor4D, eps: number, at: Weighted): tf.Tensor {
  const norms = channelNorms(x);
  const shares = tf.div(norms, tf.add(tf.mean(norms, -1, true), eps));
  const factors = tf.add(tf.mul(shares, defined(at.weight('gamma'), 'gamma')), 1);
  return tf.add(tf.mul(x, factors), defined(at.weight('beta'), 'beta'));
}

/** The Euclidean norm of each channel, [b, 1, 1, c], with gradient 0 where it is 0, as in PyTorch. */
const channelNorms = (x: tf.Tensor4D): tf.Tensor => {
  const norms = (t: tf.Tensor): tf.Tensor => tf.sqrt(tf.sum(tf.square(t), [1, 2], true));
  return withGradient(x, (t, save) => {
    save([t]);
    return {
      value: norms(t),
      gradFunc: (dy, saved) => {
        const values = first(saved);
        // the least positive float32 that has an inverse changes no other norm
        return tf.mul(values, tf.div(dy, tf.maximum(norms(values), 1.2e-38)));
      },
    };
  });
};

/** The gradient of the input of the conv from [h', w', out] to x, of whose kernel ours is the transpose, group by group. */
export function transposedConv(x: tf.Tensor4D, kernel: tf.Tensor4D, op: ConvTranspose): tf.Tensor4D {
  const { stride, dilation, groups } = op;
  const [kh, kw, reads, out] = kernel.shape;
  const cells = tf.reshape(kernel, [kh, kw, reads, groups, out / groups]);
  const turned = tf.reshape<tf.Rank.R4>(tf.transpose(cells, [0, 1, 4, 3, 2]), [
    kh,
    kw,
    out / groups,
    groups * reads,
  ]);
  const { size, pads } = slideBack(x.shape.slice(1), op);
  return convInputGrad(x, turned, { stride, dilation, pads, groups }, [x.shape[0], ...size, out]);
}

/** [b, h, w, c f f] -> [b, h f, w f, c]. */
export function pixelShuffle(x: tf.Tensor4D, f: number): tf.Tensor4D {
  const [b, h, w, channels] = x.shape;
  const c = channels / f ** 2;
  const cells = tf.reshape(x, [b, h, w, c, f, f]);
  return tensor4D(tf.reshape(tf.transpose(cells, [0, 1, 4, 2, 5, 3]), [b, h * f, w * f, c]));
}

/** Zeros at the sides; negative numbers cut. */
export function padded(x: tf.Tensor4D, [top, right, bottom, left]: Pad['pads']): tf.Tensor {
  const [n, h, w, c] = x.shape;
  const cut = (side: number): number => Math.max(0, -side);
  const more = (side: number): number => Math.max(0, side);
  const from: [number, number, number, number] = [0, cut(top), cut(left), 0];
  const size: [number, number, number, number] = [
    n,
    h - cut(top) - cut(bottom),
    w - cut(left) - cut(right),
    c,
  ];
  const rest = size[1] < h || size[2] < w ? tf.slice(x, from, size) : x;
  const none: [number, number] = [0, 0];
  return Math.max(top, right, bottom, left) > 0
    ? tf.pad(rest, [none, [more(top), more(bottom)], [more(left), more(right)], none])
    : rest;
}
