/**
 * @file Net2DeeperNet on any graph. Chen, Goodfellow and Shlens, ICLR 2016, arXiv:1511.05641, section 3.2, and the
 * residual form, which preserves in training as well.
 *
 *   block   another block of the stage's own kind, its branch ending in zeros: y = x + 0 (exact in both modes; the inner
 *           weights begin to move on the second step, when the last ones have)
 *   branch  a depthwise-separable residual branch that ends in a zero-scaled norm (exact in both modes)
 *   dirac   a conv that passes each channel on, a norm compensated for its eps, and the activation that the value has
 *           been through: f(f(x)) = f(x). Exact in inference only, since a norm in training takes the batch's own
 *           statistics; without the norm it is exact in both.
 */
import { Refusal } from '../errors.ts';
import {
  type Activation,
  check,
  consumers,
  type Graph,
  type Node,
  nodeAt,
  nodesById,
  type Op,
  printShape,
  type Shape,
  shapes,
} from '../graph/index.ts';
import {
  entries,
  float,
  init,
  materialize,
  type Net,
  type Weight,
  type WeightKey,
} from '../weights/index.ts';
import { type Growth, identityMaps, type Preserves, picked } from './growth.ts';
import { branch, dirac, type Insertion } from './insertions.ts';

export interface DeepenOptions {
  /** `block` where the stage has one that fits, else `branch`, unless told. */
  readonly kind?: 'block' | 'branch' | 'dirac';
  readonly seed?: number;
  /** Of a dirac: whether a norm follows the conv; true unless told. */
  readonly norm?: boolean;
}
/** The graph with `n` more layers behind a place, and what must be zero there. Needs no weights. */
export function deepenGraph(graph: Graph, where: string, n: number, o: DeepenOptions = {}) {
  if (!Number.isInteger(n) || n < 1 || n > 1000)
    throw new Refusal(`${where}: deepen by a whole number of layers, got ${n}`);
  let deeper = graph;
  const zeros: string[] = [];
  const diracs: string[] = [];
  const added: string[] = [];
  let preserves: Preserves = 'both';
  for (let i = 0; i < n; i++) {
    const place = nodeAt(deeper, where);
    const done = insertion(deeper, place, where, o);
    deeper = insertBehind(deeper, place, done.nodes);
    zeros.push(...done.zeros);
    diracs.push(...done.diracs);
    added.push(...done.nodes.map((node) => node.id));
    if (done.preserves !== 'both') preserves = done.preserves;
  }
  return { graph: check(deeper), zeros, diracs, added, preserves };
}

/**
 * Insert `n` layers at the end of a stage, a block, or behind a node.
 * @throws Refusal when nothing can be inserted there that preserves the function, with the alternative.
 */
export function deepen(net: Net, where: string, n = 1, o: DeepenOptions = {}): Growth {
  const { graph, zeros, diracs, added, preserves } = deepenGraph(net.graph, where, n, o);
  const fresh = init(alone(graph, new Set(added)), { seed: o.seed ?? 0 }).weights;
  const [isZero, isDirac] = [new Set(zeros), new Set(diracs)];
  const byId = nodesById(graph);
  const weights = new Map<WeightKey, Weight>();
  for (const { key, node, slot, shape } of entries(graph)) {
    const old = net.weights.get(key);
    if (old) {
      weights.set(key, old);
      continue;
    }
    const made = materialize(fresh.get(key) as Weight);
    if (isZero.has(node) && slot !== 'mean' && slot !== 'variance')
      weights.set(key, float(shape, new Float32Array(made.length)));
    else if (isDirac.has(node))
      weights.set(key, float(shape, diracWeight(byId.get(node)?.op as Op, slot, shape, made)));
    else weights.set(key, float(shape, made));
  }
  return {
    net: { graph, weights },
    maps: identityMaps(net.graph),
    added,
    preserves,
    follow: (key, array) => (net.weights.has(key) ? array : undefined),
    back: (grown) => ({ graph: net.graph, weights: picked(net.graph, grown) }),
  };
}

