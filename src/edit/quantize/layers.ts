/** @file The layers of a graph whose kernels are rounded. */
import {
  type Conv,
  type Graph,
  inputChannels,
  isDepthwise,
  type Node,
  type OpOf,
  shapes,
} from '../../graph/index.ts';

export type Layer = Node & { readonly op: Conv | OpOf<'dense'> };
/** Convs and dense layers that own their weights. */
export const layersOf = (graph: Graph): readonly Layer[] =>
  graph.nodes.filter(
    (n): n is Layer => (n.op.kind === 'conv' || n.op.kind === 'dense') && n.weightsOf === undefined,
  );

/** Depthwise convs with one filter for each channel. */
export function depthwiseIds(graph: Graph): ReadonlySet<string> {
  const shapeById = shapes(graph);
  const isOne = (node: Node): boolean =>
    node.op.kind === 'conv' &&
    isDepthwise(node.op, inputChannels(node, shapeById)) &&
    node.op.out === node.op.groups;
  return new Set(graph.nodes.filter(isOne).map((n) => n.id));
}

/**
 * The layers at the ends of a graph, which lose most when they are rounded: those that no other layer comes before or after; and the
 * values that they read, or for the last ones the rounded value before.
 */
export function endsOf(graph: Graph): {
  readonly layers: ReadonlySet<string>;
  readonly values: ReadonlySet<string>;
} {
  const isLayer = ({ op }: Node): boolean => op.kind === 'conv' || op.kind === 'dense';
  const after = new Set<string>(); // values that a layer has been applied to
  for (const node of graph.nodes)
    if (isLayer(node) || node.inputs.some((id) => after.has(id))) after.add(node.id);
  const before = new Set<string>(); // values that a layer is applied to later
  for (const node of graph.nodes.toReversed())
    if (isLayer(node) || before.has(node.id)) for (const id of node.inputs) before.add(id);
  const atEnd = graph.nodes.filter(
    (n) => isLayer(n) && (!n.inputs.some((id) => after.has(id)) || !before.has(n.id)),
  );
  return {
    layers: new Set(atEnd.map((n) => n.weightsOf ?? n.id)),
    values: new Set(atEnd.flatMap((n) => n.inputs)),
  };
}
