/**
 * @file How other tools count operations, each a table over the kinds of ops. A tool counts modules or kernels of its own
 * library; an op here stands for the module of torch.nn, or the layer of Keras, that computes it. What has none counts 0.
 */
import { match } from 'ts-pattern';
import { first } from '../access.ts';
import {
  type Activation,
  type ConvTranspose,
  channelsOf,
  type GroupNorm,
  isMap,
  type LayerNorm,
  type Norm,
  type Op,
  type Pool,
  type Shape,
  sizeOf,
  slide,
} from '../graph/index.ts';

export const countTools = [
  'torch',
  'fvcore',
  'thop',
  'ultralytics-thop',
  'ptflops',
  'ptflops-aten',
  'keras',
] as const;
export type CountTool = (typeof countTools)[number];

/** Operations of an op with these inputs and this output, for one example, beside its products and biases. */
type Beside = (op: Op, ins: readonly Shape[], out: Shape) => number;

export interface Convention {
  /** The packages and the function of theirs that counts the same. */
  readonly package: string;
  readonly version: string;
  readonly call: string;
  /** What the tool calls its figure, and what one multiply-add of a conv or a dense layer counts in it. */
  readonly unit: string;
  readonly perMultiplyAdd: 1 | 2;
  /** Whether products of two values, as in attention, count. */
  readonly products: boolean;
  /** Whether each added bias counts 1. */
  readonly biases: boolean;
  /** Whether running means and variances are parameters. */
  readonly statistics: boolean;
  readonly beside: Beside;
}

/** How often a table counts each value of an activation; 0 where it has none. */
const timesOf = (table: Readonly<Partial<Record<Activation, number>>>, fn: Activation): number =>
  table[fn] ?? 0;
const isAffine = ({ scale, offset }: Norm | LayerNorm | GroupNorm): boolean => scale || offset;

/** What these tools count nothing for; the most frequent first. */
const moves = [
  { kind: 'input' },
  { kind: 'pad' },
  { kind: 'concat' },
  { kind: 'slice' },
  { kind: 'shuffle' },
  { kind: 'permute' },
  { kind: 'flatten' },
  { kind: 'maxout' },
  { kind: 'pixelShuffle' },
  { kind: 'shift' },
  { kind: 'quantize' },
  { kind: 'dropout' },
  { kind: 'dropPath' },
  { kind: 'attention' }, // beside its products
] as const;
const products = [{ kind: 'conv' }, { kind: 'dense' }, { kind: 'convTranspose' }] as const;
/** What PyTorch has no module for: its authors write functions, which no tool sees. */
const functions = [{ kind: 'scale' }, { kind: 'responseNorm' }, { kind: 'positions' }] as const;
const arithmetic = [{ kind: 'add' }, { kind: 'mul' }] as const;

const fvcore: Beside = (op, ins, out) =>
  match(op)
    .returnType<number>()
    .with({ kind: 'norm' }, ({ scale }) => (scale ? 2 : 1) * sizeOf(out))
    .with({ kind: 'globalPool', fn: 'avg' }, () => sizeOf(first(ins)))
    .with({ kind: 'layerNorm' }, { kind: 'groupNorm' }, (norm) => (isAffine(norm) ? 5 : 4) * sizeOf(out))
    .with({ kind: 'upsample' }, { kind: 'resize' }, ({ fn }) => (fn === 'bilinear' ? 4 : 1) * sizeOf(out))
    .with(
      { kind: 'act' },
      { kind: 'pool' },
      { kind: 'globalPool' },
      ...products,
      ...functions,
      ...arithmetic,
      ...moves,
      () => 0,
    )
    .exhaustive();

/** n exponentials, n - 1 additions and n divisions for each place of n channels. */
const softmaxByThop = (out: Shape): number => (sizeOf(out) / channelsOf(out)) * (3 * channelsOf(out) - 1);

