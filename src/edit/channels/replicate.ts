/**
 * @file The engine of growth and pruning: every channel appears a chosen number of times, and every layer that reads
 * it splits its weights among the copies, so that the net computes the same function.
 *
 * It walks the graph once. For every value a map says which old channel each new one copies; the rules of
 * `rules/table.ts` carry the maps through the ops and give each op of the new graph. Where an op needs another order of
 * channels than it gets (slices, groups, maxout units, sums after a shuffle), a `permute` is put before it.
 */

import { first, get, last } from '../../access.ts';
import { Refusal } from '../../errors.ts';
import { type Channels, channelsOf, type Graph, type Kind, type Node, shapes } from '../../graph/index.ts';
import { type ChannelMap, identity, isNew, orderTo, repeated, same, sorted } from './channel-map.ts';
import type { Copies } from './copies.ts';
import type { Arrange, Value, WeightMaps } from './rules/rule.ts';
import { refusesNew, replicaOf } from './rules/table.ts';

/** A graph with its channels in other numbers or another order, and how all values and weights follow. */
export interface Replicated {
  readonly graph: Graph;
  /** The map of each node's value, for old and inserted nodes. */
  readonly maps: ReadonlyMap<string, ChannelMap>;
  /** How the weights of each node follow. */
  readonly weights: ReadonlyMap<string, WeightMaps>;
}

/** Each channel as often as the number of copies of its class, in order; 0 drops it. */
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

/**
 * The graph whose producers make the channels that `arrange` gives, and the maps of all values and weights.
 * @throws Refusal when an op cannot take what it would get.
 */
export function replicate(graph: Graph, all: Channels, arrange: Arrange, behind?: Behind): Replicated {
  const oldShapes = shapes(graph);
  const made = draft(graph);
  const values = new Map<string, Value>();
  const readBy = new Map<string, ChannelMap>();
  for (const node of graph.nodes) {
    const { id, op } = node;
    const given = node.inputs.map((input) => get(values, input));
    const ins = inSharedOrder(node, given, readBy, made);
    const oldIn = node.inputs.map((input) => get(oldShapes, input));
    const c = channelsOf(oldIn[0] ?? get(oldShapes, id));
    const x = ins[0] ?? { id, map: identity(c) };
    refuseNew(node, x, c);
    const done = replicaOf<Kind>(op.kind, {
      id,
      op,
      ins,
      x,
      oldIn,
      c,
      classes: get(all.of, id),
      whole: all.whole.has(id),
      arrange,
      inOrder: (value, wanted) => made.inOrder(value, wanted, id),
    });
    if (!done.map.length) throw new Refusal(`${id}: every channel would be removed; keep at least one`);
    made.push({ ...node, op: done.op, inputs: done.ins.map((y) => y.id) }, done.map);
    values.set(id, { id, map: done.map });
    if (done.weights) {
      made.weights.set(id, done.weights);
      readBy.set(id, first(done.ins).map);
    }
    if (behind?.place === id) {
      made.nodes.push(...behind.nodes);
      values.set(id, { id: last(behind.nodes).id, map: behind.map });
    }
  }
  return { graph: { ...graph, nodes: made.nodes }, maps: made.maps, weights: made.weights };
}

type Draft = ReturnType<typeof draft>;
/** The new graph as it is made: its nodes, their maps, and the permutes that are put between them. */
function draft(old: Graph) {
  const nodes: Node[] = [];
  const maps = new Map<string, ChannelMap>();
  const weights = new Map<string, WeightMaps>();
  const orders = new Map<string, string>();
  const taken = new Set(old.nodes.map((n) => n.id));
  const push = (node: Node, map: ChannelMap): void => {
    nodes.push(node);
    maps.set(node.id, map);
  };
  /** The value in this order of old channels: itself, or through a permute that is made once, under its first reader. */
  const inOrder = (x: Value, wanted: ChannelMap, reader: string): Value => {
    if (same(x.map, wanted)) return x;
    const key = `${x.id}:${wanted.join()}`;
    const known = orders.get(key);
    if (known !== undefined) return { id: known, map: wanted };
    const id = freshId(`${reader}/order`, taken);
    orders.set(key, id);
    taken.add(id);
    push({ id, op: { kind: 'permute', order: orderTo(x.map, wanted) }, inputs: [x.id] }, wanted);
    return { id, map: wanted };
  };
  return { nodes, maps, weights, push, inOrder };
}

/**
 * What a node reads; where it shares weights, in the order of the node that has them.
 * @throws Refusal when the channels are not the same ones.
 */
function inSharedOrder(
  { id, weightsOf }: Node,
  given: readonly Value[],
  readBy: ReadonlyMap<string, ChannelMap>,
  { inOrder }: Draft,
): readonly Value[] {
  const shared = weightsOf === undefined ? undefined : readBy.get(weightsOf);
  if (!shared) return given;
  const x = first(given);
  if (!same(sorted(x.map), sorted(shared)))
    throw new Refusal(
      `${id}: it would read other channels than ${weightsOf}, whose weights it shares; grow before ${weightsOf} too, or elsewhere`,
    );
  return [inOrder(x, shared, id)];
}

/** @throws Refusal where an op cannot take channels that copy none. */
function refuseNew({ id, op }: Node, x: Value, c: number): void {
  if (!x.map.some(isNew)) return;
  const words = refusesNew<Kind>(op.kind, op, c);
  if (words) throw new Refusal(`${id}: a ${words} cannot take more channels`);
}

function freshId(wanted: string, taken: ReadonlySet<string>): string {
  let id = wanted;
  for (let n = 2; taken.has(id); n++) id = `${wanted}_${n}`;
  return id;
}
