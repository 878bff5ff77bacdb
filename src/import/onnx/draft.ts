/**
 * @file The graph under construction. Besides our ops it has some that only exist during an import: `affine`
 * (x scale + offset by channel), `pad`, and parts of activations and norms that the patterns join. Layers take up affine ops and padding where they can; `finish`
 * writes what is left as depthwise convs.
 */
import { get } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import {
  type Attention,
  channelsOf,
  isMap,
  type Op,
  type Pair,
  type Positions,
  type Shape,
  ShapeError,
  type Slot,
  shapeOf,
  sizeOf,
} from '../../graph/index.ts';
import type { Weight } from '../../weights/index.ts';

/** By channel: x scale + offset. */
export interface Affine {
  readonly kind: 'affine';
  readonly scale: Float64Array;
  readonly offset: Float64Array;
}
/** Parts of activations and norms that have no meaning of their own here. */
type Part =
  | { readonly kind: 'erf' }
  | { readonly kind: 'round' }
  | { readonly kind: 'sqrt' }
  /** The Euclidean norm of each channel's map: [h, w, c] -> [c]. */
  | { readonly kind: 'mapNorm' }
  /** These norms, at least eps; a map divided by them. */
  | { readonly kind: 'floored'; readonly eps: number }
  | { readonly kind: 'unit'; readonly eps: number }
  /** Norms over their mean over channels + eps: [c] -> [c]. */
  | { readonly kind: 'share'; readonly eps: number };
/** q k of an attention for each head, as the map [groups x places of q, places of k, heads]; then the weights that softmax makes. */
export interface Scores extends Pick<Attention, 'heads' | 'scale' | 'bias' | 'within' | 'size'> {
  readonly kind: 'scores';
  /** Height and width of what one window, or the whole map, has of q and of k. */
  readonly inQuery: Pair;
  readonly inKey: Pair;
  /** Windows. */
  readonly groups: number;
}
/** Softmax over the places of a window, or of the whole map; then the mean of k by it: [windows, 1, channels]. */
export interface Shares extends Pick<Attention, 'heads' | 'within' | 'size'> {
  readonly kind: 'shares';
  /** Windows. */
  readonly groups: number;
}
/** Parts of attention; see ops/attention.ts. */
type Products =
  | Shares
  | (Omit<Shares, 'kind'> & { readonly kind: 'sharedMean' })
  | Scores
  | (Omit<Scores, 'kind'> & { readonly kind: 'weights' })
  /** [channels of v, channels of k, heads] */
  | { readonly kind: 'outer'; readonly size: Pair; readonly heads: number }
  | { readonly kind: 'channelWeights'; readonly size: Pair; readonly heads: number; readonly eps: number }
  | { readonly kind: 'numerator'; readonly heads: number; readonly width: number }
  | { readonly kind: 'denominator'; readonly heads: number };
export type DraftOp = Op | Products | Affine | Part;

/** The weights of a layer, and what tells layers that share them. */
export interface Layer {
  readonly slots: Readonly<Partial<Record<Slot, Weight>>>;
  /** The initializers that they are, where they are used as they are. */
  readonly names: Readonly<Partial<Record<Slot, string>>>;
}
export interface DraftNode {
  readonly id: string;
  /** The path that was asked for; the id differs where another node has it. */
  readonly wanted: string;
  readonly op: DraftOp;
  readonly inputs: readonly string[];
  readonly shape: Shape;
  readonly layer?: Layer;
}

/** Changes of a layer need it to be of one kind. */
export const uniform = (vector: Float64Array, value: number): boolean =>
  vector.every((v) => Math.abs(v - value) <= 1e-6 * Math.max(1, Math.abs(value)));

export class Draft {
  readonly #nodes = new Map<string, DraftNode>();
  readonly #known = new Map<string, string>();
  readonly #paths: (wanted: string) => string;
  /** Constant maps of positions through convs, [h, w, c]; see ops/positions.ts. */
  readonly projections: { readonly op: Positions; readonly values: Float32Array; readonly layer: Layer }[] =
    [];

