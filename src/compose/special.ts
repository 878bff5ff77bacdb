/** @file Special layers that papers add to a net: sparse, gated, mirrored, interleaved, dropped. */
import { first, item } from '../access.ts';
import { MoonletError } from '../errors.ts';
import type { Activation, Padding } from '../graph/index.ts';
import { permutation, random } from '../random.ts';
import { around, convNormAct, depthwise } from './blocks.ts';
import { type Block, repeat, skip } from './flow.ts';
import type { ConvOptions, NormOptions } from './flow-options.ts';

/**
 * How often block i of n (from 0) is left out, when the last is left out at rate `last`: l / L * (1 - p_L), growing
 * linearly with depth (Huang et al. 2016, arXiv:1603.09382, equation 4).
 */
export const stochasticDepth = (last: number, i: number, n: number): number => (last * (i + 1)) / n;

/** `[relu(x), relu(-x)]`: both phases of a filter for the price of one; doubles channels (Shang et al. 2016, arXiv:1603.05201). */
export const concatRelu = (): Block => (x) =>
  x.relu().concat(x.pipe('mirror', (y) => y.act('negate').relu()));

export interface FireOptions {
  /** Between conv and relu; the paper's has biases and no norms. */
  readonly norm?: boolean;
}
/**
 * Squeeze to `squeeze` channels by a 1x1 conv, expand by a 1x1 and a 3x3 conv of `expand` channels each, side by side:
 * 2 expand channels (Iandola et al. 2016, arXiv:1602.07360, figure 1).
 */
export const fire = (squeeze: number, expand: number, { norm = false }: FireOptions = {}): Block => {
  const layer = (out: number, kernel: number): Block =>
    norm ? convNormAct(out, { kernel }) : (x) => x.conv(out, { kernel, bias: true }).relu();
  return (x) => {
    const y = x.pipe('squeeze', layer(squeeze, 1));
    return y.pipe('expand1x1', layer(expand, 1)).concat(y.pipe('expand3x3', layer(expand, 3)));
  };
};

export interface GhostOptions {
  /** s: one of so many channels is made by the full conv; 2 by default. */
  readonly ratio?: number;
  /** Of the full conv; 1 by default. */
  readonly kernel?: number;
  /** d: of the cheap filters; 3 by default. */
  readonly cheapKernel?: number;
  readonly act?: Activation | 'none';
}
/**
 * out / s channels by a conv, the others by filtering each of those on its own: their ghosts (Han et al. 2020,
 * arXiv:1911.11907, section 3.1).
 * @throws MoonletError when the ratio is no whole number of 2 or more.
 */
export const ghost =
  (out: number, { ratio = 2, kernel = 1, cheapKernel = 3, act = 'relu' }: GhostOptions = {}): Block =>
  (x) => {
    if (!Number.isInteger(ratio) || ratio < 2)
      throw new MoonletError(`ghost(${out}): ratio must be a whole number of 2 or more, got ${ratio}`);
    const y = x.pipe('primary', convNormAct(Math.ceil(out / ratio), { kernel, act }));
    const both = y.concat(y.pipe('cheap', depthwise({ kernel: cheapKernel, multiplier: ratio - 1, act })));
    return both.channels === out ? both : both.slice(0, out);
  };

export interface CollaborativeOptions {
  readonly stride?: number;
  readonly norm?: NormOptions;
}
/**
 * body(x) * relu(norm(1x1 conv of x)): where the cheap branch is zero the body need not be computed. A low-cost
 * collaborative layer (Dong et al. 2017, arXiv:1703.08651, section 3.1). The body is a conv alone; norm and activation come after the product.
 */
export const collaborative =
  (body: Block, { stride = 1, norm }: CollaborativeOptions = {}): Block =>
  (x) => {
    const y = body(x);
    return y.mul(
      x.pipe('cheap', convNormAct(y.channels, { kernel: 1, stride, act: 'relu', ...(norm ? { norm } : {}) })),
    );
  };

export interface ExpanderOptions extends Omit<ConvOptions, 'groups' | 'weightsOf'> {
  /** Which random connections; 1 by default. */
  readonly seed?: number;
}
/**
 * A k x k conv in which each output reads only `fanIn` inputs, chosen at random and then fixed: a sum of grouped convs
 * of shuffled channels, which is how random regular (expander) graphs are drawn: k k fanIn out weights (Prabhu et al.
 * 2018, arXiv:1711.08757, section 3.2).
 * @throws MoonletError when in, out and fanIn do not divide.
 */
