/**
 * @file Runs a net in segments for the same examples. What lies before a piece is not computed again, so that reading
 * the inputs of each layer in turn costs one run of the net, and weights may change where the runs have not been yet.
 */
import { get } from '../../access.ts';
import { compile, type EngineOptions } from '../../engine/index.ts';
import { ancestors, type Graph, inputShape, type Node, type Shape, shapes } from '../../graph/index.ts';
import type { Net } from '../../weights/index.ts';

export interface Segments {
  /** The value of a node for all examples, by a net of this graph. Weights of what was computed before do not matter. */
  value(net: Net, id: string): Promise<Float32Array>;
}

/** Examples a run: few, since all that a piece computes is held at once. */
const batch = 16;

/** `later` are the nodes whose values will be asked for, in this order. Values that none of them needs are let go. */
export function segments(
  graph: Graph,
  x: Float32Array,
  later: readonly string[],
  engine: EngineOptions,
): Segments {
  inputShape(graph); // one input, or it throws
  const shapeById = shapes(graph);
  const values = new Map(
    graph.nodes.flatMap(({ id, op }) => (op.kind === 'input' ? [[id, x] as const] : [])),
  );
  const computed = new Set(values.keys());
  const asked = [...later];
  /** Computed values that the rest of the run reads. */
  const stillRead = (): ReadonlySet<string> => {
    const needed = ancestors(graph, asked);
    const open = graph.nodes.filter((n) => needed.has(n.id) && !computed.has(n.id));
    return new Set([...asked, ...open.flatMap((n) => n.inputs)]);
  };
  return {
    value: async (net, id) => {
      if (!computed.has(id)) {
        const piece = pieceBefore(graph, id, computed, shapeById);
        for (const node of piece) computed.add(node.id);
        const read = stillRead();
        const outputs = piece.filter((n) => n.op.kind !== 'input' && read.has(n.id)).map((n) => n.id);
        const compiled = await compile(
          { graph: { ...graph, nodes: piece, outputs }, weights: net.weights },
          engine,
        );
        try {
          for (const [name, found] of await compiled.runMany(values, batch)) values.set(name, found);
        } finally {
          await compiled.release();
        }
      }
      asked.splice(0, asked.indexOf(id) + 1);
      const found = get(values, id);
      const read = stillRead();
      for (const name of values.keys()) if (!read.has(name)) values.delete(name);
      return found;
    },
  };
}

/** The nodes that a value needs and that are not computed, behind inputs for those that are. */
function pieceBefore(
  graph: Graph,
  id: string,
  computed: ReadonlySet<string>,
  shapeById: ReadonlyMap<string, Shape>,
): readonly Node[] {
  const needed = ancestors(graph, [id]);
  const open = graph.nodes.filter((n) => needed.has(n.id) && !computed.has(n.id));
  const read = new Set(open.flatMap((n) => n.inputs));
  const known = graph.nodes.filter((n) => computed.has(n.id) && read.has(n.id));
  return [
    ...known.map((n): Node => ({ id: n.id, op: { kind: 'input', shape: get(shapeById, n.id) }, inputs: [] })),
    ...open,
  ];
}
