/**
 * @file The engine of growth: every channel stands as often as it is told, and every consumer splits its weights among
 * the copies, so that the network computes what it did.
 *
 * For every value an old channel is kept for each new one: new[..., j] = old[..., map[j]]. Producers gather their
 * outputs by it, consumers gather and split: W'[..., i, j] = share_i W[..., map_in[i], map_out[j]], where the shares
 * of the copies of one channel sum to one. Where an op needs another order of channels than it gets (slices, groups,
 * maxout units, adds after a shuffle), a `permute` is put before it.
 */
import { match } from 'ts-pattern';
import { Refusal } from '../../errors.ts';
import {
  type Channels,
  channelsOf,
  type Graph,
  isDepthwise,
  type Node,
  type Op,
  type Shape,
  shapes,
  shuffled,
} from '../../graph/index.ts';
import {
  type ChannelMap,
  contiguous,
  identity,
  inBlocks,
  isNew,
  orderTo,
  owners,
  positions,
  repeated,
  same,
  sorted,
} from './channel-map.ts';
import type { Copies } from './copies.ts';
import { type Arrange, inverseOfShuffle, mapOfConv, orderForConv, orderForShift } from './orders.ts';

/** How a weight's arrays follow: its input and output axes, gathered by these maps. */
export interface WeightMaps {
  /** Of the second last axis of a kernel; the identity when missing. */
  readonly input: ChannelMap | undefined;
  /** Of the last axis. */
  readonly output: ChannelMap;
  /** Old input channels that no other group of the conv sees are `perGroup` long; the whole axis when there are no groups. */
  readonly groups: { readonly old: number; readonly now: number };
}
export interface Replicated {
  readonly graph: Graph;
  /** The map of each node's value, for old and inserted nodes. */
  readonly maps: ReadonlyMap<string, ChannelMap>;
  /** How the weights of each node follow. */
  readonly weights: ReadonlyMap<string, WeightMaps>;
}

/** A value of the new graph: who makes it, and what its channels copy. */
interface Value {
  readonly id: string;
  readonly map: ChannelMap;
}

/** Each channel as often as its class is told, in order; 0 drops it. */
export const byCopies =
  (copies: Copies): Arrange =>
  (classes) =>
    repeated(classes, (id) => copies.get(id) ?? 1);

/** New nodes behind a place: whoever read its value reads the last of them, whose channels copy those of the place. */
export interface Behind {
  readonly place: string;
  readonly nodes: readonly Node[];
  /** -1 where a channel copies none. */
  readonly map: ChannelMap;
}

