/** @file Another block of a stage's own kind that changes nothing: residual blocks, dense layers, shuffle units. */
import {
  type Activation,
  channelsOf,
  type Graph,
  type Node,
  nodesById,
  printShape,
  type Shape,
  ShapeError,
  shapes,
  shuffled,
} from '../../graph/index.ts';
import { type ChannelMap, identity } from '../channels/channel-map.ts';
import type { Insertion } from './silent-layers.ts';

const idempotent: readonly Activation[] = ['relu', 'relu6'];
/** The activation that a value has been through, when a second time would change nothing. */
export function settledBy(graph: Graph, id: string): Activation | undefined {
  const byId = nodesById(graph);
  const through = (at: string, scaled: boolean): Activation | undefined => {
    const { op, inputs } = byId.get(at) as Node;
    if (op.kind === 'act')
      return idempotent.includes(op.fn) && !(scaled && op.fn === 'relu6') ? op.fn : undefined;
    if (op.kind === 'concat') {
      const [first, ...others] = inputs.map((x) => through(x, scaled));
      return others.every((fn) => fn === first) ? first : undefined;
    }
    // what a dropout keeps it makes larger, in training: beyond the 6 of a relu6
    const drops = op.kind === 'dropout' || op.kind === 'dropPath';
    const passes = drops || ['slice', 'shuffle', 'permute', 'pool'].includes(op.kind);
    return passes ? through(inputs[0] as string, scaled || drops) : undefined;
  };
  return through(id, false);
}

/** The stage's last block again, when it takes what it gives, or gives that and new channels. */
export function ownBlock(graph: Graph, place: Node, where: string): Insertion | undefined {
  const [stage = '', ...below] = where.split('/');
  const numbers = graph.nodes.flatMap((n) => {
    const [s, k] = n.id.split('/');
    return s === stage && /^\d+$/.test(k ?? '') ? [Number(k)] : [];
  });
  if (!numbers.length) return undefined;
  const shapeById = shapes(graph);
  const shape = printShape(shapeById.get(place.id) as Shape);
  const asked = /^\d+$/.test(below[0] ?? '')
    ? [Number(below[0])]
    : [...new Set(numbers)].sort((a, b) => b - a);
  const fresh = `${stage}/${Math.max(...numbers) + 1}`;
  for (const k of asked) {
    const own = graph.nodes.filter((n) => n.id.startsWith(`${stage}/${k}/`));
    const ids = new Set(own.map((n) => n.id));
    const outside = [...new Set(own.flatMap((n) => n.inputs.filter((id) => !ids.has(id))))];
    const [entry] = outside;
    const last = own.at(-1);
    if (outside.length !== 1 || !entry || !last) continue;
    const equal = [entry, last.id].every((id) => printShape(shapeById.get(id) as Shape) === shape);
    const named = (id: string): string =>
      id === entry ? place.id : id.replace(`${stage}/${k}/`, `${fresh}/`);
    const copy = own.map(
      ({ weightsOf: _, ...n }): Node => ({ ...n, id: named(n.id), inputs: n.inputs.map(named) }),
    );
    const made = equal
      ? (silence(graph, copy, place.id) ?? shuffleUnit(graph, copy, place.id))
      : denseLayer(graph, copy, place.id);
    if (made) return made;
  }
  return undefined;
}

/** A copied block made to add nothing: its residual branch ends in zeros, or it becomes one. */
function silence(graph: Graph, copy: readonly Node[], x: string): Insertion | undefined {
  const byId = new Map(copy.map((n) => [n.id, n]));
  const last = copy.at(-1) as Node;
  const settled = settledBy(graph, x);
  const tail = last.op.kind === 'act' ? byId.get(last.inputs[0] as string) : last;
  if (!tail) return undefined;
  const done = (nodes: readonly Node[], end: string | undefined): Insertion | undefined =>
    end === undefined ? undefined : { nodes, zeros: [end], diracs: [], preserves: 'both' };
  // y = x + body(x), or act(x + body(x)) where x has been through that act
  if (tail.op.kind === 'add' && tail.inputs.length === 2 && tail.inputs.includes(x)) {
    if (last.op.kind === 'act' && last.op.fn !== settled) return undefined;
    return done(copy, lastScale(byId, tail.inputs.find((id) => id !== x) as string));
  }
  // y = body(x): becomes x + body(x) without its last act, and the act behind the add where x has been through it
  if (copy.some((n) => ['add', 'concat', 'slice', 'shuffle'].includes(n.op.kind))) return undefined;
  const end = lastScale(byId, tail.id);
  const body = last === tail ? copy : copy.slice(0, -1);
  const prefix = last.id.split('/').slice(0, 2).join('/');
  const sum: Node = { id: `${prefix}/add`, op: { kind: 'add' }, inputs: [x, tail.id] };
  const act = last.op.kind === 'act' && last.op.fn === settled ? [{ ...last, inputs: [sum.id] }] : [];
  return done([...body, sum, ...act], end);
}

