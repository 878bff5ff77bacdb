/**
 * @file New ways through a net: a value is led to a later one, and nothing changes yet. By a sum, through a layer of zeros
 * that match the shapes (its weights move on the first step); or by a concat, whose new channels are weighed by zeros.
 */
import { Refusal } from '../../errors.ts';
import {
  type Graph,
  isMap,
  type Node,
  nodeAt,
  type Op,
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

export interface ConnectOptions {
  /** A skip that is added (unless told), or one that is concatenated. */
  readonly by?: 'add' | 'concat';
  readonly seed?: number;
}

const connectChecks: Checks<ConnectOptions> = { by: oneOf('add', 'concat'), seed };

/** The graph in which a value is led to a later one. Needs no weights. */
export const connectGraph = (graph: Graph, from: string, to: string, o: ConnectOptions = {}): Graph =>
  connected(graph, to, skip(graph, from, to, o));
const connected = (graph: Graph, to: string, added: Insertion): Graph =>
  insertIn(graph, placeAt(graph, to), added).graph;

/**
 * Lead the value of a path (a stage's or block's end, or a node) to a later one; exact in both modes.
 * @throws Refusal where it comes later itself, sizes do not divide, or what reads the place cannot take more channels.
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
    throw new Refusal(`${where}: a value can only be led to one that comes after it`);
  const all = shapes(graph);
  const [a, b] = [all.get(source.id), all.get(place.id)] as [Shape, Shape];
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
    const [c, more] = [b.at(-1) as number, a.at(-1) as number];
    push('concat', { kind: 'concat' }, place.id);
    const map = Int32Array.from([...identity(c), ...new Array<number>(more).fill(-1)]);
    return { nodes, zeros: [], diracs: [], preserves: 'both', map };
  }
  const out = b.at(-1) as number;
  push('mix', isMap(b) ? { ...plain, kind: 'conv', out, stride } : { kind: 'dense', out, bias: false });
  push('add', { kind: 'add' }, place.id);
  const settled = settledBy(graph, place.id);
  if (settled) push('act', { kind: 'act', fn: settled });
  return { nodes, zeros: [`${path}/mix`], diracs: [], preserves: 'both' };
}

/** The steps by which a map is read so that it becomes as large as another. */
function strideTo(a: Shape, b: Shape, where: string): readonly [number, number] {
  if (!isMap(b)) return [1, 1];
  const steps = [0, 1].map((i) => Math.round((a[i] as number) / (b[i] as number)));
  const fits = isMap(a) && steps.every((s, i) => s >= 1 && Math.ceil((a[i] as number) / s) === b[i]);
  if (!fits) throw new Refusal(`${where}: ${printShape(a)} cannot be read in even steps to ${printShape(b)}`);
  return steps as [number, number];
}
