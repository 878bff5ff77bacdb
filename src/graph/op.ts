/** @file The central idea: a network is plain data. A reading folds it, an edit rewrites it. */
import { match } from 'ts-pattern';
import { first, item, last } from '../access.ts';

/** One example, no batch axis: a feature map [h, w, c] (channels last) or a vector [c]. */
export type FeatureMap = readonly [h: number, w: number, c: number];
export type Vector = readonly [c: number];
export type Shape = FeatureMap | Vector;

/** Height, then width. */
export type Pair = readonly [h: number, w: number];

/**
 * `same` pads as TensorFlow does (more at the bottom and right), `valid` not at all. Nets of PyTorch descent pad
 * symmetrically, which differs from `same` when the stride is 2: they state the four sides.
 */
export type Padding = 'same' | 'valid' | readonly [top: number, right: number, bottom: number, left: number];

export const activations = [
  'relu',
  'relu6',
  'hardSwish',
  'hardSigmoid',
  'sigmoid',
  'swish',
  'tanh',
  'gelu',
  'geluTanh', // its approximation by tanh
  'softmax',
  'negate', // with relu and concat it makes CReLU
] as const;
export type Activation = (typeof activations)[number];

/** Kernel layout HWIO: [kh, kw, in / groups, out]. One kind for full, grouped, depthwise and dilated convs. */
export interface Conv {
  readonly kind: 'conv';
  readonly out: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly groups: number;
  readonly padding: Padding;
  readonly bias: boolean;
}
/** Batch norm over channels. `momentum` is the share of the old running statistics that a step keeps. */
export interface Norm {
  readonly kind: 'norm';
  readonly eps: number;
  readonly momentum: number;
  readonly scale: boolean;
  readonly offset: boolean;
}
/**
 * The transpose of a conv: what a conv of this window, from [h', w', out] to [h, w, in], has as the gradient of its input.
 * Kernel layout [kh, kw, in / groups, out]. `padding` is that of the conv: the sides that are cut off here. `same` gives
 * [h stride, w stride]; otherwise h' = (h - 1) stride + dilation (kernel - 1) + 1 - padding + outputPadding.
 */
export interface ConvTranspose extends Omit<Conv, 'kind'> {
  readonly kind: 'convTranspose';
  /** Rows and columns more at the bottom and right, fewer than the stride. */
  readonly outputPadding: Pair;
}
/**
 * Layer norm over the channels of each place: gamma (x - mean) / sqrt(variance + eps) + beta, with the mean and the biased
 * variance of the channels (Ba et al. 2016, arXiv:1607.06450, equation 3).
 */
export interface LayerNorm {
  readonly kind: 'layerNorm';
  readonly eps: number;
  readonly scale: boolean;
  readonly offset: boolean;
}
/**
 * Group norm: channels in `groups` groups of neighbours; each group is normed by the mean and the biased variance of all its channels
 * at all places: gamma (x - mean) / sqrt(variance + eps) + beta, gamma and beta for each channel (Wu and He 2018, arXiv:1803.08494,
 * equations 1, 2 and 7).
 */
export interface GroupNorm extends Omit<LayerNorm, 'kind'> {
  readonly kind: 'groupNorm';
  readonly groups: number;
}
/**
 * To a map of `size`. `align` says which places of input and output meet: the centres of the outer pixels' areas
 * (`centres`, half-pixel), the centres of the corner pixels (`corners`), or the top left edges (`edges`: output i is at
 * input i from / to). `nearest` takes the pixel below that place, and with `centres` the one that contains it.
 */
export interface Resize {
  readonly kind: 'resize';
  readonly size: Pair;
  readonly fn: 'nearest' | 'bilinear';
  readonly align: 'centres' | 'corners' | 'edges';
}
/**
 * Attention of maps q [h, w, heads d], k [h', w', heads d] and v [h', w', heads e]: for each head and each place p of q, a mean of v
 * over places, [h, w, heads e] (Vaswani et al. 2017, arXiv:1706.03762, equation 1). With k of d channels, all heads share one k and one
 * v (multi-query, Shazeer 2019, arXiv:1911.02150). `softmax`: weights softmax over places j of scale q_p k_j + bias. `linear`: weights
 * q_p k_j / (sum over j of q_p k_j + eps), for q and k of positive values (Katharopoulos et al. 2020, arXiv:2006.16236, equation 4).
 * `separable`: q [h, w, heads] is one score a place and head, k and v have the channels of the result, v_p times the sum over j of
 * softmax(q)_j k_j (Mehta and Rastegari 2022, arXiv:2206.02680, section 3.2). `covariance`: over channels instead of places. q [h, w, heads d],
 * k and v [h, w, heads e] of one size; channel i of a head becomes the mean of the channels v_j of that head, [h, w, heads d], with the
 * weights softmax over j of gamma q_i k_j, q_i and k_j each divided by its norm over places, max(|x|, eps), and one learned gamma for each
 * head (El-Nouby et al. 2021, arXiv:2106.09681, equation 3).
 */
