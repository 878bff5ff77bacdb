/**
 * @file The certificate's rules for nodes that growth has added: when such a node returns an old value unchanged, or
 * zeros.
 */
import type { Activation, Conv, Graph, Kind, Node, OpOf, Slot } from '../../graph/index.ts';
import { materialize, type Net } from '../../weights/index.ts';

/** The old value that a new one has the channels of (-1 for new channels), or that it is zero. */
export type Sound = { readonly as: string; readonly map: readonly number[] } | 'zero';

/** A weight's numbers; undefined when the net does not have it. */
export const stored = (net: Net, node: Node, slot: Slot): Float32Array | undefined => {
  const weight = net.weights.get(`${node.weightsOf ?? node.id}:${slot}`);
  return weight && materialize(weight);
};

type OpByKind = { readonly [K in Kind]: OpOf<K> };
/** An added node: what it reads, and its weights. */
interface Added<K extends Kind> {
  readonly op: OpByKind[K];
  readonly ins: readonly (Sound | undefined)[];
  /** Channels of each value that it reads. */
  readonly widths: readonly number[];
  readonly old: Graph;
  weight(slot: Slot): Float32Array | undefined;
}
type Rule<K extends Kind> = (added: Added<K>) => Sound | undefined;

/** What a new node makes of sound values; undefined when no rule proves anything of it. */
export const passedOn = (
  old: Graph,
  node: Node,
  ins: readonly (Sound | undefined)[],
  now: Net,
  widths: readonly number[],
): Sound | undefined =>
  ruled<Kind>(node.op.kind, { op: node.op, ins, widths, old, weight: (slot) => stored(now, node, slot) });
const ruled = <K extends Kind>(kind: K, added: Added<K>): Sound | undefined => rules[kind](added);

/** The channels of a value in another order, or a part of them; zeros stay zeros. */
const moved = (
  x: Sound | undefined,
  move: (map: readonly number[]) => readonly number[],
): Sound | undefined => (x && x !== 'zero' ? { as: x.as, map: move(x.map) } : x);
const isZero = (values: Float32Array | undefined): boolean => values?.every((v) => v === 0) ?? false;
const isZeroOrMissing = (values: Float32Array | undefined): boolean => !values || isZero(values);
/** A norm whose scale is zero. */
const silentNorm: Rule<'layerNorm' | 'groupNorm'> = ({ op, weight }) =>
  op.scale && isZero(weight('gamma')) && isZeroOrMissing(weight('beta')) ? 'zero' : undefined;
/** Ops that make zeros of zeros, and of which nothing else is proved. */
const keepsZero: Rule<'dropout' | 'dropPath' | 'pool' | 'pad'> = ({ ins: [x] }) =>
  x === 'zero' ? x : undefined;
/** A layer of zeros. */
const zeroLayer: Rule<'dense' | 'convTranspose'> = ({ weight }) =>
  isZero(weight('kernel')) && isZeroOrMissing(weight('bias')) ? 'zero' : undefined;
/** Ops that growth never adds: nothing is proved of them. */
const unproved = (): undefined => undefined;

/** What each kind of op makes when it is new. A new kind does not compile until it has a rule here. */
const rules: { readonly [K in Kind]: Rule<K> } = {
  permute: ({ op, ins: [x] }) => moved(x, (map) => op.order.map((i) => map[i] ?? -1)),
  slice: ({ op, ins: [x] }) => moved(x, (map) => map.slice(op.from, op.to)),
  shuffle: ({ op, ins: [x] }) => moved(x, (map) => shuffledBy(map, op.groups)),
  concat: ({ ins, widths }) => {
    // a value with more channels, be they new ones or those of another value
    const as = ins.flatMap((s) => (s && s !== 'zero' ? [s.as] : []))[0];
    if (as === undefined) return undefined;
    const parts = ins.map((s, i) =>
      s && s !== 'zero' && s.as === as ? s.map : new Array<number>(widths[i] ?? 0).fill(-1),
    );
    return { as, map: parts.flat() };
  },
  add: ({ ins }) => {
    const [value, ...more] = ins.filter((s) => s !== 'zero');
    return more.length ? undefined : ins.every((s) => s === 'zero') ? 'zero' : value;
  },
  mul: ({ ins }) => (ins.includes('zero') ? 'zero' : undefined),
  norm: ({ op, ins: [x], weight }) => {
    const [gamma, beta] = [weight('gamma'), weight('beta')];
    if (isZero(gamma) && isZero(beta)) return 'zero';
    const scale = Math.sqrt(1 + op.eps);
    const passes =
      gamma?.every((v) => Math.abs(v - scale) < 1e-6) &&
      isZero(beta) &&
      isZero(weight('mean')) &&
      weight('variance')?.every((v) => v === 1);
    return passes ? x : undefined;
  },
  dense: zeroLayer,
  convTranspose: zeroLayer,
  scale: ({ ins: [x], weight }) => {
    const gamma = weight('gamma');
    if (x === 'zero' || isZero(gamma)) return 'zero';
    return gamma?.every((v) => v === 1) ? x : undefined;
  },
  positions: ({ ins: [x], weight }) => (isZero(weight('kernel')) && isZero(weight('bias')) ? x : undefined),
  layerNorm: silentNorm,
  groupNorm: silentNorm,
  responseNorm: ({ ins: [x], weight }) =>
    isZero(weight('beta')) && (x === 'zero' || isZero(weight('gamma'))) ? x : undefined,
  conv: ({ op, ins: [x], weight }) => {
    const kernel = weight('kernel');
    if (!isZeroOrMissing(weight('bias'))) return undefined;
    return isZero(kernel) ? 'zero' : isDirac(op, kernel ?? []) ? x : undefined;
  },
  act: ({ op, ins: [x], old }) => {
    if (x === 'zero') return zeroAtZero[op.fn] ? 'zero' : undefined;
    return x && settled(old, x.as, op.fn) ? x : undefined;
  },
  dropout: keepsZero,
  dropPath: keepsZero,
  pool: keepsZero,
  pad: keepsZero,
  input: unproved,
  attention: unproved,
  globalPool: unproved,
  flatten: unproved,
  maxout: unproved,
  pixelShuffle: unproved,
  shift: unproved,
  upsample: unproved,
  resize: unproved,
  quantize: unproved,
};

