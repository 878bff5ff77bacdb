/** @file Which nodes of a net an ONNX file computes on rows [batch x places, channels] instead of maps [batch, channels, h, w]. */
import { get } from '../access.ts';
import {
  attentionSizes,
  channelsOf,
  consumers,
  type Graph,
  inputShapes,
  isMap,
  type Node,
  nodesById,
  type Pair,
  type Shape,
} from '../graph/index.ts';
import type { Weights } from '../weights/index.ts';

/** The order of the places of a map of this size in rows: those of a window or a grid lie together. */
export interface RowOrder {
  readonly size: Pair;
  readonly within: 'windows' | 'grid';
  readonly groups: Pair;
  readonly inside: Pair;
}

/**
 * Sections of ops that work on each place by itself, around attention in windows or grids: there windows, layer norms and
 * products of matrices need no transpose of their own. The order of the places is that of the section's attention.
 * Around attention over a whole map, rows were not faster.
 *
 * @param ends the nodes whose values are outputs.
 * @returns the order for each node that is in a section.
 */
export function rowSections(
  graph: Graph,
  shapes: ReadonlyMap<string, Shape>,
  weights: Weights,
  ends: readonly string[],
): ReadonlyMap<string, RowOrder> {
  const found = new Map<string, RowOrder>();
  const isQuantized = (n: Node): boolean =>
    n.op.kind === 'quantize' || weights.get(`${n.id}:kernel`)?.encoding === 'quantized';
  if (!graph.nodes.some(({ op }) => op.kind === 'attention') || graph.nodes.some(isQuantized)) return found;
  const around: Around = {
    shapes,
    byId: nodesById(graph),
    readers: consumers(graph),
    ends: new Set(ends),
    sharing: new Set(graph.nodes.flatMap((n) => (n.weightsOf === undefined ? [] : [n.id, n.weightsOf]))),
  };
  for (const node of graph.nodes) {
    if (node.op.kind !== 'attention' || found.has(node.id)) continue;
    const section = trimmed(grown(node, around), around);
    const attends = [...section]
      .map((id) => get(around.byId, id))
      .filter(({ op }) => op.kind === 'attention');
    const orders = attends.flatMap((n) => orderOf(n, shapes) ?? []);
    const [order] = orders;
    const isOne = orders.every((o) => o.within === order?.within && o.inside.join() === order.inside.join());
    if (!order || !isOne || orders.length < attends.length) continue;
    for (const id of section) found.set(id, order);
  }
  return found;
}

interface Around {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly byId: ReadonlyMap<string, Node>;
  readonly readers: ReadonlyMap<string, readonly Node[]>;
  readonly ends: ReadonlySet<string>;
  /** Nodes that share weights: their kernels have one form in the file. */
  readonly sharing: ReadonlySet<string>;
}

/** The order that an attention in windows or a grid wants; none over a whole map, which a single window is too. */
function orderOf({ op, inputs }: Node, shapes: ReadonlyMap<string, Shape>): RowOrder | undefined {
  if (op.kind !== 'attention') return undefined;
  const { groups, query, inQuery } = attentionSizes(
    op,
    inputs.map((id) => get(shapes, id)),
  );
  const { within } = op;
  if (within === 'whole' || groups[0] * groups[1] === 1) return undefined;
  return { size: query, within, groups, inside: inQuery };
}

/** Whether a node works on each place by itself, or is an attention between the places of one map. */
function isRowOp(node: Node, { shapes, readers, sharing }: Around): boolean {
  const { op, id } = node;
  const ins = inputShapes(node, shapes);
  const [h, w] = get(shapes, id);
  if (
    !ins.length ||
    h * (w ?? 1) === 1 ||
    !ins.every((shape) => isMap(shape) && shape[0] === h && shape[1] === w)
  )
    return false;
  switch (op.kind) {
    case 'conv': {
      const isPlain = op.groups === 1 && [...op.kernel, ...op.stride].every((n) => n === 1);
      const isUnpadded = typeof op.padding === 'string' || op.padding.every((n) => n === 0);
      // runtimes put a batch norm into the conv before it
      const isNormed = readers.get(id)?.some((n) => n.op.kind === 'norm') ?? false;
      return isPlain && isUnpadded && !isNormed && !sharing.has(id);
    }
    case 'attention':
      return (
        (op.form === 'softmax' && !op.talking) ||
        (op.form === 'separable' && op.heads === 1 && op.within !== 'whole')
      );
    case 'groupNorm':
      return op.groups === 1;
    case 'layerNorm':
    case 'act':
    case 'scale':
    case 'add':
    case 'mul':
    case 'slice':
    case 'shuffle':
    case 'dropout':
    case 'dropPath':
      return true;
    default:
      return false;
  }
}

/** All nodes that are reached from one through ops on rows. */
function grown(from: Node, around: Around): Set<string> {
  const section = new Set<string>();
  const left = [from];
  for (let node = left.pop(); node; node = left.pop()) {
    if (section.has(node.id) || !isRowOp(node, around)) continue;
    section.add(node.id);
    left.push(...node.inputs.map((id) => get(around.byId, id)), ...(around.readers.get(node.id) ?? []));
  }
  return section;
}

/** How many channels are turned at the ends of a section. */
function turned(section: ReadonlySet<string>, { shapes, byId, readers, ends }: Around): number {
  const ids = new Set<string>();
  for (const id of section) {
    for (const from of get(byId, id).inputs) if (!section.has(from)) ids.add(from);
    const isRead = readers.get(id)?.some((n) => !section.has(n.id)) ?? false;
    if (isRead || ends.has(id)) ids.add(id);
  }
  return [...ids].reduce((sum, id) => sum + channelsOf(get(shapes, id)), 0);
}

/** Without first and last nodes that would only make more channels turn; norms and attention stay. */
function trimmed(section: Set<string>, around: Around): ReadonlySet<string> {
  let least = turned(section, around);
  for (let changed = true; changed; ) {
    changed = false;
    for (const id of [...section]) {
      const { op, inputs } = get(around.byId, id);
      if (op.kind === 'layerNorm' || op.kind === 'groupNorm' || op.kind === 'attention') continue;
      const isFirst = inputs.every((from) => !section.has(from));
      const isLast = !around.readers.get(id)?.some((n) => section.has(n.id));
      if (!isFirst && !isLast) continue;
      section.delete(id);
      const cost = turned(section, around);
      if (cost < least || (cost === least && isFirst)) [least, changed] = [cost, true];
      else section.add(id);
    }
  }
  return section;
}