export interface Attention {
  readonly kind: 'attention';
  readonly form: 'softmax' | 'linear' | 'separable' | 'covariance';
  readonly heads: number;
  /** Of `softmax`: the factor of q_p k_j; otherwise 1. */
  readonly scale: number;
  /** Of `linear` and `covariance`; otherwise 0. */
  readonly eps: number;
  /** A learned number for each head and each distance in rows and columns, [h', w', heads] (Graham et al. 2021, arXiv:2104.01136). */
  readonly bias: boolean;
  /**
   * Of `softmax` over the whole map: heads are mixed before the softmax and after it, as by 1x1 convs over heads. kernel [2, heads, heads],
   * from heads to heads, and beta [2, heads], first those before (Shazeer et al. 2020, arXiv:2003.02436, equation 4).
   */
  readonly talking?: true;
  /** `windows`: within windows of `size`. `grid`: among the places that are a multiple of `size` apart. `whole`: over all places. */
  readonly within: 'whole' | 'windows' | 'grid';
  /** 1 x 1 for `whole`. */
  readonly size: Pair;
}
/**
 * x + P K + b, with P a constant of the places alone: `features` sines and cosines, the first half of the row and the second of the
 * column, of wavelengths from 1 (the whole map) up to `temperature` (Carion et al. 2020, arXiv:2005.12872, appendix A.4; as Fourier
 * features of XCiT, arXiv:2106.09681, section 4). Kernel K [features, c], bias b [c].
 */
export interface Positions {
  readonly kind: 'positions';
  readonly features: number;
  readonly temperature: number;
}
/** Padding of a max pool counts as minus infinity; that of an average pool is not counted. */
export interface Pool {
  readonly kind: 'pool';
  readonly fn: 'max' | 'avg';
  readonly size: Pair;
  readonly stride: Pair;
  readonly padding: Padding;
}

/** Zeros at the sides of a map; negative numbers cut rows or columns off. */
export interface Pad {
  readonly kind: 'pad';
  readonly pads: readonly [top: number, right: number, bottom: number, left: number];
}

/**
 * Rounds each value to one of 2^bits steps and clips it to their range:
 * y = (clip(round(x / scale) + zero) - zero) scale, halves to even; `signed` codes go from -2^(bits - 1), others from 0.
 */
export interface Quantize {
  readonly kind: 'quantize';
  /** A float32. */
  readonly scale: number;
  readonly zero: number;
  readonly bits: number;
  readonly signed: boolean;
}

export type Op =
  | { readonly kind: 'input'; readonly shape: Shape }
  | Conv
  | { readonly kind: 'dense'; readonly out: number; readonly bias: boolean }
  | Norm
  | ConvTranspose
  | LayerNorm
  | GroupNorm
  | Attention
  | Positions
  | { readonly kind: 'responseNorm'; readonly eps: number } // x + gamma x n + beta, n = |x| / (mean of |x| over channels + eps)
  | { readonly kind: 'scale'; readonly initial: number } // gamma x, one learned number a channel, which begins as `initial`
  | { readonly kind: 'act'; readonly fn: Activation }
  | Pool
  | Pad
  | { readonly kind: 'globalPool'; readonly fn: 'avg' | 'max' } // [h, w, c] -> [c]
  | { readonly kind: 'add' } // equal shapes, two or more
  | { readonly kind: 'mul' } // equal shapes, or a gate [c] over a map [h, w, c]
  | { readonly kind: 'concat' } // along channels
  | { readonly kind: 'slice'; readonly from: number; readonly to: number } // channels from .. to - 1
  | { readonly kind: 'shuffle'; readonly groups: number } // channel g * n + i goes to i * groups + g
  | { readonly kind: 'permute'; readonly order: readonly number[] } // channel j of the output is order[j] of the input
  | { readonly kind: 'flatten' } // [h, w, c] -> [h * w * c], channels fastest
  | { readonly kind: 'maxout'; readonly pieces: number } // the largest of each `pieces` neighbouring channels
  | { readonly kind: 'pixelShuffle'; readonly factor: number } // [h, w, c f f] -> [h f, w f, c], from channel (c f + row) f + column
  | { readonly kind: 'shift'; readonly kernel: number } // groups of channels move by each offset of a kernel x kernel window
  | Resize
  | { readonly kind: 'upsample'; readonly factor: number; readonly fn: 'nearest' | 'bilinear' }
  | Quantize
  | { readonly kind: 'dropout'; readonly rate: number } // of single values
  | { readonly kind: 'dropPath'; readonly rate: number }; // of a whole sample (stochastic depth)

