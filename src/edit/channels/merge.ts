/**
 * @file Copies found and made one, in any net: channels that compute the same number stand once, and their readers get
 * the sum of the weights of all. It undoes widening without its maps, as long as the copies have not learned.
 */
import { type Channels, channels, type Graph, isDepthwise, type Node } from '../../graph/index.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../weights/index.ts';
import { callback, checkNet, checkOptions } from '../options.ts';
import type { ChannelMap } from './channel-map.ts';
import { withCopies } from './copy-channels.ts';
import { channelNumbers } from './equal-channels.ts';
import { summed } from './narrow.ts';

export interface Merged {
  readonly net: Net;
  /** For each channel of each value that is left, the old one that it was. */
  readonly maps: ReadonlyMap<string, ChannelMap>;
  /** How many decisions on channels are gone (see `channels`). */
  readonly gone: number;
}

/**
 * The net with each channel once. It preserves the function in inference and in training (copies have equal statistics).
 * @throws Refusal when the groups of a conv would be left with unequal numbers of channels.
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
  const collected: Net = { graph: net.graph, weights: collect(net, all, numbers, into) };
  const { net: smaller, maps } = withCopies(
    'mergeCopies',
    collected,
    new Map([...into.keys()].map((id) => [id, 0])),
    o,
  );
  return { net: withoutIdleOrders(smaller), maps, gone: into.size };
}

/** Where each class stands, and what it is there: classes of one signature are copies of each other wherever they are. */
function signatures(
  graph: Graph,
  all: Channels,
  numbers: ReadonlyMap<string, Int32Array>,
): ReadonlyMap<number, string> {
  const marks = new Map<number, string[]>();
  const mark = (id: number, what: string): void => {
    const list = marks.get(id);
    if (list) list.push(what);
    else marks.set(id, [what]);
  };
  graph.nodes.forEach((node, k) => {
    const [classes, own] = [all.of.get(node.id), numbers.get(node.id)] as [Int32Array, Int32Array];
    classes.forEach((id, i) => {
      mark(id, `${k}:${own[i]}`);
    });
    const read = all.of.get(node.inputs[0] ?? '');
    if (!read || !seesGroups(node, read.length) || all.whole.has(node.id)) return;
    const groups = node.op.kind === 'conv' ? node.op.groups : 1;
    read.forEach((id, i) => {
      mark(id, `${k} in ${Math.floor((i * groups) / read.length)}`);
    });
  });
  return new Map([...marks].map(([id, list]) => [id, list.join()]));
}
const seesGroups = ({ op }: Node, c: number): boolean =>
  op.kind === 'conv' && op.groups > 1 && !isDepthwise(op, c);

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
    if (weightsOf !== undefined || (op.kind !== 'conv' && op.kind !== 'dense')) continue;
    const [read, number] = [all.of, numbers].map((m) => m.get(node.inputs[0] as string)) as [
      Int32Array,
      Int32Array,
    ];
    if (op.kind === 'conv' && (isDepthwise(op, read.length) || all.whole.has(node.id))) continue;
    const weight = weights.get(`${node.id}:kernel`) as Weight;
    const [rows, columns] = [weight.shape.at(-2) as number, weight.shape.at(-1) as number];
    const data = Float32Array.from(materialize(weight));
    const groups = op.kind === 'conv' ? op.groups : 1;
    const old = data.slice();
    for (let g = 0; g < groups; g++) {
      for (const places of copiesIn(read, number, into, g * rows, rows)) {
        for (let p = 0; p < data.length / (rows * columns); p++) {
          for (let j = (g * columns) / groups; j < ((g + 1) * columns) / groups; j++) {
            const parts = places.map((i) => old[(p * rows + i) * columns + j] as number);
            data[(p * rows + (places[0] as number)) * columns + j] = summed(parts);
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
    const id = read[from + i] as number;
    const own = `${id} ${number[from + i]}`;
    times.set(own, (times.get(own) ?? 0) + 1);
    // a class may have several channels here: the first becomes the first of the other, and so on
    const key = `${into.get(id) ?? id} ${number[from + i]} ${times.get(own)}`;
    const list = places.get(key);
    if (!list) places.set(key, [i]);
    else if (into.has(id)) list.push(i);
    else list.unshift(i); // the one that stays comes first
  }
  return [...places.values()].filter((list) => list.length > 1);
}

/** Without permutes that change no order, which growth may have put in. */
function withoutIdleOrders({ graph, weights }: Net): Net {
  const idle = new Map(
    graph.nodes.flatMap(({ id, op, inputs }) =>
      op.kind === 'permute' && op.order.every((from, i) => from === i) && !graph.outputs.includes(id)
        ? [[id, inputs[0] as string]]
        : [],
    ),
  );
  const source = (id: string): string => (idle.has(id) ? source(idle.get(id) as string) : id);
  const nodes = graph.nodes.flatMap((n) => (idle.has(n.id) ? [] : [{ ...n, inputs: n.inputs.map(source) }]));
  return { graph: { ...graph, nodes }, weights };
}
