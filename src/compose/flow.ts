/** @file Flow, the typed builder that creates a graph; blocks are plain functions from Flow to Flow. */

import { MoonletError } from '../errors.ts';
import {
  type Activation,
  type ConvTranspose,
  channelsOf,
  check,
  dropUnused,
  type Graph,
  keepShapes,
  type Node,
  type Op,
  type Quantize,
  type Resize,
  type Shape,
  ShapeError,
  shapeOf,
} from '../graph/index.ts';
import {
  type AttentionOptions,
  attentionOp,
  type ConvOptions,
  type ConvTransposeOptions,
  convOp,
  type GroupNormOptions,
  type LayerNormOptions,
  type NormOptions,
  type PoolOptions,
  pairOf,
  poolOp,
  type Sharing,
  type Size,
} from './flow-options.ts';
import { type Sides, sidesOf } from './options.ts';

/** A feature map [h, w, c] or a vector [c]: all that the types track. */
export type Rank = 'map' | 'vec';
type ShapeOf<R extends Rank> = R extends 'map'
  ? readonly [h: number, w: number, c: number]
  : readonly [c: number];
/** A reusable part of a network: a function from flow to flow. */
export type Block<I extends Rank = 'map', O extends Rank = I> = (x: Flow<I>) => Flow<O>;

interface Draft {
  readonly nodes: Node[];
  readonly used: Map<string, number>;
  readonly shapes: Map<string, Shape>;
  path: string;
}

/** A value on its way through the network. Immutable: each method returns the next value. */
export class Flow<R extends Rank> {
  readonly id: string;
  readonly shape: ShapeOf<R>;
  readonly #draft: Draft;

  private constructor(draft: Draft, id: string, shape: ShapeOf<R>) {
    this.#draft = draft;
    this.id = id;
    this.shape = shape;
  }