/** Channel i of group g goes to place i * groups + g. */
function shuffledBy(map: readonly number[], groups: number): readonly number[] {
  const shuffled: number[] = [];
  const each = map.length / groups;
  map.forEach((from, i) => {
    shuffled[(i % each) * groups + Math.floor(i / each)] = from;
  });
  return shuffled;
}

/** One in the middle of each channel's own filter, zero elsewhere, at stride 1 and 'same'. */
function isDirac(
  { kernel: [kh, kw], stride, groups, out, padding }: Conv,
  kernel: ArrayLike<number>,
): boolean {
  if (groups !== 1 || padding !== 'same' || stride[0] !== 1 || stride[1] !== 1) return false;
  const middle = Math.floor((kh - 1) / 2) * kw + Math.floor((kw - 1) / 2);
  return Array.from(kernel).every((v, i) => {
    const [place, row, column] = [Math.floor(i / out / out), Math.floor(i / out) % out, i % out];
    return v === (place === middle && row === column ? 1 : 0);
  });
}

/** Activations that make zeros of zeros. */
const zeroAtZero: Readonly<Record<Activation, boolean>> = {
  relu: true,
  relu6: true,
  hardSwish: true,
  swish: true,
  tanh: true,
  gelu: true,
  geluTanh: true,
  negate: true,
  sigmoid: false,
  hardSigmoid: false,
  softmax: false,
};

/**
 * Which activations an op leaves idempotent: if f(x) = x for all that it reads, f(y) = y for what it makes. Dropout scales what
 * it keeps in training, beyond the 6 of a relu6. Activations themselves are looked up by name.
 */
const keepsIdempotent: Readonly<Record<Exclude<Kind, 'act'>, readonly Activation[]>> = {
  concat: ['relu', 'relu6'],
  slice: ['relu', 'relu6'],
  shuffle: ['relu', 'relu6'],
  permute: ['relu', 'relu6'],
  pool: ['relu', 'relu6'],
  pad: ['relu', 'relu6'],
  dropout: ['relu'],
  dropPath: ['relu'],
  input: [],
  conv: [],
  dense: [],
  norm: [],
  convTranspose: [],
  layerNorm: [],
  groupNorm: [],
  responseNorm: [],
  scale: [],
  positions: [],
  attention: [],
  globalPool: [],
  add: [],
  mul: [],
  flatten: [],
  maxout: [],
  pixelShuffle: ['relu', 'relu6'],
  shift: [],
  upsample: [],
  resize: [],
  quantize: [],
};

/** Whether an old value is the output of an activation that changes nothing when it is applied again. */
function settled({ nodes }: Graph, id: string, fn: Activation): boolean {
  const byId = new Map(nodes.map((n) => [n.id, n]));
  const isSettled = (path: string): boolean => {
    const node = byId.get(path);
    if (!node) return false;
    const { op, inputs } = node;
    if (op.kind === 'act') return op.fn === fn;
    return keepsIdempotent[op.kind].includes(fn) && inputs.every(isSettled);
  };
  return (fn === 'relu' || fn === 'relu6') && isSettled(id);
}
