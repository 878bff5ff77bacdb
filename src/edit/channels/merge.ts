/**
 * @file Finds and merges copies in any net: of channels that compute the same, one remains, and the layers that read
 * it get the sum of all weights. It undoes widening without its maps, as long as training has not made the copies
 * differ.
 */

import { get, item } from '../../access.ts';
import {
  type Channels,
  channels,
  firstInput,
  type Graph,
  groupsOf,
  isDepthwise,
  isLinear,
  type Node,
} from '../../graph/index.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../weights/index.ts';
import { append, matrixOf, weightOf } from '../lookup.ts';
import { callback, checkNet, checkOptions } from '../options.ts';
import type { ChannelMap } from './channel-map.ts';
import { withCopies } from './copy-channels.ts';
import { channelNumbers } from './equal-channels.ts';
import { summed } from './narrow.ts';

/** A net without copies. */
export interface Merged {
  readonly net: Net;
  /** For each remaining channel of each value, the old channel that it was. */
  readonly maps: ReadonlyMap<string, ChannelMap>;
  /** How many classes of channels were removed (see `channels`). */
  readonly gone: number;
}

/**
 * The net without copies of channels. It preserves the function in inference and in training (copies have equal statistics).
 * `byGroups` names the grouped convs that lose whole groups instead of channels within their groups.
 * @throws Refusal when the groups of a conv would be left with unequal numbers of channels.
 * @example
 * import { init, mergeCopies, widen } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, size: 16 }));
 * const wide = widen(net, { 'stage1/0/first': 'x2' });
 * console.log(mergeCopies(wide.net).gone); // 16
 */
export function mergeCopies(net: Net, o: { readonly byGroups?: (node: string) => boolean } = {}): Merged {
  checkNet('mergeCopies', net);
  checkOptions('mergeCopies', o, { byGroups: callback });
  const all = channels(net.graph, o);
  const numbers = channelNumbers(net);
  const kept = new Map<string, number>();
  const into = new Map<number, number>();
  for (const [id, sign] of signatures(net.graph, all, numbers)) {
    const first = kept.get(sign);
    if (first === undefined) kept.set(sign, id);
    else if (!all.frozen.has(id)) into.set(id, first);
  }
  const isAttention = ({ op }: Node): boolean => op.kind === 'attention';
  const read = net.graph.nodes.filter(isAttention).flatMap(({ inputs }) => inputs);
  keepMeans(
    all,
    into,
    read.flatMap((id) => [...get(all.of, id)]),
  );
  const collected: Net = { graph: net.graph, weights: collect(net, all, numbers, into) };
  const { net: smaller, maps } = withCopies(
    'mergeCopies',
    collected,
    new Map([...into.keys()].map((id) => [id, 0])),
    o,
  );
  return { net: withoutIdleOrders(smaller), maps, gone: into.size };
}

/** A norm over channels keeps its means only when all that it reads become equally many: else none of those is merged. */
function keepMeans({ balances }: Channels, into: Map<number, number>, fixed: Iterable<number>): void {
  const norms = balances.filter(({ kind }) => kind === 'norm');
  // of an attention nothing is merged: its heads would have to lose equally many, and its scale would change
  for (const id of fixed) into.delete(id);
  const uneven = (classes: Int32Array): boolean => {
    const counts = new Map<number, number>();
    for (const id of classes) counts.set(into.get(id) ?? id, (counts.get(into.get(id) ?? id) ?? 0) + 1);
    return new Set(counts.values()).size > 1;
  };
  for (let again = true; again; ) {
    again = false;
    for (const { classes } of norms) {
      if (!uneven(classes)) continue;
      for (const id of classes) again = into.delete(id) || again;
    }
  }
}

