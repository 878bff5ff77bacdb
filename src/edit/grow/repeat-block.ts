/**
 * @file Adds another block like those of a stage that preserves the function: residual blocks, dense layers, shuffle
 * units.
 */

import { get, item } from '../../access.ts';
import {
  type Activation,
  channelsOf,
  firstInput,
  type Graph,
  isLinear,
  type Node,
  nodesById,
  printShape,
  ShapeError,
  shapes,
  shuffled,
} from '../../graph/index.ts';
import { type ChannelMap, identity } from '../channels/channel-map.ts';
import { gathered } from '../lookup.ts';
import type { Insertion } from './silent-layers.ts';

const idempotent: readonly Activation[] = ['relu', 'relu6'];
/** The activation that a value is the output of, when applying it again would change nothing. */
export function settledBy(graph: Graph, id: string): Activation | undefined {
  const byId = nodesById(graph);
  const through = (path: string, scaled: boolean): Activation | undefined => {
    const node = get(byId, path);
    const { op, inputs } = node;
    if (op.kind === 'act')
      return idempotent.includes(op.fn) && !(scaled && op.fn === 'relu6') ? op.fn : undefined;
    if (op.kind === 'concat') {
      const [first, ...others] = inputs.map((x) => through(x, scaled));
      return others.every((fn) => fn === first) ? first : undefined;
    }
    // in training a dropout scales up what it keeps: beyond the 6 of a relu6
    const drops = op.kind === 'dropout' || op.kind === 'dropPath';
    const passes = drops || ['slice', 'shuffle', 'permute', 'pool'].includes(op.kind);
    return passes ? through(firstInput(node), scaled || drops) : undefined;
  };
  return through(id, false);
}

/**
 * The last block of a stage once more, or the block that the path names: a block with one input that makes what it reads, or
 * that and new channels. Undefined when there is none that can be repeated without a change.
 */
export function ownBlock(graph: Graph, place: Node, where: string): Insertion | undefined {
  const [stage = '', block = ''] = where.split('/');
  const isNumber = (step: string | undefined): step is string => /^\d+$/.test(step ?? '');
  const numbers = graph.nodes.flatMap((n) => {
    const [s, k] = n.id.split('/');
    return s === stage && isNumber(k) ? [Number(k)] : [];
  });
  if (!numbers.length) return undefined;
  const tried = isNumber(block) ? [Number(block)] : [...new Set(numbers)].sort((a, b) => b - a);
  const fresh = `${stage}/${Math.max(...numbers) + 1}`;
  for (const k of tried) {
    const insertion = repeated(graph, place, `${stage}/${k}`, fresh);
    if (insertion) return insertion;
  }
  return undefined;
}

/** One block repeated under another path, reading the place; undefined when it cannot be made to change nothing. */
function repeated(graph: Graph, place: Node, block: string, fresh: string): Insertion | undefined {
  const own = graph.nodes.filter((n) => n.id.startsWith(`${block}/`));
  const ids = new Set(own.map((n) => n.id));
  const outside = new Set(own.flatMap((n) => n.inputs.filter((id) => !ids.has(id))));
  const [entry] = outside;
  const last = own.at(-1);
  if (outside.size !== 1 || !entry || !last) return undefined;
  const named = (id: string): string => (id === entry ? place.id : id.replace(`${block}/`, `${fresh}/`));
  const copy = own.map(
    ({ weightsOf: _, ...n }): Node => ({ ...n, id: named(n.id), inputs: n.inputs.map(named) }),
  );
  const shapeById = shapes(graph);
  const shapeAt = (id: string): string => printShape(get(shapeById, id));
  const equal = [entry, last.id].every((id) => shapeAt(id) === shapeAt(place.id));
  return equal
    ? (silence(graph, copy, place.id) ?? shuffleUnit(graph, copy, place.id))
    : denseLayer(graph, copy, place.id);
}

