/** @file The options of the builder's layers, and the ops that they make. */
import type { Conv, Norm, Padding, Pair, Pool } from '../graph/index.ts';

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