/** The norm or layer whose zeros silence a value: behind it only ops that pass zeros and gradients on. */
function lastScale(byId: ReadonlyMap<string, Node>, id: string): string | undefined {
  for (let node = byId.get(id); node; node = byId.get(node.inputs[0] as string)) {
    const { kind } = node.op;
    if (kind === 'norm' && node.op.scale && node.op.offset) return node.id;
    if (kind === 'conv' || kind === 'dense') return node.id;
    if (!['dropout', 'dropPath', 'mul', 'shuffle', 'permute', 'pool'].includes(kind)) return undefined;
  }
  return undefined;
}

/**
 * y = concat(x, body(x)), as dense nets have it (Huang et al. 2017, arXiv:1608.06993): the new channels are weighed by
 * zeros, which move on the first step; the body's weights from the second on.
 */
function denseLayer(graph: Graph, copy: readonly Node[], x: string): Insertion | undefined {
  const last = copy.at(-1) as Node;
  if (last.op.kind !== 'concat' || last.inputs.filter((id) => id === x).length !== 1) return undefined;
  const widths = widthsIn(graph, copy);
  if (!widths) return undefined;
  const map = last.inputs.flatMap((id) => {
    const n = widths.get(id) as number;
    return id === x ? [...identity(n)] : new Array<number>(n).fill(-1);
  });
  return { nodes: copy, zeros: [], diracs: [], preserves: 'both', map: Int32Array.from(map) };
}

/**
 * The unit of ShuffleNet V2 (Ma et al. 2018, arXiv:1807.11164, figure 3c): y = shuffle(concat(x1, body(x2))) for the two
 * parts of x. No body can undo the shuffle, which mixes x1 as well. But with x2 + body(x2), the body ending in zeros, y has
 * the channels of x in another order, and then its readers take them in that order.
 */
function shuffleUnit(graph: Graph, copy: readonly Node[], x: string): Insertion | undefined {
  const byId = new Map(copy.map((n) => [n.id, n]));
  const parts = copy.filter((n) => n.op.kind === 'slice' && n.inputs[0] === x);
  const others = copy.filter((n) => !parts.includes(n));
  const joint = others.find((n) => n.op.kind === 'concat');
  const end = joint ? copy.indexOf(joint) : -1;
  const moves = copy.slice(end + 1);
  if (
    !joint ||
    parts.length < 2 ||
    others.some((n) => n.inputs.includes(x) || ['slice', 'add'].includes(n.op.kind))
  )
    return undefined;
  if (
    moves.some(
      (n, i) => n.inputs[0] !== (moves[i - 1] ?? joint).id || !['shuffle', 'permute'].includes(n.op.kind),
    )
  )
    return undefined;
  const settled = settledBy(graph, x);
  const zeros: string[] = [];
  const nodes = copy.slice(0, end);
  const order: number[] = [];
  const inputs = joint.inputs.map((id) => {
    const [part] = [...ancestorsIn(byId, id)].filter((n) => n.op.kind === 'slice');
    if (part?.op.kind !== 'slice') return undefined;
    for (let i = part.op.from; i < part.op.to; i++) order.push(i);
    if (part.id === id) return id;
    const last = byId.get(id) as Node;
    const tail = last.op.kind === 'act' ? (last.inputs[0] as string) : id;
    const scale = lastScale(byId, tail);
    if (!scale) return undefined;
    zeros.push(scale);
    if (last.op.kind === 'act') nodes.splice(nodes.indexOf(last), 1);
    const path = id.slice(0, id.lastIndexOf('/'));
    nodes.push({ id: `${path}/add`, op: { kind: 'add' }, inputs: [part.id, tail] });
    if (last.op.kind !== 'act' || last.op.fn !== settled) return `${path}/add`;
    nodes.push({ ...last, inputs: [`${path}/add`] });
    return id;
  });
  const c = channelsOf(shapes(graph).get(x) as Shape);
  if (inputs.includes(undefined) || !zeros.length || new Set(order).size !== c || order.length !== c)
    return undefined;
  nodes.push({ ...joint, inputs: inputs as string[] }, ...moves);
  const map = moves.reduce<ChannelMap>((m, { op }) => movedBy(op, m), Int32Array.from(order));
  return widthsIn(graph, nodes) && { nodes, zeros, diracs: [], preserves: 'both', map };
}

const movedBy = (op: Node['op'], map: ChannelMap): ChannelMap =>
  op.kind === 'shuffle'
    ? map.map((_, j) => map[shuffled(j, map.length, op.groups)] as number)
    : op.kind === 'permute'
      ? Int32Array.from(op.order, (from) => map[from] as number)
      : map;

/** The copied nodes that a value needs. */
function ancestorsIn(byId: ReadonlyMap<string, Node>, id: string): readonly Node[] {
  const node = byId.get(id);
  return node ? [node, ...node.inputs.flatMap((x) => ancestorsIn(byId, x))] : [];
}

/** The channels of every value once these nodes stand at the end of a graph; undefined when they do not fit. */
function widthsIn(graph: Graph, nodes: readonly Node[]): ReadonlyMap<string, number> | undefined {
  try {
    const all = shapes({ ...graph, nodes: [...graph.nodes, ...nodes] });
    return new Map([...all].map(([id, shape]) => [id, channelsOf(shape)]));
  } catch (e) {
    if (e instanceof ShapeError) return undefined;
    throw e;
  }
}
