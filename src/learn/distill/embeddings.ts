/** @file The embeddings of nets: the vectors that their classifiers read, for losses that compare them. */
import { MoonletError } from '../../errors.ts';
import { type Graph, isMap, type Node, nodesById, printShape, shapes } from '../../graph/index.ts';
import { checkOneTeacher, checkPair, type Tap, type TapPair, tap } from '../loss/taps.ts';

function vector(found: Tap, loss: string): Tap {
  if (!isMap(found.shape)) return found;
  throw new MoonletError(
    `${loss}: ${found.id} ${printShape(found.shape)} is a map; an embedding is a vector`,
  );
}

/**
 * What the classifier reads: the last dense layer that gives the first output.
 * @throws MoonletError for a net whose output comes from no dense layer, or one whose dense layer reads a map.
 */
export const embeddingOf = (graph: Graph, loss = 'embeddings'): string => embeddingTap(graph, loss).id;

function embeddingTap(graph: Graph, loss: string): Tap {
  const id = lastDense(graph)?.inputs[0];
  if (id !== undefined) return vector({ id, shape: shapes(graph).get(id) ?? [0] }, loss);
  throw new MoonletError(
    `${loss}: the output of ${graph.name} comes from no dense layer; name the "embeddings"`,
  );
}

/**
 * The last dense layer that gives an output, by default the first output. Undefined if another layer (such as a conv) gives it, or takes
 * part in it: the dense layers of a gate scale a map of convs, and are no classifier.
 */
export function lastDense(
  graph: Graph,
  ends: readonly string[] = graph.outputs.slice(0, 1),
): Node | undefined {
  const byId = nodesById(graph);
  const classifiers = new Set(ends.flatMap((end) => denseBefore(byId, end)));
  return graph.nodes.findLast((n) => classifiers.has(n));
}

/** The dense layers from which every path to a node starts; none if another layer is the start of one. */
function denseBefore(byId: ReadonlyMap<string, Node>, end: string): readonly Node[] {
  const layers: Node[] = [];
  const ids = new Set([end]);
  // a set visits what is added to it during the loop
  for (const id of ids) {
    const node = byId.get(id);
    if (node?.op.kind === 'dense') layers.push(node);
    else if (node && keepsClasses.has(node.op.kind)) for (const input of node.inputs) ids.add(input);
    else return [];
  }
  return layers;
}
/** Ops between a classifier and the output. */
const keepsClasses: ReadonlySet<Node['op']['kind']> = new Set<Node['op']['kind']>([
  ...(['act', 'norm', 'layerNorm', 'scale', 'maxout', 'quantize', 'dropout', 'dropPath'] as const),
  ...(['flatten', 'globalPool', 'pool', 'slice', 'shuffle', 'permute', 'concat', 'add', 'mul'] as const),
]);

/**
 * The embeddings of both nets: those that are named, or what the last dense layers read.
 * @throws MoonletError as `embeddingOf`, for an unknown path, and for a teacher that is the mean of several nets and of which none is
 * named.
 */
export function embeddingPair(
  student: Graph,
  teacher: Graph,
  loss: string,
  named?: readonly [student: string, teacher: string],
): TapPair {
  if (!named) {
    checkOneTeacher(teacher, loss, 'embeddings');
    return { student: embeddingTap(student, loss), teacher: embeddingTap(teacher, loss) };
  }
  checkPair(loss, 'embeddings', named);
  return { student: vector(tap(student, named[0]), loss), teacher: vector(tap(teacher, named[1]), loss) };
}
