/** @file The common compact blocks, as plain functions from Flow to Flow. */
import type { Activation, Padding } from '../graph/index.ts';
import { type Block, skip } from './flow.ts';
import { type ConvOptions, type NormOptions, pairOf, type Size } from './flow-options.ts';

/** As many zeros before as after, (k - 1) / 2 of them: how nets of PyTorch descent pad. */
export function around(kernel: Size, dilation: Size = 1): Padding {
  const half = (i: 0 | 1): number => (pairOf(dilation)[i] * (pairOf(kernel)[i] - 1)) >> 1;
  return [half(0), half(1), half(0), half(1)];
}
/** `around` where it differs from 'same', which is where the stride is not 1. */
const symmetric = (o: ConvOptions): { padding: Padding } | undefined =>
  o.padding === undefined &&
  pairOf(o.stride ?? 1).some((n) => n > 1) &&
  pairOf(o.kernel ?? 1).some((n) => n > 1)
    ? { padding: around(o.kernel ?? 1, o.dilation) }
    : undefined;

export interface ConvNormOptions extends ConvOptions {
  readonly act?: Activation | 'none';
  readonly norm?: NormOptions;
}

/** Conv, batch norm, activation (relu by default). Strided kernels are padded symmetrically. */
export const convNormAct =
  (out: number, { act = 'relu', norm, ...conv }: ConvNormOptions = {}): Block =>
  (x) => {
    const y = x.conv(out, { ...conv, ...symmetric(conv) }).norm(norm);
    return act === 'none' ? y : y.act(act);
  };

/** Conv and batch norm: the linear end of a branch. */
export const convNorm = (out: number, o: Omit<ConvNormOptions, 'act'> = {}): Block =>
  convNormAct(out, { ...o, act: 'none' });

/** A k x k filter a channel, norm, activation. */
export const depthwise =
  (o: ConvNormOptions & { readonly multiplier?: number } = {}): Block =>
  (x) => {
    const { multiplier = 1, ...rest } = o;
    return convNormAct(x.channels * multiplier, { kernel: 3, ...rest, groups: x.channels })(x);
  };

/** MobileNet's pair: filter each channel, then mix them by a 1x1 conv (Howard et al. 2017, arXiv:1704.04861). */
export const depthwiseSeparable =
  (out: number, { stride, dilation, kernel, padding, ...both }: ConvNormOptions = {}): Block =>
  (x) =>
    x
      .pipe(
        'filter',
        depthwise({
          ...both,
          kernel: kernel ?? 3,
          stride: stride ?? 1,
          dilation: dilation ?? 1,
          ...(padding === undefined ? {} : { padding }),
        }),
      )
      .pipe('mix', convNormAct(out, both));

/** A k x k conv in groups that do not see each other. */
export const grouped = (out: number, groups: number, o: ConvNormOptions = {}): Block =>
  convNormAct(out, { kernel: 3, ...o, groups });

/** A dilated k x k conv: its taps are `dilation` positions apart. */
export const dilated = (out: number, dilation: Size, o: ConvNormOptions = {}): Block =>
  convNormAct(out, { kernel: 3, ...o, dilation });

/** 1 x n, then n x 1: rank one in space (Szegedy et al. 2015, arXiv:1512.00567, section 3.2). */
export const asymmetric =
  (out: number, n: number, o: Omit<ConvNormOptions, 'kernel'> = {}): Block =>
  (x) => {
    const [down, across] = pairOf(o.stride ?? 1);
    // of four explicit sides, each conv pads those along its kernel
    const [row, column] =
      o.padding === undefined || typeof o.padding === 'string'
        ? [{}, {}]
        : [
            { padding: [0, o.padding[1], 0, o.padding[3]] as const },
            { padding: [o.padding[0], 0, o.padding[2], 0] as const },
          ];
    return x
      .pipe('row', convNormAct(out, { ...o, kernel: [1, n], stride: [1, across], ...row }))
      .pipe('column', convNormAct(out, { ...o, kernel: [n, 1], stride: [down, 1], ...column }));
  };

export interface BottleneckOptions extends ConvNormOptions {
  /** The middle is out / reduce channels wide, rounded down; 4 by default. */
  readonly reduce?: number;
  /** Channels of the middle, where they are no such share. */
  readonly middle?: number;
}
/** Narrow by 1x1, filter k x k, widen by 1x1; the last conv is linear (He et al. 2015, arXiv:1512.03385, figure 5). */
export const bottleneck =
  (
    out: number,
    { reduce = 4, middle = Math.floor(out / reduce), act = 'relu', norm, ...filter }: BottleneckOptions = {},
  ): Block =>
  (x) => {
    const shared = { act, ...(norm ? { norm } : {}) };
    return x
      .pipe('narrow', convNormAct(middle, shared))
      .pipe('filter', convNormAct(middle, { kernel: 3, ...filter, ...shared }))
      .pipe('widen', convNormAct(out, { ...shared, act: 'none' }));
  };

/**
 * How a residual block passes its input on: `identity` (shapes must agree), `conv` (a bare 1x1 conv, as wide residual
 * nets have it), `convNorm` (1x1 conv and norm, ResNet's option B). The last two stand only where shapes differ.
 */