export type Kind = Op['kind'];
export type OpOf<K extends Kind> = Extract<Op, { kind: K }>;

export interface Node {
  /** The path that a person would point at: 'stage3/2/expand/conv'. */
  readonly id: string;
  readonly op: Op;
  readonly inputs: readonly string[];
  /** Uses the weights of that node, which has the same op and the same kind of input. */
  readonly weightsOf?: string;
}

/** Nodes in topological order: inputs come before their users. */
export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  /** One or more node ids. */
  readonly outputs: readonly string[];
  /** Of a quantized net, which codes its kernels of 8 bits have; see `IntegerForm` of the edit `quantize`. */
  readonly integers?: IntegerForm;
}

/**
 * Which codes a kernel of 8 bits may have. `paired`: neighbouring codes of one sign are 128 at most together, so that
 * processors without VNNI multiply them exactly in their fastest way. `full`: any from -127 to 127; a layer with larger
 * pairs is exported in unsigned codes, which are exact everywhere and slower.
 */
export const integerForms = ['paired', 'full'] as const;
export type IntegerForm = (typeof integerForms)[number];

/** Whether a conv filters each channel by itself. */
export const isDepthwise = ({ groups }: Pick<Conv, 'groups'>, channels: number): boolean =>
  groups === channels && channels > 1;
/** Ops with a kernel whose last axes are input and output channels. */
export type Linear = Conv | ConvTranspose | OpOf<'dense'>;
export const isLinear = (op: Op): op is Linear =>
  op.kind === 'conv' || op.kind === 'dense' || op.kind === 'convTranspose';
/** Whether an op makes channels of its own from all that it reads, or from those of a group. */
export const mixesChannels = (op: Op, channels: number): op is Linear =>
  isLinear(op) && (op.kind === 'dense' || !isDepthwise(op, channels));
/** The groups of a conv; 1 for other ops. */
export const groupsOf = (op: Op): number =>
  op.kind === 'conv' || op.kind === 'convTranspose' ? op.groups : 1;

/** Whether a shape is that of a feature map [h, w, c]; else it is a vector [c]. */
export const isMap = (shape: Shape): shape is FeatureMap => shape.length === 3;
/** The channels of a shape, with or without a batch axis: its last number. */
export const channelsOf = (shape: readonly number[]): number => last(shape);
/** Sizes as a shape. @throws Error `internal: ...` unless there are one or three. */
export function shapeFrom(sizes: readonly number[]): Shape {
  if (sizes.length === 1) return [item(sizes, 0)];
  if (sizes.length === 3) return [item(sizes, 0), item(sizes, 1), item(sizes, 2)];
  throw new Error(`internal: [${sizes.join(', ')}] is neither a map nor a vector`);
}
/** How many numbers a value of this shape has. */
export const sizeOf = (shape: Shape): number => shape.reduce((n, d) => n * d, 1);

/**
 * The position in the window, row by row, that a channel of the op `shift` reads: that of its group, or the middle for
 * the channels that do not fill a group.
 */
export function shiftTap(channel: number, channels: number, kernel: number): number {
  const perGroup = Math.floor(channels / kernel ** 2);
  const group = perGroup ? Math.floor(channel / perGroup) : kernel ** 2;
  return group < kernel ** 2 ? group : (kernel ** 2 - 1) / 2;
}

/** The least and the largest code of a quantization. */
export const codeRange = ({ bits, signed }: Pick<Quantize, 'bits' | 'signed'>): readonly [number, number] =>
  signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];

/** The kinds of weights of a node, in the order in which files and models list them. */
export const slots = ['kernel', 'bias', 'gamma', 'beta', 'mean', 'variance', 'alpha'] as const;
export type Slot = (typeof slots)[number];
/** The running statistics of norms: kept, but not trained by gradients. */
export const isStatistic = (slot: Slot): boolean => slot === 'mean' || slot === 'variance';

/**
 * At how many places each number of a kernel is multiplied: those of the output, of a transposed conv those of the input, of talking
 * heads pairs of places of q and k.
 */
export function kernelPlaces(op: Op, ins: readonly Shape[], out: Shape): number {
  if (op.kind === 'attention') return ins.slice(0, 2).reduce((n, x) => (n * sizeOf(x)) / channelsOf(x), 1);
  const shape = op.kind === 'convTranspose' ? first(ins) : out;
  return sizeOf(shape) / channelsOf(shape);
}

