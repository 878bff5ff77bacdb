/**
 * @file Adds skip connections that preserve the function. By `add`, through a layer of zeros that fits the shapes (its
 * weights move on the first step); or by `concat`, whose new channels are weighed by zeros.
 */

import { get } from '../../access.ts';
import { Refusal } from '../../errors.ts';
import {
  channelsOf,
  type Graph,
  isMap,
  type Node,
  nodeAt,
  type Op,
  type Pair,
  printShape,
  type Shape,
  shapes,
} from '../../graph/index.ts';
import type { Net } from '../../weights/index.ts';
import { identity } from '../channels/channel-map.ts';
import type { Growth } from '../channels/growth.ts';
import { type Checks, checkNet, checkOptions, checkValue, oneOf, seed, text } from '../options.ts';
import { placeAt } from './deepen.ts';
import { insert, insertIn } from './insert.ts';
import { settledBy } from './repeat-block.ts';
import { freshPath, type Insertion, plain } from './silent-layers.ts';

/** The options of `connect`. */
export interface ConnectOptions {
  /** Whether the value is added (the default) or concatenated. */
  readonly by?: 'add' | 'concat';
  /** Of the new weights; 0 by default. */
  readonly seed?: number;
}

const connectChecks: Checks<ConnectOptions> = { by: oneOf('add', 'concat'), seed };

/** The graph with a skip connection from one value to a later one. Needs no weights. @throws as `connect` does. */
export const connectGraph = (graph: Graph, from: string, to: string, o: ConnectOptions = {}): Graph =>
  connected(graph, to, skip(graph, from, to, o));
const connected = (graph: Graph, to: string, added: Insertion): Graph =>
  insertIn(graph, placeAt(graph, to), added).graph;

/**
 * Connect the value of a path (a stage's or block's end, or a node) to a later one; exact in both modes. A larger map is read
 * in strides, and a map is averaged before it meets a vector.
 * @throws Refusal when `from` comes after `to`, sizes do not divide, or what reads `to` cannot take more channels.
 * @throws UsageError for wrong options; MoonletError for unknown paths.
 * @example
 * import { connect, init } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, size: 16 }));
 * console.log(connect(net, 'stage1', 'stage2').preserves); // both
 */
export function connect(net: Net, from: string, to: string, o: ConnectOptions = {}): Growth {
  checkNet('connect', net);
  const added = skip(net.graph, from, to, o);
  return insert(net, placeAt(net.graph, to), added, o.seed ?? 0);
}

function skip(graph: Graph, from: string, to: string, o: ConnectOptions): Insertion {
  checkValue('connect', 'the value', from, text);
  checkValue('connect', 'the place', to, text);
  checkOptions('connect', o, connectChecks);
  const { by = 'add' } = o;
  const [source, place] = [nodeAt(graph, from), placeAt(graph, to)];
  const where = `${from} to ${to}`;
  if (graph.nodes.indexOf(source) >= graph.nodes.indexOf(place))
    throw new Refusal(`${where}: a value can be connected only to one that comes after it`);
  const all = shapes(graph);
  const [a, b] = [get(all, source.id), get(all, place.id)];
  const path = freshPath(graph, place, 'skip');
  const nodes: Node[] = [];
  let above = source.id;
  const push = (name: string, op: Op, ...others: string[]): void => {
    nodes.push({ id: `${path}/${name}`, op, inputs: [...others, above] });
    above = `${path}/${name}`;
  };
  const stride = strideTo(a, b, where);
  if (isMap(a) && !isMap(b)) push('pool', { kind: 'globalPool', fn: 'avg' });
  if (by === 'concat') {
    if (isMap(a) && isMap(b) && stride.some((s) => s > 1))
      push('pool', { kind: 'pool', fn: 'avg', size: stride, stride, padding: 'same' });
    const [c, more] = [channelsOf(b), channelsOf(a)];
    push('concat', { kind: 'concat' }, place.id);
    const map = Int32Array.from([...identity(c), ...new Array<number>(more).fill(-1)]);
    return { nodes, zeros: [], diracs: [], preserves: 'both', map };
  }
  const out = channelsOf(b);
  push('mix', isMap(b) ? { ...plain, kind: 'conv', out, stride } : { kind: 'dense', out, bias: false });
  push('add', { kind: 'add' }, place.id);
  const settled = settledBy(graph, place.id);
  if (settled) push('act', { kind: 'act', fn: settled });
  return { nodes, zeros: [`${path}/mix`], diracs: [], preserves: 'both' };
}

/** The stride at which a map is read so that it becomes as large as another. */
function strideTo(a: Shape, b: Shape, where: string): Pair {
  if (!isMap(b)) return [1, 1];
  const refusal = new Refusal(`${where}: no stride reads ${printShape(a)} as ${printShape(b)}`);
  if (!isMap(a)) throw refusal;
  const stride: Pair = [Math.round(a[0] / b[0]), Math.round(a[1] / b[1])];
  if (!stride.every((s, i) => s >= 1 && Math.ceil((a[i] ?? 0) / s) === b[i])) throw refusal;
  return stride;
}