/** Each class by the places of its channels and their numbers: classes of one signature are copies of each other everywhere. */
function signatures(
  graph: Graph,
  all: Channels,
  numbers: ReadonlyMap<string, Int32Array>,
): ReadonlyMap<number, string> {
  const marks = new Map<number, string[]>();
  for (const [k, node] of graph.nodes.entries()) {
    const own = get(numbers, node.id);
    for (const [i, id] of get(all.of, node.id).entries()) append(marks, id, `${k}:${own[i]}`);
    const read = all.of.get(node.inputs[0] ?? '');
    if (!read || !seesGroups(node, read.length) || all.whole.has(node.id)) continue;
    const groups = groupsOf(node.op);
    for (const [i, id] of read.entries())
      append(marks, id, `${k} in ${Math.floor((i * groups) / read.length)}`);
  }
  return new Map([...marks].map(([id, list]) => [id, list.join()]));
}
const seesGroups = ({ op }: Node, c: number): boolean =>
  groupsOf(op) > 1 && !isDepthwise({ groups: groupsOf(op) }, c);

/** Weights that read copies, added up at the first of them. */
function collect(
  { graph, weights }: Net,
  all: Channels,
  numbers: ReadonlyMap<string, Int32Array>,
  into: ReadonlyMap<number, number>,
): ReadonlyMap<WeightKey, Weight> {
  const next = new Map<WeightKey, Weight>(weights);
  for (const node of graph.nodes) {
    const { op, weightsOf } = node;
    if (weightsOf !== undefined || !isLinear(op)) continue;
    const [read, number] = [get(all.of, firstInput(node)), get(numbers, firstInput(node))];
    if (op.kind !== 'dense' && (isDepthwise(op, read.length) || all.whole.has(node.id))) continue;
    const weight = weightOf({ weights }, node.id, 'kernel');
    const [rows, columns] = matrixOf(weight.shape);
    const old = materialize(weight);
    const data = Float32Array.from(old);
    const groups = groupsOf(op);
    for (let g = 0; g < groups; g++) {
      for (const copies of copiesIn(read, number, into, g * rows, rows)) {
        for (let p = 0; p < data.length / (rows * columns); p++) {
          for (let j = (g * columns) / groups; j < ((g + 1) * columns) / groups; j++) {
            const parts = copies.map((i) => old[(p * rows + i) * columns + j]!);
            data[(p * rows + item(copies, 0)) * columns + j] = summed(parts);
          }
        }
      }
    }
    next.set(`${node.id}:kernel`, float(weight.shape, data));
  }
  return next;
}

/** Within one group's rows: those of a channel that stays, and of all that become it. */
function copiesIn(
  read: Int32Array,
  number: Int32Array,
  into: ReadonlyMap<number, number>,
  from: number,
  rows: number,
): readonly (readonly number[])[] {
  const places = new Map<string, number[]>();
  const times = new Map<string, number>();
  for (let i = 0; i < rows; i++) {
    const id = read[from + i]!;
    const own = `${id} ${number[from + i]}`;
    const time = (times.get(own) ?? 0) + 1;
    times.set(own, time);
    // a class may have several channels here: the first becomes the first of the other, and so on
    const key = `${into.get(id) ?? id} ${number[from + i]} ${time}`;
    const list = places.get(key);
    if (list && !into.has(id))
      list.unshift(i); // the one that stays comes first
    else append(places, key, i);
  }
  return [...places.values()].filter((list) => list.length > 1);
}

/** Without permutes that change no order, which growth may have put in. */
function withoutIdleOrders({ graph, weights }: Net): Net {
  const idle = new Map<string, string>();
  for (const { id, op, inputs } of graph.nodes) {
    const keepsOrder = op.kind === 'permute' && op.order.every((from, i) => from === i);
    if (keepsOrder && !graph.outputs.includes(id)) idle.set(id, item(inputs, 0));
  }
  const source = (id: string): string => {
    const before = idle.get(id);
    return before === undefined ? id : source(before);
  };
  const nodes = graph.nodes.flatMap((n) => (idle.has(n.id) ? [] : [{ ...n, inputs: n.inputs.map(source) }]));
  return { graph: { ...graph, nodes }, weights };
}