export const expander =
  (out: number, fanIn: number, { seed = 1, ...conv }: ExpanderOptions = {}): Block =>
  (x) => {
    const least = x.channels / greatestDivisor(x.channels, out);
    if (!Number.isInteger(fanIn) || fanIn < 1 || fanIn > x.channels || fanIn % least) {
      throw new MoonletError(
        `expander(${x.channels} -> ${out}): fanIn must be a multiple of ${least} up to ${x.channels}, got ${fanIn}`,
      );
    }
    // a few draws regroup well enough; more only where groups would not divide
    const fits = (n: number): boolean =>
      [fanIn / n, (x.channels * n) / fanIn, (out * fanIn) / (x.channels * n)].every(Number.isInteger);
    let count = Math.min(4, fanIn / least);
    while (!fits(count)) count++;
    const groups = (x.channels * count) / fanIn;
    const draws = Array.from({ length: count }, (_, i) =>
      x.pipe(`draw${i}`, (y) => {
        const read = y.permute(shuffled(x.channels, seed, i, 'in')).conv(out, {
          kernel: 3,
          ...conv,
          groups,
          bias: i === 0 && (conv.bias ?? false),
        });
        // outputs of one group have read the same inputs: each draw groups others
        return out === groups ? read : read.permute(shuffled(out, seed, i, 'out'));
      }),
    );
    const [first, ...others] = draws;
    return others.length ? first!.add(...others) : first!;
  };

function greatestDivisor(a: number, b: number): number {
  return b ? greatestDivisor(b, a % b) : a;
}
const shuffled = (n: number, ...keys: readonly (string | number)[]): number[] => [
  ...permutation(n, random('expander', n, ...keys)),
];

export interface InterleavedOptions {
  readonly stride?: number;
  readonly kernel?: number;
  readonly norm?: NormOptions;
  readonly act?: Activation;
}
/**
 * Two group convs that complement each other: `partitions` spatial ones (L), then pointwise ones, each of which takes
 * one channel from every spatial group; k k C M + C L weights for C = L M channels (Zhang et al. 2017,
 * arXiv:1707.02725, section 3.1). Norm and activation follow the pair.
 */
export const interleaved =
  (
    out: number,
    partitions: number,
    { stride, kernel = 3, norm, act = 'relu' }: InterleavedOptions = {},
  ): Block =>
  (x) => {
    const half = (kernel - 1) >> 1;
    return x
      .pipe('primary', (y) =>
        y.conv(out, { kernel, stride: stride ?? 1, padding: [half, half, half, half], groups: partitions }),
      )
      .shuffle(partitions)
      .pipe('secondary', (y) => y.conv(out, { groups: out / partitions }))
      .shuffle(out / partitions)
      .norm(norm)
      .act(act);
  };

/** A conv of out * pieces channels of which the largest of each `pieces` stays (Goodfellow et al. 2013, arXiv:1302.4389). */
export const maxoutConv =
  (
    out: number,
    {
      pieces = 2,
      norm,
      ...conv
    }: ConvOptions & { readonly pieces?: number; readonly norm?: NormOptions | false } = {},
  ): Block =>
  (x) => {
    const y = x.conv(out * pieces, { kernel: 3, ...conv });
    return (norm ? y.norm(norm) : y).maxout(pieces);
  };

/**
 * A max pool that also takes the last window that does not fill: sizes are rounded up (ceil mode of Caffe and PyTorch),
 * with all padding at the bottom and right.
 */
export const maxPoolCeil =
  (size: number, stride: number): Block =>
  (x) => {
    const missing = (n: number): number => {
      const places = Math.ceil(Math.max(0, n - size) / stride);
      return Math.max(0, places * stride + size - n);
    };
    return x.maxPool({ size, stride, padding: [0, missing(x.shape[1]), missing(x.shape[0]), 0] });
  };