/** A copied block made to add nothing: its residual branch ends in zeros, or the block becomes such a branch. */
export function silence(graph: Graph, copy: readonly Node[], x: string): Insertion | undefined {
  const byId = new Map(copy.map((n) => [n.id, n]));
  const last = item(copy, -1);
  const settled = settledBy(graph, x);
  const tail = last.op.kind === 'act' ? byId.get(firstInput(last)) : last;
  if (!tail) return undefined;
  const silenced = (nodes: readonly Node[], end: string | undefined): Insertion | undefined =>
    end === undefined ? undefined : { nodes, zeros: [end], diracs: [], preserves: 'both' };
  // y = x + body(x), or act(x + body(x)) where x is the output of that act
  if (tail.op.kind === 'add' && tail.inputs.length === 2 && tail.inputs.includes(x)) {
    if (last.op.kind === 'act' && last.op.fn !== settled) return undefined;
    const body = tail.inputs.find((id) => id !== x);
    return silenced(copy, body === undefined ? undefined : lastScale(byId, body));
  }
  // y = body(x) becomes x + body(x) without its last act; where x is the output of that act, it follows the add
  if (copy.some((n) => ['add', 'concat', 'slice', 'shuffle'].includes(n.op.kind))) return undefined;
  const end = lastScale(byId, tail.id);
  const body = last === tail ? copy : copy.slice(0, -1);
  const prefix = last.id.split('/').slice(0, 2).join('/');
  const sum: Node = { id: `${prefix}/add`, op: { kind: 'add' }, inputs: [x, tail.id] };
  const act = last.op.kind === 'act' && last.op.fn === settled ? [{ ...last, inputs: [sum.id] }] : [];
  return silenced([...body, sum, ...act], end);
}

/** The last norm or layer of a branch: with zeros there its value is zero. Only ops that keep zeros and gradients may follow. */
function lastScale(byId: ReadonlyMap<string, Node>, id: string): string | undefined {
  for (let node = byId.get(id); node; node = byId.get(firstInput(node))) {
    const { kind } = node.op;
    if ('offset' in node.op && node.op.scale && node.op.offset) return node.id; // a norm
    if (kind === 'scale' || isLinear(node.op)) return node.id;
    if (!['dropout', 'dropPath', 'mul', 'shuffle', 'permute', 'pool'].includes(kind)) return undefined;
  }
  return undefined;
}

/**
 * y = concat(x, body(x)), the layer of dense nets (Huang et al. 2017, arXiv:1608.06993). The new channels are weighed by
 * zeros, which move from the first step on; the weights of the body move from the second step on.
 */
function denseLayer(graph: Graph, copy: readonly Node[], x: string): Insertion | undefined {
  const last = item(copy, -1);
  if (last.op.kind !== 'concat' || last.inputs.filter((id) => id === x).length !== 1) return undefined;
  const widths = widthsIn(graph, copy);
  if (!widths) return undefined;
  const map = last.inputs.flatMap((id) => {
    const n = get(widths, id);
    return id === x ? [...identity(n)] : new Array<number>(n).fill(-1);
  });
  return { nodes: copy, zeros: [], diracs: [], preserves: 'both', map: Int32Array.from(map) };
}

/**
 * The unit of ShuffleNet V2 (Ma et al. 2018, arXiv:1807.11164, figure 3c): y = shuffle(concat(x1, body(x2))) for the two
 * parts of x. No body can undo the shuffle, which moves x1 as well. But with x2 + body(x2), where the body ends in zeros, y
 * has the channels of x in another order, and its readers take them in that order.
 */