  /** @param paths makes a path that no other node has. */
  constructor(paths: (wanted: string) => string) {
    this.#paths = paths;
  }
  get nodes(): readonly DraftNode[] {
    return [...this.#nodes.values()];
  }
  node(id: string): DraftNode {
    return get(this.#nodes, id);
  }
  shape(id: string): Shape {
    return this.node(id).shape;
  }
  channels(id: string): number {
    return channelsOf(this.shape(id));
  }
  /** Appends a node and gives its id. @throws ShapeError for inputs that the op cannot have. */
  emit(path: string, op: DraftOp, inputs: readonly string[], layer?: Layer): string {
    // one op without weights on the same inputs is one node: exporters repeat what a module computes once
    const key = layer || op.kind === 'input' ? undefined : `${JSON.stringify(plain(op))} ${inputs.join(' ')}`;
    const before = key === undefined ? undefined : this.#known.get(key);
    if (before !== undefined) return before;
    const id = this.#paths(path);
    const ins = inputs.map((input) => this.shape(input));
    const shape = bounded(draftShape(op, ins, id), id);
    this.#nodes.set(id, { id, wanted: path, op, inputs, shape, ...(layer ? { layer } : {}) });
    if (key !== undefined) this.#known.set(key, id);
    return id;
  }
  /** x scale + offset by channel; the same node where nothing changes, one op where two follow each other. */
  affine(path: string, x: string, scale: Float64Array, offset: Float64Array): string {
    const { op, inputs } = this.node(x);
    const [source] = inputs;
    if (op.kind === 'affine' && source !== undefined) {
      const both = op.scale.map((s, c) => s * (scale[c] ?? 1));
      const moved = op.offset.map((o, c) => o * (scale[c] ?? 1) + (offset[c] ?? 0));
      return this.affine(path, source, both, moved);
    }
    // however small an offset is, below a root it is the eps of a norm
    if (uniform(scale, 1) && offset.every((v) => v === 0)) return x;
    return this.emit(path, { kind: 'affine', scale, offset }, [x]);
  }
  /** A map as a vector; a pool over the whole map before it becomes a global one. */
  flat(path: string, x: string): string {
    const { op, inputs } = this.node(x);
    const [source = x] = inputs;
    const shape = this.shape(source);
    const isWhole =
      op.kind === 'pool' &&
      isMap(shape) &&
      op.size[0] === shape[0] &&
      op.size[1] === shape[1] &&
      op.padding === 'valid';
    return isWhole
      ? this.emit(x, { kind: 'globalPool', fn: op.fn }, [source])
      : this.emit(path, { kind: 'flatten' }, [x]);
  }
  /** x scale + offset with one number each. */
  scaled(path: string, x: string, scale: number, offset = 0): string {
    if (scale === 1 && offset === 0) return x;
    const c = this.channels(x);
    return this.affine(path, x, new Float64Array(c).fill(scale), new Float64Array(c).fill(offset));
  }
}

/** The most channels of a value, and the most values of a map; a file that has more is damaged. */
const [mostChannels, mostSide, mostValues] = [2 ** 22, 2 ** 16, 2 ** 30];
function bounded(shape: Shape, id: string): Shape {
  const isBounded = shape.slice(0, -1).every((side) => side <= mostSide) && sizeOf(shape) <= mostValues;
  if (isBounded && channelsOf(shape) <= mostChannels) return shape;
  throw new MoonletError(
    `${id}: a value of ${shape.join(' x ')} is larger than any net has; the file is damaged`,
  );
}

/** An op as JSON can compare it. */
const plain = (op: DraftOp): object =>
  op.kind === 'affine' ? { ...op, scale: Array.from(op.scale), offset: Array.from(op.offset) } : op;

function draftShape(op: DraftOp, ins: readonly Shape[], id: string): Shape {
  const [x = [1]] = ins;
  if (
    op.kind === 'affine' ||
    op.kind === 'erf' ||
    op.kind === 'round' ||
    op.kind === 'sqrt' ||
    op.kind === 'floored' ||
    op.kind === 'unit' ||
    op.kind === 'share'
  )
    return x;
  if (op.kind === 'scores' || op.kind === 'weights')
    return [op.groups * op.inQuery[0] * op.inQuery[1], op.inKey[0] * op.inKey[1], op.heads];
  if (op.kind === 'shares' || op.kind === 'sharedMean')
    return op.kind === 'shares' ? x : [op.groups, 1, channelsOf(ins[1] ?? x)];
  if (op.kind === 'outer' || op.kind === 'channelWeights') return [...op.size, op.heads];
  if (op.kind === 'numerator' || op.kind === 'denominator') {
    const c = op.kind === 'numerator' ? op.heads * op.width : op.heads;
    return isMap(x) ? [x[0], x[1], c] : [c];
  }
  if (op.kind === 'mapNorm') return [channelsOf(x)];
  try {
    return shapeOf(op, ins);
  } catch (e) {
    throw e instanceof ShapeError ? e.at(id) : e;
  }
}
