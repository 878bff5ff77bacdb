/**
 * @file The certificate's rules for nodes that exist in both nets: the conditions on an op and its weights under which
 * correct inputs give a correct value. A new kind does not compile until it has a rule here.
 */
import type { Kind, Node, OpOf, Shape } from '../../graph/index.ts';
import { checkAttention } from './attention.ts';
import { type Comparison, checkLayer, checkVector, equal } from './layer.ts';

/** What an op may have become: itself, with other widths; a shuffle also a permute. */
type NowByKind = { readonly [K in Kind]: K extends 'shuffle' ? OpOf<'shuffle' | 'permute'> : OpOf<K> };
type WasByKind = { readonly [K in Kind]: OpOf<K> };

/** A node in both nets, and the maps of what it reads and makes: old channels, -1 for new ones. */
interface Kept<K extends Kind> {
  readonly was: WasByKind[K];
  readonly now: NowByKind[K];
  readonly nodes: readonly [was: Node, now: Node];
  readonly ins: readonly (readonly number[])[];
  /** The first of `ins`. */
  readonly x: readonly number[];
  readonly out: readonly number[];
  readonly oldIn: readonly Shape[];
  /** Channels that the first input had. */
  readonly c: number;
  readonly compared: Comparison;
}
/** What is wrong, if anything is; layers report by themselves. */
type Rule<K extends Kind> = (kept: Kept<K>) => string | undefined;

/** Report what is wrong with a node whose inputs are sound. */
export function checkKept(
  was: Node,
  node: Node,
  ins: readonly (readonly number[])[],
  out: readonly number[],
  oldIn: readonly Shape[],
  compared: Comparison,
): void {
  const c = oldIn[0]?.at(-1) ?? 0;
  const kept = { was: was.op, now: node.op, ins, x: ins[0] ?? [], out, oldIn, c, compared };
  const finding = ruled<Kind>(was.op.kind, { ...kept, nodes: [was, node] });
  if (finding) compared.report(finding);
}
const ruled = <K extends Kind>(kind: K, kept: Kept<K>): string | undefined => rules[kind](kept);

const unless = (holds: boolean, finding: string): string | undefined => (holds ? undefined : finding);
/** Ops that compute each channel from the same channel. */
const passing: Rule<Kind> = ({ was, x, out }) =>
  unless(equal(out, x), `a ${was.kind} passes channels on as they are`);
/** Sums and products: every operand must bring the channels of the result. */
const meeting: Rule<'add' | 'mul'> = ({ ins, out }) =>
  unless(
    ins.every((map) => equal(map, out)),
    'its operands do not bring the same channels',
  );
const layer: Rule<'conv' | 'convTranspose' | 'dense'> = ({
  nodes: [was, now],
  x,
  out,
  oldIn: [shape],
  compared,
}) => {
  if (shape) checkLayer(was, now, x, out, shape, compared);
  return unless(shape !== undefined, 'it reads nothing');
};
/** Where each old output channel came from, and where each new one comes from. */
const moving: Rule<'shuffle' | 'permute'> = ({ was, now, x, out, c }) => {
  const [oldFrom, nowFrom] = [orderOf(was, c), orderOf(now, x.length)];
  return unless(
    nowFrom.length === out.length && nowFrom.every((i, j) => x[i] === (oldFrom[out[j] ?? -1] ?? -1)),
    'it moves channels elsewhere than the old one did',
  );
};

/** Means over channels are those of before when every old channel has the same number of copies, and no new one is there. */
const equallyOften = ({
  nodes: [before, now],
  x,
  out,
  c,
  compared,
}: Pick<Kept<Kind>, 'nodes' | 'x' | 'out' | 'c' | 'compared'>): string | undefined => {
  if (!equal(out, x)) return 'a norm passes channels on as they are';
  const copies = new Array<number>(c).fill(0);
  for (const old of x) if (old >= 0) copies[old]! += 1;
  if (copies.some((n) => n * c !== x.length))
    return 'a norm over channels must see every old channel equally often, and no other';
  for (const slot of ['gamma', 'beta'] as const) checkVector(before, now, slot, out, compared);
  return undefined;
};
const overChannels: Rule<'layerNorm' | 'responseNorm'> = equallyOften;
/** As over channels; besides, every copy is in the group of its original. */
const groupNorm: Rule<'groupNorm'> = (kept) => {
  const { was, now, x, c } = kept;
  const groupOf = (i: number, n: number): number => Math.floor((i * was.groups) / n);
  if (now.groups !== was.groups || x.some((old, i) => old >= 0 && groupOf(old, c) !== groupOf(i, x.length)))
    return 'a group norm must see every channel in its group';
  return equallyOften(kept);
};
/** Units of `pieces` neighbouring channels each. */
function inUnits(pieces: number, x: readonly number[], out: readonly number[]): string | undefined {
  const whole = x.every((v, i) => {
    const unit = out[Math.floor(i / pieces)] ?? -1;
    return v === (unit < 0 ? unit : unit * pieces + (i % pieces));
  });
  return unless(whole && x.length === out.length * pieces, 'its pieces are not those of the old units');
}

