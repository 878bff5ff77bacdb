/** @file The embeddings of nets: the vectors that their classifiers read, for losses that compare them. */
import { MoonletError } from '../../errors.ts';
import { ancestors, type Graph, isMap, type Node, printShape, shapes } from '../../graph/index.ts';
import { type Tap, type TapPair, tap } from '../loss/taps.ts';

function vector(found: Tap, loss: string): Tap {
  if (!isMap(found.shape)) return found;
  throw new MoonletError(
    `${loss}: ${found.id} ${printShape(found.shape)} is a map; an embedding is a vector`,
  );
}

/**
 * What the last dense layer before the first output reads.
 * @throws MoonletError for a net without a dense layer, or one whose dense layer reads a map.
 */
export const embeddingOf = (graph: Graph, loss = 'embeddings'): string => embeddingTap(graph, loss).id;

function embeddingTap(graph: Graph, loss: string): Tap {
  const id = lastDense(graph)?.inputs[0];
  if (id !== undefined) return vector({ id, shape: shapes(graph).get(id) ?? [0] }, loss);
  throw new MoonletError(`${loss}: ${graph.name} has no dense layer; name the "embeddings"`);
}

/** The last dense layer before the first output. */
export function lastDense(graph: Graph): Node | undefined {
  const live = ancestors(graph, graph.outputs.slice(0, 1));
  return graph.nodes.findLast((n) => n.op.kind === 'dense' && live.has(n.id));
}

/**
 * The embeddings of both nets: those that are named, or what the last dense layers read.
 * @throws MoonletError as `embeddingOf`, and for an unknown path.
 */
export function embeddingPair(
  student: Graph,
  teacher: Graph,
  loss: string,
  named?: readonly [student: string, teacher: string],
): TapPair {
  if (!named) return { student: embeddingTap(student, loss), teacher: embeddingTap(teacher, loss) };
  return { student: vector(tap(student, named[0]), loss), teacher: vector(tap(teacher, named[1]), loss) };
}