export interface ReparameterizedOptions {
  readonly kernel?: number;
  readonly stride?: number;
  readonly groups?: number;
  /** Parallel convs of the full kernel; 1 by default. */
  readonly branches?: number;
  /** A 1x1 conv beside a larger kernel; true by default. */
  readonly point?: boolean;
  /** The identity where shapes agree; true by default. */
  readonly identity?: boolean;
  /** Between the sum and the activation. */
  readonly attention?: Block;
  /** relu by default. */
  readonly act?: Activation | 'none';
  /** `train` has all branches, `deploy` the one conv that they fold into. */
  readonly form: 'train' | 'deploy';
}
/**
 * A conv that trains as a sum of branches, each a linear map with a norm: k x k convs, a 1x1 conv beside larger ones,
 * and the identity where shapes agree (Ding et al. 2021, arXiv:2101.03697, figure 2). An activation follows the sum.
 */
export const reparameterized =
  (out: number, o: ReparameterizedOptions): Block =>
  (x) => {
    const { kernel = 1, stride = 1, groups = 1, branches = 1, form } = o;
    const { point = true, identity = true, attention = skip, act = 'relu' } = o;
    const end: Block = (y) => {
      const z = y.pipe('attention', attention);
      return act === 'none' ? z : z.act(act);
    };
    const half = (kernel - 1) >> 1;
    const padding: Padding = stride > 1 && kernel > 1 ? [half, half, half, half] : 'same';
    const full = { kernel, stride, groups, padding };
    if (form === 'deploy') return end(x.conv(out, { ...full, bias: true }));
    const same = identity && stride === 1 && out === x.channels;
    const pointed = point && kernel > 1;
    if (branches === 1 && !pointed && !same) return end(x.conv(out, full).norm());
    const branchesOf = [
      ...repeat(branches, (i) => x.pipe(`branch${i}`, (y) => y.conv(out, full).norm())),
      ...(pointed ? [x.pipe('point', (y) => y.conv(out, { stride, groups }).norm())] : []),
      ...(same ? [x.pipe('identity', (y) => y.norm())] : []),
    ];
    return end(first(branchesOf).add(...branchesOf.slice(1)));
  };

export interface MixedConvOptions {
  readonly stride?: number;
  /** Each channel by itself, as many outputs as inputs. */
  readonly depthwise?: boolean;
  /** relu by default. */
  readonly act?: Activation | 'none';
}
/** Channels in equal parts; the first takes the rest. */
const divided = (channels: number, parts: number): readonly number[] => {
  const part = Math.floor(channels / parts);
  return repeat(parts, (i) => (i ? part : channels - part * (parts - 1)));
};
/**
 * A conv for each part of the channels, with a kernel size each, then one norm for all (Tan and Le 2019,
 * arXiv:1907.09595, section 3). With one kernel it is `convNormAct`.
 */
export const mixedConv =
  (out: number, kernels: readonly number[], o: MixedConvOptions = {}): Block =>
  (x) => {
    const { stride = 1, depthwise: filters = false, act = 'relu' } = o;
    if (kernels.length === 1)
      return convNormAct(out, { kernel: first(kernels), stride, act, groups: filters ? out : 1 })(x);
    const to = divided(out, kernels.length);
    let end = 0;
    const parts = divided(x.channels, kernels.length).map((n, i) => {
      const kernel = item(kernels, i);
      const padding = stride > 1 ? around(kernel) : 'same';
      end += n;
      const conv = { kernel, stride, groups: filters ? n : 1, padding };
      return x.slice(end - n, end).pipe(`part${i}`, (y) => y.conv(item(to, i), conv));
    });
    const y = first(parts)
      .concat(...parts.slice(1))
      .norm();
    return act === 'none' ? y : y.act(act);
  };

/**
 * To h x w: position i of the result is position floor(i * from / to) of the input, as PyTorch's `nearest` has it.
 * Upsampled by a whole factor, of which every n-th position stays.
 */
export const resizeNearest =
  (h: number, w: number): Block =>
  (x) => {
    const [rows, columns] = [h / greatestDivisor(h, x.shape[0]), w / greatestDivisor(w, x.shape[1])];
    const factor = (rows * columns) / greatestDivisor(rows, columns);
    const stride = [(x.shape[0] * factor) / h, (x.shape[1] * factor) / w] as const;
    const y = factor > 1 ? x.upsample(factor) : x;
    return stride.some((n) => n > 1) ? y.maxPool({ size: 1, stride, padding: 'valid' }) : y;
  };