/** The shape of each weight of an op, in the order of `slots`. Empty for ops that store nothing. */
export const weightShapes = (
  op: Op,
  ins: readonly Shape[],
): readonly (readonly [Slot, readonly number[]])[] => {
  // these make up most of every net: a pattern match costs more than what it would find
  if (op.kind === 'act' || op.kind === 'add') return none;
  if (op.kind === 'conv') return convWeights(op, ins);
  if (op.kind === 'norm') return normWeights(op, ins);
  return match(op)
    .returnType<readonly (readonly [Slot, readonly number[]])[]>()
    .with({ kind: 'convTranspose' }, ({ out, kernel, groups, bias }) => [
      ['kernel', [...kernel, channelsOf(first(ins)) / groups, out]],
      ...(bias ? ([['bias', [out]]] as const) : []),
    ])
    .with({ kind: 'layerNorm' }, { kind: 'groupNorm' }, ({ scale, offset }) => {
      const c = [channelsOf(first(ins))];
      return [...(scale ? ([['gamma', c]] as const) : []), ...(offset ? ([['beta', c]] as const) : [])];
    })
    .with({ kind: 'responseNorm' }, () => {
      const c = [channelsOf(first(ins))];
      return [
        ['gamma', c],
        ['beta', c],
      ];
    })
    .with({ kind: 'scale' }, () => [['gamma', [channelsOf(first(ins))]]])
    .with({ kind: 'attention' }, (op) => attentionWeights(op, ins))
    .with({ kind: 'positions' }, ({ features }) => {
      const c = channelsOf(first(ins));
      return [
        ['kernel', [features, c]],
        ['bias', [c]],
      ];
    })
    .with({ kind: 'dense' }, ({ out, bias }) => [
      ['kernel', [channelsOf(first(ins)), out]],
      ...(bias ? ([['bias', [out]]] as const) : []),
    ])
    .with(...weightless, () => none)
    .exhaustive();
};
function attentionWeights(
  op: Attention,
  ins: readonly Shape[],
): readonly (readonly [Slot, readonly number[]])[] {
  if (op.form === 'covariance') return [['gamma', [op.heads]]];
  return [
    ...(op.talking ? ([['kernel', [2, op.heads, op.heads]]] as const) : []),
    ...(op.bias ? ([['bias', [...distancesOf(op, ins), op.heads]]] as const) : []),
    ...(op.talking ? ([['beta', [2, op.heads]]] as const) : []),
  ];
}
/** How many distances in rows and in columns two places of one attention can have: those of the keys, or of a window. */
function distancesOf({ within, size }: Attention, ins: readonly Shape[]): Pair {
  const [h, w] = placesOf(ins[1] ?? first(ins));
  return within === 'windows' ? size : within === 'grid' ? [h / size[0], w / size[1]] : [h, w];
}
const placesOf = (shape: Shape): Pair => (isMap(shape) ? [shape[0], shape[1]] : [1, 1]);
const none: readonly (readonly [Slot, readonly number[]])[] = [];
const convWeights = (
  { out, kernel, groups, bias }: Conv,
  ins: readonly Shape[],
): readonly (readonly [Slot, readonly number[]])[] => {
  const shape = [kernel[0], kernel[1], channelsOf(first(ins)) / groups, out];
  return bias
    ? [
        ['kernel', shape],
        ['bias', [out]],
      ]
    : [['kernel', shape]];
};
function normWeights(
  { scale, offset }: Norm,
  ins: readonly Shape[],
): readonly (readonly [Slot, readonly number[]])[] {
  const c = [channelsOf(first(ins))];
  const all: (readonly [Slot, readonly number[]])[] = [];
  if (scale) all.push(['gamma', c]);
  if (offset) all.push(['beta', c]);
  all.push(['mean', c], ['variance', c]);
  return all;
}

/** The most frequent first: patterns are tried in their order. */
const weightless = [
  { kind: 'input' },
  { kind: 'pool' },
  { kind: 'pad' },
  { kind: 'globalPool' },
  { kind: 'mul' },
  { kind: 'concat' },
  { kind: 'slice' },
  { kind: 'shuffle' },
  { kind: 'permute' },
  { kind: 'flatten' },
  { kind: 'maxout' },
  { kind: 'pixelShuffle' },
  { kind: 'shift' },
  { kind: 'resize' },
  { kind: 'upsample' },
  { kind: 'quantize' },
  { kind: 'dropout' },
  { kind: 'dropPath' },
] as const;
