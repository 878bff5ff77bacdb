/** @file A graph counted by the convention of another tool, so that figures of papers and of other libraries can be compared. */
import { get } from '../access.ts';
import { MoonletError, quote, suggestion, UsageError } from '../errors.ts';
import {
  type Graph,
  inputShapes,
  isStatistic,
  type Kind,
  kernelPlaces,
  type Node,
  productsOf,
  type Shape,
  shapes,
  sizeOf,
  weightShapes,
} from '../graph/index.ts';
import { type Convention, type CountTool, conventions, countTools } from './conventions.ts';

export interface CountedLayer {
  readonly id: string;
  readonly kind: Kind;
  readonly shape: Shape;
  readonly params: number;
  readonly operations: number;
}
export interface ToolCount {
  readonly name: string;
  readonly as: CountTool;
  /** The package, its version, and the function of it that counts the same. */
  readonly by: string;
  /** What the tool calls the figure. */
  readonly unit: string;
  readonly operations: number;
  readonly params: number;
  /** Operations by kind of op, without those that count 0. */
  readonly byKind: Readonly<Partial<Record<Kind, number>>>;
  readonly layers: readonly CountedLayer[];
}

/** The tool of this name. @throws UsageError for an unknown one. */
export function countToolNamed(name: string): CountTool {
  const tool = countTools.find((known) => known === name);
  if (tool) return tool;
  throw new UsageError(
    `no tool ${quote(name)}; choose one of ${countTools.join(', ')}.${suggestion(name, countTools)}`,
  );
}

/**
 * Operations and parameters of a graph as another tool counts them, for one example: the figure of `docs/counting.md` that
 * PyTorch's FlopCounterMode, fvcore, thop, ptflops or TensorFlow's profiler gives for a model of the same layers.
 *
 * @throws UsageError for an unknown tool; MoonletError when a count passes 2^53, beyond which it would not be exact.
 * @example
 * import { countAs } from 'moonlet';
 * import { resnet18 } from 'moonlet/architectures';
 *
 * const net = resnet18();
 * console.log(countAs(net, 'fvcore').operations, countAs(net, 'thop').operations); // 1819065856 1824033792
 */
export function countAs(graph: Graph, tool: CountTool): ToolCount {
  const convention = conventions[countToolNamed(tool)];
  const shapeById = shapes(graph);
  const layers = graph.nodes.map((node) =>
    countedLayer(node, inputShapes(node, shapeById), get(shapeById, node.id), convention),
  );
  const byKind: Partial<Record<Kind, number>> = {};
  let [operations, params] = [0, 0];
  for (const layer of layers) {
    operations += layer.operations;
    params += layer.params;
    if (layer.operations) byKind[layer.kind] = (byKind[layer.kind] ?? 0) + layer.operations;
  }
  if (!Number.isSafeInteger(operations))
    throw new MoonletError(`${graph.name}: operations pass 2^53; choose a smaller net`);
  const by = `${convention.package} ${convention.version}: ${convention.call}`;
  return { name: graph.name, as: tool, by, unit: convention.unit, operations, params, byKind, layers };
}

function countedLayer(node: Node, ins: readonly Shape[], shape: Shape, convention: Convention): CountedLayer {
  let params = 0;
  let operations = convention.beside(node.op, ins, shape);
  if (convention.products) operations += convention.perMultiplyAdd * productsOf(node.op, ins);
  for (const [slot, dims] of weightShapes(node.op, ins)) {
    const n = dims.reduce((a, d) => a * d, 1);
    if (slot === 'kernel') operations += convention.perMultiplyAdd * n * kernelPlaces(node.op, ins, shape);
    // a bias of attention is added to scores, not to what the op makes
    if (slot === 'bias' && convention.biases && node.op.kind !== 'attention') operations += sizeOf(shape);
    if (slot === 'beta' && convention.biases && node.op.kind === 'attention')
      operations += n * kernelPlaces(node.op, ins, shape);
    if (!node.weightsOf && (convention.statistics || !isStatistic(slot))) params += n;
  }
  return { id: node.id, kind: node.op.kind, shape, params, operations };
}
