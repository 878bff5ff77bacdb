/** @file The options of the builder's layers, and the ops that they make. */
import type { Attention, Conv, Norm, Padding, Pair, Pool } from '../graph/index.ts';

/** One number for both axes, or height and width. */
export type Size = number | Pair;
export const pairOf = (n: Size): Pair => (typeof n === 'number' ? [n, n] : n);

/** Shares the weights of an earlier node: its path, or the flow that it made. */
export interface Sharing {
  readonly weightsOf?: string | { readonly id: string };
}
export interface ConvOptions extends Sharing {
  readonly kernel?: Size;
  readonly stride?: Size;
  readonly dilation?: Size;
  readonly groups?: number;
  readonly padding?: Padding;
  readonly bias?: boolean;
}
export interface NormOptions extends Sharing, Partial<Pick<Norm, 'eps' | 'momentum' | 'scale' | 'offset'>> {}
export interface PoolOptions {
  readonly size: Size;
  readonly stride?: Size;
  readonly padding?: Padding;
}

export interface ConvTransposeOptions extends ConvOptions {
  readonly outputPadding?: Size;
}
export interface LayerNormOptions extends Sharing {
  readonly eps?: number;
  readonly scale?: boolean;
  readonly offset?: boolean;
}

/** eps is 1e-5 by default, and scale and offset are there. */
export type GroupNormOptions = LayerNormOptions;

export interface AttentionOptions extends Sharing {
  readonly heads: number;
  /** `softmax` by default. */
  readonly form?: Attention['form'];
  /** 1 / sqrt(channels of a head in q) by default. */
  readonly scale?: number;
  /** Of `linear`, 1e-15 by default; of `covariance`, 1e-12. */
  readonly eps?: number;
  /** Adds a learned number for each head and distance; false by default. */
  readonly bias?: boolean;
  /** Mixes the heads before and after the softmax (talking heads); false by default. */
  readonly talking?: boolean;
  /** Within windows of this size, or among places that are a multiple of it apart; over the whole map by default. */
  readonly windows?: Size;
  readonly grid?: Size;
}

export const attentionOp = (channels: number, o: AttentionOptions): Attention => {
  const form = o.form ?? 'softmax';
  return {
    kind: 'attention',
    form,
    heads: o.heads,
    scale: o.scale ?? (form === 'softmax' ? (channels / o.heads) ** -0.5 : 1),
    eps: o.eps ?? { softmax: 0, linear: 1e-15, separable: 0, covariance: 1e-12 }[form],
    bias: o.bias ?? false,
    ...(o.talking ? { talking: true } : {}),
    within: o.windows === undefined ? (o.grid === undefined ? 'whole' : 'grid') : 'windows',
    size: pairOf(o.windows ?? o.grid ?? 1),
  };
};
export const convOp = (out: number, o: ConvOptions): Conv => ({
  kind: 'conv',
  out,
  kernel: pairOf(o.kernel ?? 1),
  stride: pairOf(o.stride ?? 1),
  dilation: pairOf(o.dilation ?? 1),
  groups: o.groups ?? 1,
  padding: o.padding ?? 'same',
  bias: o.bias ?? false,
});
export const poolOp = (fn: Pool['fn'], o: PoolOptions): Pool => ({
  kind: 'pool',
  fn,
  size: pairOf(o.size),
  stride: pairOf(o.stride ?? o.size),
  padding: o.padding ?? 'same',
});