/** Some nodes of a graph, and inputs for what they read: weights are drawn by path, so they are those of the whole. */
function alone(graph: Graph, some: ReadonlySet<string>): Graph {
  const shapeById = shapes(graph);
  const own = graph.nodes.filter((n) => some.has(n.id));
  const read = new Set(own.flatMap((n) => n.inputs.filter((id) => !some.has(id))));
  const inputs = [...read].map(
    (id): Node => ({ id, op: { kind: 'input', shape: shapeById.get(id) as Shape }, inputs: [] }),
  );
  return { ...graph, nodes: [...inputs, ...own] };
}

/** Everything that read the place now reads the last of the new nodes. */
function insertBehind(graph: Graph, place: Node, fresh: readonly Node[]): Graph {
  const last = fresh.at(-1)?.id as string;
  const turned = (id: string): string => (id === place.id ? last : id);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const moved = node.id === place.id ? node : { ...node, inputs: node.inputs.map(turned) };
    return node.id === place.id ? [moved, ...fresh] : [moved];
  });
  return { ...graph, nodes, outputs: graph.outputs.map(turned) };
}

function insertion(graph: Graph, place: Node, where: string, o: DeepenOptions): Insertion {
  if (graph.outputs.includes(place.id))
    throw new Refusal(`${where}: it is an output, which stays; deepen a stage before it`);
  if (!consumers(graph).get(place.id)?.length)
    throw new Refusal(`${where}: nothing reads its value; deepen where the net goes on`);
  if (o.kind === 'dirac') return dirac(graph, place, settledBy(graph, place.id), where, o.norm ?? true);
  if (o.kind !== 'branch') {
    const block = ownBlock(graph, place, where);
    if (block) return block;
    if (o.kind === 'block') {
      throw new Refusal(
        `${where}: no block there has equal input and output, so none can be repeated; use the kind 'branch'`,
      );
    }
  }
  return branch(graph, place, settledBy(graph, place.id));
}

const idempotent: readonly Activation[] = ['relu', 'relu6'];
/** The activation that a value has been through, when a second time would change nothing. */
function settledBy(graph: Graph, id: string): Activation | undefined {
  const byId = nodesById(graph);
  let scaled = false;
  for (let node = byId.get(id); node; node = byId.get(node.inputs[0] as string)) {
    const { op } = node;
    if (op.kind === 'act')
      return idempotent.includes(op.fn) && !(scaled && op.fn === 'relu6') ? op.fn : undefined;
    // what a dropout keeps it makes larger, in training: beyond the 6 of a relu6
    if (op.kind === 'dropout' || op.kind === 'dropPath') scaled = true;
    else if (!['slice', 'shuffle', 'permute', 'pool'].includes(op.kind)) return undefined;
  }
  return undefined;
}

/** The stage's last block again, when it takes what it gives. */
function ownBlock(graph: Graph, place: Node, where: string): Insertion | undefined {
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
    if (
      printShape(shapeById.get(entry) as Shape) !== shape ||
      printShape(shapeById.get(last.id) as Shape) !== shape
    )
      continue;
    const named = (id: string): string =>
      id === entry ? place.id : id.replace(`${stage}/${k}/`, `${fresh}/`);
    const copy = own.map(
      ({ weightsOf: _, ...n }): Node => ({ ...n, id: named(n.id), inputs: n.inputs.map(named) }),
    );
    const silenced = silence(graph, copy, place.id);
    if (silenced) return silenced;
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

/** Ones in the middle of a kernel; a norm's scale that makes up for its eps: gamma = sqrt(1 + eps). */
function diracWeight(op: Op, slot: string, shape: readonly number[], usual: Float32Array): Float32Array {
  if (op.kind === 'norm')
    return slot === 'gamma' ? new Float32Array(usual.length).fill(Math.sqrt(1 + op.eps)) : usual;
  if (slot !== 'kernel') return new Float32Array(usual.length);
  const [kh, kw, i, o] = shape as readonly [number, number, number, number];
  const kernel = new Float32Array(usual.length);
  const centre = ((kh - 1) >> 1) * kw + ((kw - 1) >> 1);
  for (let j = 0; j < o; j++) kernel[(centre * i + (j % i)) * o + j] = 1;
  return kernel;
}