/** @throws Refusal when an op cannot take what it would get. */
export function replicate(graph: Graph, all: Channels, arrange: Arrange, behind?: Behind): Replicated {
  const shapeById = shapes(graph);
  const nodes: Node[] = [];
  const maps = new Map<string, ChannelMap>();
  const weights = new Map<string, WeightMaps>();
  const values = new Map<string, Value>();
  const orders = new Map<string, string>();
  const readBy = new Map<string, ChannelMap>();
  const taken = new Set(graph.nodes.map((n) => n.id));

  /** The value in this order of old channels: itself, or through a permute that is made once, under its first reader. */
  const inOrder = (x: Value, wanted: ChannelMap, reader: string): Value => {
    if (same(x.map, wanted)) return x;
    const key = `${x.id}:${wanted.join()}`;
    const id = orders.get(key) ?? freshId(`${reader}/order`, taken);
    if (!orders.has(key)) {
      orders.set(key, id);
      taken.add(id);
      nodes.push({ id, op: { kind: 'permute', order: orderTo(x.map, wanted) }, inputs: [x.id] });
      maps.set(id, wanted);
    }
    return { id, map: wanted };
  };

  for (const node of graph.nodes) {
    const given = node.inputs.map((id) => values.get(id) as Value);
    // what shares weights must read its channels in the same order
    const shared = node.weightsOf === undefined ? undefined : readBy.get(node.weightsOf);
    if (shared && !same(sorted((given[0] as Value).map), sorted(shared)))
      throw new Refusal(
        `${node.id}: reads other channels now than ${node.weightsOf}, whose weights it shares; grow before ${node.weightsOf} too, or elsewhere`,
      );
    const ins = shared ? [inOrder(given[0] as Value, shared, node.id)] : given;
    const x = ins[0] as Value;
    const c = channelsOf(shapeById.get(node.inputs[0] ?? node.id) as Shape);
    const own = all.of.get(node.id) as Int32Array;
    refuseNew(node, ins, c);
    const done = match(node.op)
      .returnType<{ op: Op; ins: readonly Value[]; map: ChannelMap }>()
      .with({ kind: 'input' }, (op) => ({ op, ins: [], map: identity(c) }))
      .with({ kind: 'conv' }, (op) => {
        const whole = all.whole.has(node.id);
        const read = inOrder(x, orderForConv(op, x.map, c, whole), node.id);
        const map = mapOfConv(op, read.map, c, own, arrange, whole);
        const groups = isDepthwise(op, c)
          ? read.map.length
          : whole
            ? read.map.length / (c / op.groups)
            : op.groups;
        const now = { ...op, out: map.length, groups };
        readBy.set(node.id, read.map);
        weights.set(node.id, {
          input: isDepthwise(op, c) ? undefined : read.map,
          output: map,
          groups: { old: op.groups, now: now.groups },
        });
        return { op: now, ins: [read], map };
      })
      .with({ kind: 'dense' }, (op) => {
        const map = arrange(own);
        readBy.set(node.id, x.map);
        weights.set(node.id, { input: x.map, output: map, groups: { old: 1, now: 1 } });
        return { op: { ...op, out: map.length }, ins, map };
      })
      .with({ kind: 'norm' }, (op) => {
        readBy.set(node.id, x.map);
        weights.set(node.id, { input: undefined, output: x.map, groups: { old: 1, now: 1 } });
        return { op, ins, map: x.map };
      })
      .with(
        { kind: 'act' },
        { kind: 'pool' },
        { kind: 'globalPool' },
        { kind: 'dropout' },
        { kind: 'dropPath' },
        { kind: 'upsample' },
        { kind: 'quantize' },
        (op) => ({
          op,
          ins,
          map: x.map,
        }),
      )
      .with({ kind: 'add' }, { kind: 'mul' }, (op) => ({
        op,
        ins: ins.map((y) => inOrder(y, x.map, node.id)),
        map: x.map,
      }))
      .with({ kind: 'concat' }, (op) => {
        const map: number[] = [];
        let offset = 0;
        ins.forEach((y, i) => {
          for (const from of y.map) map.push(isNew(from) ? from : from + offset);
          offset += channelsOf(shapeById.get(node.inputs[i] as string) as Shape);
        });
        return { op, ins, map: Int32Array.from(map) };
      })
      .with({ kind: 'slice' }, ({ from, to }) => {
        const inside = (old: number): boolean => old >= from && old < to;
        const y = contiguous(owners(x.map), inside) ? x : inOrder(x, sorted(x.map), node.id);
        const first = Math.max(0, owners(y.map).findIndex(inside));
        const count = owners(y.map).filter(inside).length;
        return {
          op: { kind: 'slice', from: first, to: first + count },
          ins: [y],
          map: y.map.slice(first, first + count).map((old) => (isNew(old) ? old : old - from)),
        };
      })
      .with({ kind: 'shuffle' }, ({ groups }) => {
        const old = inverseOfShuffle(c, groups);
        const now = x.map.length;
        if (now % groups === 0) {
          const map = Int32Array.from(
            { length: now },
            (_, j) => old[x.map[shuffled(j, now, groups)] as number] ?? -1,
          );
          return { op: { kind: 'shuffle', groups }, ins, map };
        }
        const moved = x.map.map((from) => old[from] ?? -1);
        const order = [...moved.keys()].sort((a, b) => (moved[a] as number) - (moved[b] as number) || a - b);
        return {
          op: { kind: 'permute', order },
          ins,
          map: Int32Array.from(order, (i) => moved[i] as number),
        };
      })
      .with({ kind: 'permute' }, ({ order }) => {
        const at = positions(x.map);
        const more = at.get(-1) ?? [];
        const moved = [...order.flatMap((from) => at.get(from) ?? []), ...more];
        const map = [...order.flatMap((from, j) => (at.get(from) ?? []).map(() => j)), ...more.map(() => -1)];
        return { op: { kind: 'permute', order: moved }, ins, map: Int32Array.from(map) };
      })
      .with({ kind: 'flatten' }, (op) => {
        const [h, w] = shapeById.get(node.inputs[0] as string) as unknown as readonly [number, number];
        const now = x.map.length;
        const map = Int32Array.from({ length: h * w * now }, (_, i) => {
          const old = x.map[i % now] as number;
          return isNew(old) ? old : Math.floor(i / now) * c + old;
        });
        return { op, ins, map };
      })
      .with({ kind: 'maxout' }, (op) => {
        const y = inOrder(x, inBlocks(x.map, op.pieces), node.id);
        const map = Int32Array.from(
          { length: y.map.length / op.pieces },
          (_, u) => (y.map[u * op.pieces] as number) / op.pieces,
        );
        return { op, ins: [y], map };
      })
      .with({ kind: 'shift' }, (op) => {
        const y = inOrder(x, orderForShift(node.id, op.kernel, c, x.map), node.id);
        return { op, ins: [y], map: y.map };
      })
      .exhaustive();
    if (!done.map.length) throw new Refusal(`${node.id}: every channel would be gone; keep one at least`);
    nodes.push({ ...node, op: done.op, inputs: done.ins.map((y) => y.id) });
    maps.set(node.id, done.map);
    values.set(node.id, { id: node.id, map: done.map });
    if (behind?.place === node.id) {
      nodes.push(...behind.nodes);
      values.set(node.id, { id: behind.nodes.at(-1)?.id as string, map: behind.map });
    }
  }
  return { graph: { ...graph, nodes }, maps, weights };
}

/** @throws Refusal where an op cannot take channels that copy none, or not as many as it gets. */
function refuseNew({ id, op }: Node, ins: readonly Value[], c: number): void {
  const [first = 0, ...others] = ins.map((y) => y.map.filter(isNew).length);
  if ((op.kind === 'add' || op.kind === 'mul') && others.some((n) => n !== first))
    throw new Refusal(`${id}: one of its operands would have channels that the others have not`);
  if (!first) return;
  const grouped = op.kind === 'conv' && op.groups > 1 && !isDepthwise(op, c);
  const softmax = op.kind === 'act' && op.fn === 'softmax';
  if (grouped || softmax || op.kind === 'maxout' || op.kind === 'shift')
    throw new Refusal(
      `${id}: a ${grouped ? 'grouped conv' : softmax ? 'softmax' : op.kind} cannot take more channels`,
    );
}

function freshId(wanted: string, taken: ReadonlySet<string>): string {
  let id = wanted;
  for (let n = 2; taken.has(id); n++) id = `${wanted}_${n}`;
  return id;
}
