/**
 * @file Adaptive rounding: whether each weight is rounded down or up is optimized for the layer's outputs. Nagel et al. 2020,
 * arXiv:2004.10568 (AdaRound). With s the scale and e = s (floor(w / s) + h(v)) - w the errors of one output channel,
 *
 *   minimize over v:  sum of e' H e + lambda sum of (1 - |2 h(v) - 1|^beta)                        (equations 21 and 24)
 *   h(v) = clip(1.2 sigmoid(v) - 0.1, 0, 1)                                                        (equation 23)
 *
 * H are the covariances of the layer's inputs, so that the mean squared error over all examples is computed without running them; the
 * mean error is left to the bias. beta falls from 20 to 2, and the regularizer is off in the first fifth of the steps. Errors are in mean
 * steps and covariances in mean variances, so that lambda = 1 suits every layer: smaller values leave v between until the end, where plain
 * rounding loses what was gained.
 */
import * as tf from '@tensorflow/tfjs-core';
import { defined, item } from '../access.ts';
import type { Moments } from '../edit/quantize/index.ts';
import { type EngineOptions, type Prepared, prepare } from '../engine/index.ts';
import { type FloatWeight, levelsOf, type QuantizedWeight, withCodes } from '../weights/index.ts';

export interface AdaptiveOptions {
  readonly bits: number;
  /** [channels] or [1]. */
  readonly scales: Float32Array;
  /** Steps of Adam; 1,000 by default. */
  readonly steps?: number;
}

/** Steps in one run of the engine. */
const perRun = 20;
const [low, width] = [-0.1, 1.2];
/** Adam: the rate of the paper's code for v, and the usual decays. */
const [rate, decay1, decay2] = [0.01, 0.9, 0.999];

/**
 * The kernel [.., inputs, channels] on codes. `moments` has one entry for each group.
 *
 * @throws MoonletError when the engine cannot run.
 */