const rules: { readonly [K in Kind]: Rule<K> } = {
  input: ({ out }) => unless(equal(out, range(out.length)), 'it is an input, and its channels have changed'),
  conv: layer,
  dense: layer,
  norm: ({ was, nodes: [before, now], x, out, compared }) => {
    if (!equal(out, x)) return `a ${was.kind} passes channels on as they are`;
    for (const slot of ['gamma', 'beta', 'mean', 'variance'] as const)
      checkVector(before, now, slot, out, compared);
    return undefined;
  },
  convTranspose: layer,
  scale: ({ was, nodes: [before, now], x, out, compared }) => {
    if (!equal(out, x)) return `a ${was.kind} passes channels on as they are`;
    checkVector(before, now, 'gamma', out, compared);
    return undefined;
  },
  positions: ({ was, nodes: [before, now], x, out, compared }) => {
    if (!equal(out, x)) return `a ${was.kind} passes channels on as they are`;
    checkVector(before, now, 'bias', out, compared);
    checkVector(before, now, 'kernel', out, compared);
    return undefined;
  },
  attention: ({ was, now, nodes, ins, out, oldIn, compared }) =>
    checkAttention({ was, now, nodes, ins, out, oldIn, compared }),
  layerNorm: overChannels,
  groupNorm,
  responseNorm: overChannels,
  act: ({ was, x, out, c }) => {
    if (was.fn === 'softmax' && !equal(x, range(c))) return 'a softmax must see each channel once';
    return unless(equal(out, x), 'an activation passes channels on as they are');
  },
  pool: passing,
  pad: passing,
  globalPool: passing,
  upsample: passing,
  resize: passing,
  quantize: passing,
  dropout: passing,
  dropPath: passing,
  add: meeting,
  mul: meeting,
  concat: ({ ins, out, oldIn }) => {
    let offset = 0;
    const joined = ins.flatMap((map, i) => {
      const part = map.map((v) => (v < 0 ? v : v + offset));
      offset += oldIn[i]?.at(-1) ?? 0;
      return part;
    });
    return unless(equal(out, joined), 'its channels are not those of its inputs, one after another');
  },
  slice: ({ was, now, x, out }) => {
    const part = x.slice(now.from, now.to).map((v) => (v < 0 ? v : v - was.from));
    return unless(equal(out, part), 'it does not cut where the old one did');
  },
  shuffle: moving,
  permute: moving,
  flatten: ({ x, out, c }) =>
    unless(
      out.every((v, i) => {
        const from = x[i % x.length] ?? -1;
        return v === (from < 0 ? from : Math.floor(i / x.length) * c + from);
      }),
      'its vector is not in the order of places, channels fastest',
    ),
  maxout: ({ now: { pieces }, x, out }) => inUnits(pieces, x, out),
  pixelShuffle: ({ now: { factor }, x, out }) => inUnits(factor * factor, x, out),
  shift: ({ now: { kernel }, x, out, c }) => {
    if (!equal(out, x)) return 'a shift passes channels on as they are';
    return unless(
      x.every((v, i) => v < 0 || offsetOf(i, x.length, kernel) === offsetOf(v, c, kernel)),
      'a channel moves by another offset than its original',
    );
  },
};

/** 0, 1, ..., n - 1. */
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** For each channel that the op makes, the one that it reads. */
function orderOf(op: OpOf<'shuffle' | 'permute'>, c: number): readonly number[] {
  if (op.kind === 'permute') return op.order;
  const order: number[] = [];
  const each = c / op.groups;
  for (let i = 0; i < each; i++) for (let g = 0; g < op.groups; g++) order.push(g * each + i);
  return order;
}

/** The offset by which a shift moves a channel: by its group, and the middle for those that fill none. */
function offsetOf(channel: number, c: number, kernel: number): number {
  const each = Math.floor(c / (kernel * kernel));
  const middle = (kernel * kernel - 1) / 2;
  return each === 0 ? middle : channel < each * kernel * kernel ? Math.floor(channel / each) : middle;
}