/** The two forks differ in what an average pool adds up, and in whether copies of values and group norms count. */
const byThop =
  (
    added: (pool: Pool, input: Shape) => number,
    copy: number,
    transposed: (conv: ConvTranspose, input: Shape, out: Shape) => number,
    hasGroupNorms: boolean,
  ): Beside =>
  (op, ins, out) =>
    match(op)
      .returnType<number>()
      .with({ kind: 'norm' }, { kind: 'layerNorm' }, (norm) => (isAffine(norm) ? 4 : 2) * sizeOf(out))
      .with({ kind: 'groupNorm' }, (norm) => (hasGroupNorms ? (isAffine(norm) ? 4 : 2) * sizeOf(out) : 0))
      .with({ kind: 'convTranspose' }, (conv) => transposed(conv, first(ins), out))
      .with({ kind: 'act', fn: 'softmax' }, () => softmaxByThop(out))
      .with({ kind: 'pool', fn: 'avg' }, (pool) => added(pool, first(ins)) + sizeOf(out))
      .with({ kind: 'globalPool', fn: 'avg' }, () => sizeOf(first(ins)) + sizeOf(out))
      .with(
        { kind: 'upsample' },
        { kind: 'resize' },
        ({ fn }) => (fn === 'bilinear' ? 11 : copy) * sizeOf(out),
      )
      .with(
        { kind: 'act' },
        { kind: 'pool' },
        { kind: 'globalPool' },
        { kind: 'conv' },
        { kind: 'dense' },
        ...functions,
        ...arithmetic,
        ...moves,
        () => 0,
      )
      .exhaustive();

/** thop multiplies the kernel of a transposed conv at each place of the output, where it is multiplied at each of the input. */
const thop = byThop(
  () => 0,
  1,
  ({ kernel, groups }, input, out) => {
    const size = (kernel[0] * kernel[1] * channelsOf(input) * channelsOf(out)) / groups;
    return size * (sizeOf(out) / channelsOf(out) - sizeOf(input) / channelsOf(input));
  },
  false,
);
/** An average pool adds up what its windows read, and copies cost nothing. */
const ultralytics = byThop(
  (pool, input) => valuesRead(pool, input),
  0,
  () => 0,
  true,
);

/** How many values all windows of a pool read together, without padding. */
function valuesRead({ size, stride, padding }: Pool, input: Shape): number {
  if (!isMap(input)) return 0;
  const { size: places, pads } = slide(input, { kernel: size, stride, dilation: [1, 1], padding });
  const along = (axis: 0 | 1, before: number): number => {
    let sum = 0;
    for (let i = 0; i < places[axis]; i++) {
      const from = i * stride[axis] - before;
      sum += Math.max(0, Math.min(from + size[axis], input[axis]) - Math.max(from, 0));
    }
    return sum;
  };
  return along(0, pads.top) * along(1, pads.left) * channelsOf(input);
}

/**
 * How often each value counts: `nn.ReLU` has a hook, and the function that it calls is patched, so that both count it; `nn.ReLU6`
 * has the hook alone, since it calls hardtanh; `nn.SiLU` and `nn.Softmax` call patched functions, but have no hook.
 */
const timesByPtflops = { relu: 2, gelu: 2, geluTanh: 2, relu6: 1, swish: 1, softmax: 1 } as const;

const ptflops: Beside = (op, ins, out) =>
  match(op)
    .returnType<number>()
    .with({ kind: 'norm' }, { kind: 'groupNorm' }, (norm) => (isAffine(norm) ? 2 : 1) * sizeOf(out))
    .with({ kind: 'act' }, ({ fn }) => timesOf(timesByPtflops, fn) * sizeOf(out))
    .with({ kind: 'pool' }, { kind: 'globalPool' }, () => 2 * sizeOf(first(ins)))
    .with({ kind: 'layerNorm' }, () => sizeOf(out))
    .with({ kind: 'upsample' }, { kind: 'resize' }, () => 2 * sizeOf(out))
    .with(...products, ...functions, ...arithmetic, ...moves, () => 0)
    .exhaustive();

/** Elementwise kernels of TensorFlow that have a count, for each value; those of relu, relu6, sigmoid and tanh have none. */
const kernelsOf = {
  hardSigmoid: 2,
  hardSwish: 3,
  swish: 2,
  gelu: 4,
  geluTanh: 7,
  softmax: 5,
  negate: 1,
} as const;