export async function roundAdaptively(
  { shape, data }: FloatWeight,
  moments: readonly Moments[],
  { bits, scales, steps = 1000 }: AdaptiveOptions,
  engine: EngineOptions = {},
): Promise<QuantizedWeight> {
  const channels = item(shape, -1);
  const [groups, rows, each] = [moments.length, data.length / channels, channels / moments.length];
  const top = levelsOf(bits);
  const size = groups * rows * each;
  const [floors, rests, step] = [0, 1, 2].map(() => new Float32Array(size)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const place = (p: number): number => {
    const [row, c] = [Math.floor(p / channels), p % channels];
    return (Math.floor(c / each) * rows + row) * each + (c % each);
  };
  for (const [p, w] of data.entries()) {
    const s = scales[(p % channels) % scales.length]!;
    const at = place(p);
    floors[at] = Math.max(-top, Math.min(top - 1, Math.floor(w / s)));
    rests[at] = w / s - floors[at]!; // beyond 0 to 1 where codes clip
    step[at] = s;
  }
  const v = await optimized(hessians(moments, rows), { groups, rows, each, rests, step, steps }, engine);
  const codes = Int8Array.from(data, (_, p) => floors[place(p)]! + (v[place(p)]! >= 0 ? 1 : 0));
  return withCodes(shape, bits, codes, scales);
}

/** The covariances of all groups, [groups, rows, rows], divided by their mean diagonal, with a small ridge. */
function hessians(moments: readonly Moments[], rows: number): Float32Array {
  const all = new Float32Array(moments.length * rows * rows);
  let trace = 0;
  for (const [g, { covariance }] of moments.entries()) {
    all.set(covariance, g * rows * rows);
    for (let i = 0; i < rows; i++) trace += covariance[i * rows + i]!;
  }
  const mean = trace / (moments.length * rows) || 1;
  for (let p = 0; p < all.length; p++) all[p]! /= mean;
  for (let g = 0; g < moments.length; g++)
    for (let i = 0; i < rows; i++) all[(g * rows + i) * rows + i]! += 0.01;
  return all;
}

interface Problem {
  readonly groups: number;
  readonly rows: number;
  readonly each: number;
  /** w / s - floor(w / s), and s, of each weight: [groups, rows, each]. */
  readonly rests: Float32Array;
  readonly step: Float32Array;
  readonly steps: number;
}

/** v after all steps: above 0 where a weight is rounded up. */
async function optimized(
  h: Float32Array,
  { groups, rows, each, rests, step, steps }: Problem,
  engine: EngineOptions,
): Promise<Float32Array> {
  const shape = [groups, rows, each];
  const spec = { shape };
  // errors in units of the mean step, so that lambda means the same in every layer
  const unit = step.reduce((sum, s) => sum + s, 0) / step.length;
  const relative = step.map((s) => s / unit);
  const ready = await prepare(
    (state, inputs) => {
      const at = (name: string, from: Readonly<Record<string, tf.Tensor>>): tf.Tensor =>
        defined(from[name], name);
      const [hessian, rest, s] = [at('h', inputs), at('rests', inputs), at('step', inputs)];
      const [lambda, beta] = [at('lambda', inputs), at('beta', inputs)];
      let [now, mean, square] = [at('v', state), at('mean', state), at('square', state)];
      for (let i = 0; i < perRun; i++) {
        const gate = tf.sigmoid(now);
        const stretched = tf.add(tf.mul(gate, width), low);
        const soft = tf.clipByValue(stretched, 0, 1);
        const inside = tf.cast(tf.logicalAnd(tf.greater(stretched, 0), tf.less(stretched, 1)), 'float32');
        const slope = tf.mul(tf.mul(tf.mul(gate, tf.sub(1, gate)), width), inside);
        const error = tf.mul(tf.sub(soft, rest), s);
        const data = tf.mul(tf.mul(tf.matMul(hessian, error), s), 2);
        const signed = tf.sub(tf.mul(soft, 2), 1);
        const far = tf.pow(tf.maximum(tf.abs(signed), 1e-6), tf.sub(beta, 1));
        const pull = tf.mul(tf.mul(tf.mul(tf.sign(signed), far), beta), tf.mul(lambda, -2));
        const gradient = tf.mul(tf.add(data, pull), slope);
        mean = tf.add(tf.mul(mean, decay1), tf.mul(gradient, 1 - decay1));
        square = tf.add(tf.mul(square, decay2), tf.mul(tf.square(gradient), 1 - decay2));
        now = tf.sub(now, tf.div(tf.mul(mean, rate), tf.add(tf.sqrt(square), 1e-8)));
      }
      return { state: { v: now, mean, square }, outputs: {} };
    },
    {
      state: { v: spec, mean: spec, square: spec },
      inputs: {
        h: { shape: [groups, rows, rows] },
        rests: spec,
        step: spec,
        lambda: { shape: [] },
        beta: { shape: [] },
      },
    },
    engine,
  );
  try {
    // h(v) = rest at the start
    const first = rests.map((r) => {
      const p = Math.min(0.999, Math.max(0.001, (r - low) / width));
      return Math.log(p / (1 - p));
    });
    let state: Parameters<Prepared['run']>[0] = {
      v: first,
      mean: new Float32Array(first.length),
      square: new Float32Array(first.length),
    };
    const runs = Math.ceil(steps / perRun);
    for (let run = 0; run < runs; run++) {
      const share = run / runs;
      const isWarm = share >= 0.2;
      const beta = 2 + 9 * (1 + Math.cos((Math.PI * Math.max(0, share - 0.2)) / 0.8));
      const numbers = { lambda: Float32Array.of(isWarm ? 1 : 0), beta: Float32Array.of(beta) };
      ({ state } = await ready.run(state, { h, rests, step: relative, ...numbers }));
    }
    return Float32Array.from(defined(state['v'], 'v'));
  } finally {
    await ready.release();
  }
}