export type Shortcut = 'identity' | 'conv' | 'convNorm';

const shortcutTo =
  (out: number, stride: number, kind: Shortcut, norm: NormOptions | undefined): Block =>
  (x) => {
    if (kind === 'identity' || (x.channels === out && stride === 1)) return x;
    return x.pipe(
      'shortcut',
      kind === 'conv' ? (y) => y.conv(out, { stride }) : convNorm(out, withNorm({ stride }, norm)),
    );
  };
const withNorm = <T extends object>(o: T, norm: NormOptions | undefined): T & { norm?: NormOptions } =>
  norm ? { ...o, norm } : o;

export interface ResidualOptions {
  readonly stride?: number;
  readonly act?: Activation;
  readonly shortcut?: Shortcut;
  readonly norm?: NormOptions;
  /** How often training leaves the body out: stochastic depth (Huang et al. 2016, arXiv:1603.09382). */
  readonly dropPath?: number;
}

/** act(shortcut(x) + body(x)), the first residual block (He et al. 2015, arXiv:1512.03385). The body ends linear. */
export const residual =
  (
    out: number,
    body: Block,
    { stride = 1, act = 'relu', shortcut = 'convNorm', norm, dropPath = 0 }: ResidualOptions = {},
  ): Block =>
  (x) =>
    x.residual((y) => body(y).dropPath(dropPath), shortcutTo(out, stride, shortcut, norm)).act(act);

/**
 * Norm and activation first: a = act(norm(x)); y = shortcut + body(a), where the shortcut is x itself when shapes
 * agree, and a conv of a (not of x) when they do not (He et al. 2016, arXiv:1603.05027; Zagoruyko and Komodakis
 * 2016, arXiv:1605.07146).
 */
export const preActivation =
  (
    out: number,
    body: Block,
    { stride = 1, act = 'relu', shortcut = 'conv', norm, dropPath = 0 }: ResidualOptions = {},
  ): Block =>
  (x) => {
    const a = x.pipe('pre', (y) => y.norm(norm).act(act));
    const same = x.channels === out && stride === 1;
    return (same ? x : shortcutTo(out, stride, shortcut, norm)(a)).add(body(a).dropPath(dropPath));
  };

export interface InvertedResidualOptions {
  readonly expand: number;
  readonly stride?: number;
  readonly kernel?: Size;
  readonly act?: Activation;
  readonly norm?: NormOptions;
  /** Between filter and projection, such as squeezeExcite. */
  readonly attention?: Block;
  /** How often training leaves a residual body out. */
  readonly dropPath?: number;
}
/**
 * Expand by 1x1, filter depthwise, project by 1x1. The projection is linear, and the block is residual where the stride
 * is 1 and the channels stay (Sandler et al. 2018, arXiv:1801.04381, section 3). An expansion of 1 is left out.
 */
export const invertedResidual =
  (
    out: number,
    {
      expand,
      stride = 1,
      kernel = 3,
      act = 'relu6',
      norm,
      attention = skip,
      dropPath = 0,
    }: InvertedResidualOptions,
  ): Block =>
  (x) => {
    const shared = withNorm({ act }, norm);
    const body: Block = (y) =>
      y
        .pipe('expand', expand === 1 ? skip : convNormAct(Math.round(expand * x.channels), shared))
        .pipe('filter', depthwise({ ...shared, kernel, stride }))
        .pipe('attention', attention)
        .pipe('project', convNorm(out, withNorm({}, norm)));
    return stride === 1 ? whereShapesAllow(body, dropPath)(x) : body(x); // a map of 1 x 1 keeps its shape at any stride
  };

/** x + body(x) where the body keeps the shape of x, else body(x) alone. */
export const whereShapesAllow =
  (body: Block, dropPath = 0): Block =>
  (x) => {
    const y = body(x);
    return y.shape.every((n, i) => n === x.shape[i]) ? x.add(y.dropPath(dropPath)) : y;
  };

export interface SqueezeExciteOptions {
  readonly act?: Activation;
  readonly gate?: Activation;
}
/**
 * Squeeze and excite: weighs channels by gates that a small net of `squeezed` units computes from their means
 * (Hu et al. 2017, arXiv:1709.01507).
 */
export const squeezeExcite =
  (squeezed: number, { act = 'relu', gate = 'sigmoid' }: SqueezeExciteOptions = {}): Block =>
  (x) => {
    const weights = x
      .globalPool()
      .pipe('squeeze', (y) => y.dense(squeezed).act(act))
      .pipe('excite', (y) => y.dense(x.channels).act(gate));
    return x.mul(weights);
  };

/**
 * Channels to a multiple of `divisor`, never below nine tenths (`share`) of the given number: the rule of the MobileNets'
 * code. `least` is the floor.
 */
export function roundTo(divisor: number, channels: number, least = divisor, share = 0.9): number {
  const near = Math.max(least, Math.floor(channels / divisor + 0.5) * divisor);
  return near < share * channels ? near + divisor : near;
}
export const round8 = (channels: number, least = 8): number => roundTo(8, channels, least);
/** To the nearest whole number, halves to the even one, as in Python: 24.5 is 24. */
export const halfEven = (x: number): number => (x % 1 === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