const keras: Beside = (op, ins, out) =>
  match(op)
    .returnType<number>()
    // x inverse + (beta - mean inverse), inverse = rsqrt(variance + eps) gamma: the right part for each channel
    .with({ kind: 'norm' }, ({ scale }) => 2 * sizeOf(out) + (scale ? 6 : 5) * channelsOf(out))
    .with({ kind: 'layerNorm' }, ({ scale, offset }) => {
      const places = sizeOf(out) / channelsOf(out);
      return (6 + (scale ? 2 : 0) + (offset ? 1 : 0)) * sizeOf(out) + (scale ? 4 : 5) * places;
    })
    .with({ kind: 'groupNorm' }, ({ scale, offset, groups }) => {
      const affine = (scale ? 2 : 0) + (offset ? 1 : 0);
      return 6 * sizeOf(out) + affine * channelsOf(out) + (scale ? 4 : 5) * groups;
    })
    .with({ kind: 'responseNorm' }, () => 6 * sizeOf(out) + channelsOf(out) + 1)
    .with({ kind: 'scale' }, { kind: 'positions' }, () => sizeOf(out))
    .with({ kind: 'resize' }, () => 0)
    .with({ kind: 'act' }, ({ fn }) => timesOf(kernelsOf, fn) * sizeOf(out))
    .with({ kind: 'pool' }, ({ size }) => size[0] * size[1] * sizeOf(out))
    .with({ kind: 'globalPool' }, ({ fn }) => (fn === 'avg' ? sizeOf(first(ins)) : 0))
    .with(...arithmetic, () => (ins.length - 1) * sizeOf(out))
    // nearest is two repeats, each of which computes a size
    .with({ kind: 'upsample' }, ({ fn }) => (fn === 'nearest' ? 2 : 0))
    .with(...products, ...moves, () => 0)
    .exhaustive();

const nothing: Beside = () => 0;
const flops = 'FLOPs (2 for a multiply-add)';

export const conventions: Readonly<Record<CountTool, Convention>> = {
  torch: {
    ...{ package: 'torch', version: '2.15.0', call: 'torch.utils.flop_counter.FlopCounterMode' },
    products: true,
    ...{ unit: flops, perMultiplyAdd: 2, biases: false, statistics: false, beside: nothing },
  },
  fvcore: {
    ...{ package: 'fvcore', version: '0.1.5.post20221221', call: 'FlopCountAnalysis' },
    products: true,
    ...{
      unit: '"flops" (1 for a multiply-add)',
      perMultiplyAdd: 1,
      biases: false,
      statistics: false,
      beside: fvcore,
    },
  },
  thop: {
    ...{ package: 'thop', version: '0.1.1.post2209072238', call: 'thop.profile' },
    products: false,
    ...{ unit: 'MACs', perMultiplyAdd: 1, biases: false, statistics: false, beside: thop },
  },
  'ultralytics-thop': {
    ...{ package: 'ultralytics-thop', version: '2.2.3', call: 'thop.profile' },
    products: true,
    ...{ unit: 'MACs', perMultiplyAdd: 1, biases: false, statistics: false, beside: ultralytics },
  },
  ptflops: {
    ...{ package: 'ptflops', version: '0.7.5', call: 'get_model_complexity_info' },
    products: false,
    ...{ unit: 'MACs', perMultiplyAdd: 1, biases: true, statistics: false, beside: ptflops },
  },
  'ptflops-aten': {
    ...{ package: 'ptflops', version: '0.7.5', call: "get_model_complexity_info(backend='aten')" },
    products: true,
    ...{ unit: 'MACs', perMultiplyAdd: 1, biases: true, statistics: false, beside: nothing },
  },
  keras: {
    ...{ package: 'keras', version: '3.15.1, tensorflow 2.21.0', call: 'tf.compat.v1.profiler' },
    products: true,
    ...{ unit: flops, perMultiplyAdd: 2, biases: true, statistics: true, beside: keras },
  },
};