  /** @internal Use `input()`. */
  static input(shape: Shape): Flow<Rank> {
    return Flow.#emit(
      { nodes: [], used: new Map(), shapes: new Map(), path: '' },
      { kind: 'input', shape },
      [],
    );
  }

  static #emit<O extends Rank>(
    draft: Draft,
    op: Op,
    ins: readonly Flow<Rank>[],
    sharing: Sharing = {},
  ): Flow<O> {
    const base = draft.path + op.kind;
    const n = (draft.used.get(base) ?? 0) + 1;
    draft.used.set(base, n);
    const id = n > 1 ? `${base}_${n}` : base;
    if (ins.some((x) => x.#draft !== draft)) {
      throw new MoonletError(`${id}: joins values of two networks; begin both from one input()`);
    }
    let shape: Shape;
    try {
      shape = shapeOf(
        op,
        ins.map((x) => x.shape),
      );
    } catch (e) {
      throw e instanceof ShapeError ? e.at(id) : e;
    }
    const owner = sharing.weightsOf;
    const inputs = ins.map((x) => x.id);
    if (owner === undefined) draft.nodes.push({ id, op, inputs });
    else draft.nodes.push({ id, op, inputs, weightsOf: typeof owner === 'string' ? owner : owner.id });
    draft.shapes.set(id, shape);
    return new Flow<O>(draft, id, shape as ShapeOf<O>); // the one cast: rank follows kind
  }

  #next<O extends Rank>(op: Op, sharing: Sharing = {}): Flow<O> {
    return Flow.#emit<O>(this.#draft, op, [this], sharing);
  }

  get channels(): number {
    return channelsOf(this.shape);
  }

  /** A conv without bias, 1x1 by default; [h, w, c] -> [h', w', out]. */
  conv(this: Flow<'map'>, out: number, o: ConvOptions = {}): Flow<'map'> {
    return this.#next(convOp(out, o), o);
  }
  /** One filter a channel, 3x3 by default; `multiplier` outputs a channel. */
  depthwise(
    this: Flow<'map'>,
    o: Omit<ConvOptions, 'groups'> & { readonly multiplier?: number } = {},
  ): Flow<'map'> {
    const { multiplier = 1, ...rest } = o;
    return this.conv(this.channels * multiplier, { kernel: 3, ...rest, groups: this.channels });
  }
  /** Batch norm over channels: gamma (x - mean) / sqrt(variance + eps) + beta. */
  norm(o: NormOptions = {}): Flow<R> {
    const { eps = 1e-5, momentum = 0.9, scale = true, offset = true } = o;
    return this.#next({ kind: 'norm', eps, momentum, scale, offset }, o);
  }
  /** Layer norm over the channels of each place: gamma (x - mean) / sqrt(variance + eps) + beta. */
  layerNorm(o: LayerNormOptions = {}): Flow<R> {
    const { eps = 1e-6, scale = true, offset = true } = o;
    return this.#next({ kind: 'layerNorm', eps, scale, offset }, o);
  }
  /** Group norm: by the mean and variance of each of so many groups of channels, over all places; see the op. */
  groupNorm(groups: number, o: GroupNormOptions = {}): Flow<R> {
    const { eps = 1e-5, scale = true, offset = true } = o;
    return this.#next({ kind: 'groupNorm', groups, eps, scale, offset }, o);
  }
  /** Global response norm: x + gamma x n + beta, with n = |x| / (mean of |x| + eps) for each channel (Woo et al. 2023, arXiv:2301.00808, equation 1). */
  responseNorm(this: Flow<'map'>, o: Sharing & { readonly eps?: number } = {}): Flow<'map'> {
    return this.#next({ kind: 'responseNorm', eps: o.eps ?? 1e-6 }, o);
  }
  /** A learned factor for each channel, which begins as `initial`: LayerScale (Touvron et al. 2021, arXiv:2103.17239, section 2). */
  scale(o: Sharing & { readonly initial?: number } = {}): Flow<R> {
    return this.#next({ kind: 'scale', initial: o.initial ?? 1 }, o);
  }
  /** Adds a learned projection of Fourier features of the places, which depend on the map's size alone; see the op. */
  positions(
    this: Flow<'map'>,
    o: Sharing & { readonly features?: number; readonly temperature?: number } = {},
  ): Flow<'map'> {
    const { features = 64, temperature = 10000 } = o;
    return this.#next({ kind: 'positions', features, temperature }, o);
  }
  /** A transposed conv without bias, [h, w, c] -> [h stride, w stride, out] with the padding `same`. */
  convTranspose(this: Flow<'map'>, out: number, o: ConvTransposeOptions = {}): Flow<'map'> {
    const op: ConvTranspose = {
      ...convOp(out, o),
      kind: 'convTranspose',
      outputPadding: pairOf(o.outputPadding ?? 0),
    };
    return this.#next(op, o);
  }
  /** An activation, elementwise (softmax over channels). */
  act(fn: Activation): Flow<R> {
    return this.#next({ kind: 'act', fn });
  }
  relu(): Flow<R> {
    return this.act('relu');
  }
  maxPool(this: Flow<'map'>, o: PoolOptions): Flow<'map'> {
    return this.#next(poolOp('max', o));
  }
  avgPool(this: Flow<'map'>, o: PoolOptions): Flow<'map'> {
    return this.#next(poolOp('avg', o));
  }
  /** Zeros at the sides, in rows and columns: [h, w, c] -> [h + top + bottom, w + left + right, c]; negative numbers cut. */
  pad(
    this: Flow<'map'>,
    pads: readonly [top: number, right: number, bottom: number, left: number],
  ): Flow<'map'> {
    const [top, right, bottom, left] = pads;
    return this.#next({ kind: 'pad', pads: [top + 0, right + 0, bottom + 0, left + 0] }); // -0 is 0
  }
  /** [h, w, c] -> [c] */
  globalPool(this: Flow<'map'>, fn: 'avg' | 'max' = 'avg'): Flow<'vec'> {
    return this.#next({ kind: 'globalPool', fn });
  }
  /** [h, w, c] -> [h * w * c] */
  flatten(this: Flow<'map'>): Flow<'vec'> {
    return this.#next({ kind: 'flatten' });
  }
  /** A fully connected layer with bias by default; [c] -> [out]. */
  dense(this: Flow<'vec'>, out: number, o: Sharing & { readonly bias?: boolean } = {}): Flow<'vec'> {
    return this.#next({ kind: 'dense', out, bias: o.bias ?? true }, o);
  }
  /** Channels `from` to `to - 1`. */
  slice(from: number, to: number): Flow<R> {
    return this.#next({ kind: 'slice', from, to });
  }
  /** Interleaves `groups` groups of channels, as in ShuffleNet: [groups, n] -> [n, groups]. */
  shuffle(groups: number): Flow<R> {
    return this.#next({ kind: 'shuffle', groups });
  }
  /** Channel j of the result is channel order[j]. */
  permute(order: readonly number[]): Flow<R> {
    return this.#next({ kind: 'permute', order });
  }
  /** The largest of each `pieces` neighbouring channels; [..., c] -> [..., c / pieces]. */
  maxout(pieces: number): Flow<R> {
    return this.#next({ kind: 'maxout', pieces });
  }
  /** Moves groups of channels by the offsets of a kernel x kernel window (Wu et al. 2017, arXiv:1711.08141). */
  shift(this: Flow<'map'>, kernel = 3): Flow<'map'> {
    return this.#next({ kind: 'shift', kernel });
  }
  /** Channels to places, as PyTorch's PixelShuffle: [h, w, c f f] -> [h f, w f, c] (Shi et al. 2016, arXiv:1609.05158, equation 4). */
  pixelShuffle(this: Flow<'map'>, factor: number): Flow<'map'> {
    return this.#next({ kind: 'pixelShuffle', factor });
  }
  /** To [height, width, c]; `nearest` and `bilinear` as PyTorch's interpolate without and with align_corners (`align`). */
  resize(
    this: Flow<'map'>,
    size: Size,
    o: { readonly fn?: Resize['fn']; readonly align?: Resize['align'] } = {},
  ): Flow<'map'> {
    const { fn = 'bilinear', align = fn === 'nearest' ? 'edges' : 'centres' } = o;
    return this.#next({ kind: 'resize', size: pairOf(size), fn, align });
  }
  /** [h, w, c] -> [h * factor, w * factor, c] */
  upsample(this: Flow<'map'>, factor: number, fn: 'nearest' | 'bilinear' = 'nearest'): Flow<'map'> {
    return this.#next({ kind: 'upsample', factor, fn });
  }
  /** Rounds values to steps; see the op. `moonlet.quantize` places these by calibration. */
  quantize(o: Omit<Quantize, 'kind'>): Flow<R> {
    return this.#next({ kind: 'quantize', ...o });
  }
  /** Dropout of single values in training; with rate 0 no node. */
  dropout(rate: number): Flow<R> {
    return rate === 0 ? this : this.#next({ kind: 'dropout', rate });
  }
  /** Drops the whole value of an example in training (stochastic depth); with rate 0 no node. */
  dropPath(rate: number): Flow<R> {
    return rate === 0 ? this : this.#next({ kind: 'dropPath', rate });
  }

  /** Elementwise sum of values of one shape. */
  add(...others: readonly Flow<R>[]): Flow<R> {
    return Flow.#emit<R>(this.#draft, { kind: 'add' }, [this, ...others]);
  }
  /** Channels one after another; maps need the same height and width. */
  concat(...others: readonly Flow<R>[]): Flow<R> {
    return Flow.#emit<R>(this.#draft, { kind: 'concat' }, [this, ...others]);
  }
  /** Multiply by a gate of the same shape, or by one value a channel. */
  mul(gate: Flow<R> | Flow<'vec'>): Flow<R> {
    return Flow.#emit<R>(this.#draft, { kind: 'mul' }, [this, gate]);
  }

  /** Attention of this value, as q, to k and v of as many heads, or of one that all heads share; see the op. */
  attention(this: Flow<'map'>, k: Flow<'map'>, v: Flow<'map'>, o: AttentionOptions): Flow<'map'> {
    return Flow.#emit<'map'>(this.#draft, attentionOp(this.channels, o), [this, k, v], o);
  }

  /** A block under a path; it may change the rank. */
  pipe<O extends Rank>(name: string, block: Block<R, O>): Flow<O> {
    const draft = this.#draft;
    const outer = draft.path;
    draft.path = `${outer}${name}/`;
    try {
      return block(this);
    } finally {
      draft.path = outer;
    }
  }
  /** Blocks one after another under the paths `name/0`, `name/1`, ... */
  stack(name: string, blocks: readonly Block<R>[]): Flow<R> {
    return blocks.reduce<Flow<R>>((x, block, i) => x.pipe(`${name}/${i}`, block), this);
  }
  /** shortcut(x) + body(x); the shortcut is x itself by default. */
  residual(body: Block<R>, shortcut: Block<R> = skip): Flow<R> {
    return shortcut(this).add(body(this));
  }

  /** @internal Use `graph()`. */
  static finish(name: string, outputs: readonly Flow<Rank>[]): Graph {
    const first = outputs[0];
    if (!first) throw new MoonletError(`${name}: a graph needs at least one output`);
    if (outputs.some((x) => x.#draft !== first.#draft))
      throw new MoonletError(`${name}: joins values of two networks; begin both from one input()`);
    const nodes = Object.freeze([...first.#draft.nodes]);
    keepShapes(nodes, new Map(first.#draft.shapes));
    return check(dropUnused({ name, nodes, outputs: outputs.map((x) => x.id) }));
  }
}

/**
 * Begins a network: `input(32, 32, 3)` takes a map [h, w, c], `input(784)` a vector [c].
 *
 * @throws ShapeError for other shapes, or sizes that are not whole numbers from 1 up.
 * @example
 * import { cost, graph, input } from 'moonlet';
 *
 * const x = input(32, 32, 3).conv(16, { kernel: 3 }).norm().relu();
 * const net = graph('tiny', x.residual((y) => y.depthwise().norm()).globalPool().dense(10));
 * cost(net).params; // 810
 */
export function input(h: number, w: number, c: number): Flow<'map'>;
export function input(c: number): Flow<'vec'>;
export function input(...shape: Shape): Flow<Rank> {
  return Flow.input(shape);
}

/** Begins a network that takes images of the options `size` and `channels` of an architecture. */
export function image(size: number | Sides, channels: number): Flow<'map'> {
  const [height, width] = sidesOf(size);
  return input(height, width, channels);
}

/**
 * Ends a network: the graph that leads to these outputs. Nodes that no output needs are left out.
 *
 * @throws MoonletError when the outputs belong to two networks, or the graph is not sound.
 */
export const graph = (name: string, ...outputs: readonly Flow<Rank>[]): Graph => Flow.finish(name, outputs);

/** The block that does nothing. */
export const skip = <R extends Rank>(x: Flow<R>): Flow<R> => x;
/** So many values, made one by one from their index: usually blocks for `stack`. */
export const repeat = <T>(n: number, make: (i: number) => T): T[] =>
  Array.from({ length: n }, (_, i) => make(i));
/** Blocks one after another, without a path of their own. */
export const chain =
  <R extends Rank>(...blocks: readonly Block<R>[]): Block<R> =>
  (x) =>
    blocks.reduce((y, block) => block(y), x);