function shuffleUnit(graph: Graph, copy: readonly Node[], x: string): Insertion | undefined {
  const byId = new Map(copy.map((n) => [n.id, n]));
  const parts = copy.filter((n) => n.op.kind === 'slice' && n.inputs[0] === x);
  const others = copy.filter((n) => !parts.includes(n));
  const joint = others.find((n) => n.op.kind === 'concat');
  if (!joint || parts.length < 2) return undefined;
  if (others.some((n) => n.inputs.includes(x) || ['slice', 'add'].includes(n.op.kind))) return undefined;
  const end = copy.indexOf(joint);
  const moves = copy.slice(end + 1);
  const isMove = (n: Node, i: number): boolean =>
    n.inputs[0] === (moves[i - 1] ?? joint).id && ['shuffle', 'permute'].includes(n.op.kind);
  if (!moves.every(isMove)) return undefined;
  const settled = settledBy(graph, x);
  const branches = joint.inputs.map((id) => residualPart(byId, id, settled));
  if (!branches.every((branch) => branch !== undefined)) return undefined;
  const zeros = branches.flatMap(({ zero }) => zero ?? []);
  const order = branches.flatMap(({ channels }) => channels);
  const c = channelsOf(get(shapes(graph), x));
  if (!zeros.length || new Set(order).size !== c || order.length !== c) return undefined;
  const dropped = new Set(branches.flatMap(({ dropped }) => dropped ?? []));
  const nodes = [
    ...copy.slice(0, end).filter((n) => !dropped.has(n.id)),
    ...branches.flatMap(({ nodes }) => nodes),
    { ...joint, inputs: branches.map(({ id }) => id) },
    ...moves,
  ];
  const map = moves.reduce<ChannelMap>((m, { op }) => movedBy(op, m), Int32Array.from(order));
  return widthsIn(graph, nodes) && { nodes, zeros, diracs: [], preserves: 'both', map };
}

/** An operand of a shuffle unit's concat, x2 + body(x2) in place of body(x2). */
interface ResidualPart {
  readonly id: string;
  /** The channels of x that it has. */
  readonly channels: readonly number[];
  /** The new add, and the activation behind it. */
  readonly nodes: readonly Node[];
  /** The last scale of the body, which becomes zero; missing for a part that passes by. */
  readonly zero?: string;
  /** The activation that the body ended in. */
  readonly dropped?: string;
}
function residualPart(
  byId: ReadonlyMap<string, Node>,
  id: string,
  settled: Activation | undefined,
): ResidualPart | undefined {
  const part = ancestorsIn(byId, id).find((n) => n.op.kind === 'slice');
  if (part?.op.kind !== 'slice') return undefined;
  const { from, to } = part.op;
  const channels = Array.from({ length: to - from }, (_, i) => from + i);
  if (part.id === id) return { id, channels, nodes: [] };
  const last = get(byId, id);
  const tail = last.op.kind === 'act' ? firstInput(last) : id;
  const zero = lastScale(byId, tail);
  if (!zero) return undefined;
  const path = `${id.slice(0, id.lastIndexOf('/'))}/add`;
  const add: Node = { id: path, op: { kind: 'add' }, inputs: [part.id, tail] };
  if (last.op.kind !== 'act') return { id: path, channels, nodes: [add], zero };
  if (last.op.fn !== settled) return { id: path, channels, nodes: [add], zero, dropped: id };
  return { id, channels, nodes: [add, { ...last, inputs: [path] }], zero, dropped: id };
}

const movedBy = (op: Node['op'], map: ChannelMap): ChannelMap =>
  op.kind === 'shuffle'
    ? gathered(
        map,
        map.map((_, j) => shuffled(j, map.length, op.groups)),
      )
    : op.kind === 'permute'
      ? gathered(map, op.order)
      : map;

/** The copied nodes that a value needs, itself first. */
function ancestorsIn(byId: ReadonlyMap<string, Node>, id: string): readonly Node[] {
  const node = byId.get(id);
  return node ? [node, ...node.inputs.flatMap((x) => ancestorsIn(byId, x))] : [];
}

/** The channels of every value of a graph with these nodes at its end; undefined when their shapes do not fit. */
function widthsIn(graph: Graph, nodes: readonly Node[]): ReadonlyMap<string, number> | undefined {
  try {
    const all = shapes({ ...graph, nodes: [...graph.nodes, ...nodes] });
    return new Map([...all].map(([id, shape]) => [id, channelsOf(shape)]));
  } catch (e) {
    if (e instanceof ShapeError) return undefined;
    throw e;
  }
}
