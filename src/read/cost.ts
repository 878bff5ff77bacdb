/** @file The cost of a network: parameters, multiply-adds, memory. Exact integers, no tensors. */
import { get } from '../access.ts';
import { MoonletError, UsageError } from '../errors.ts';
import {
  type Graph,
  inputShapes,
  isStatistic,
  type Kind,
  kernelPlaces,
  productsOf,
  type Shape,
  shapes,
  sizeOf,
  weightShapes,
} from '../graph/index.ts';

export interface LayerCost {
  readonly id: string;
  readonly kind: Kind;
  readonly shape: Shape;
  /** Trained weights, without running statistics. A layer that shares weights counts 0. */
  readonly params: number;
  readonly macs: number;
  /** Bytes of the output in float32, for one example. */
  readonly activationBytes: number;
  /** Bytes alive while the layer computes: its output, and each output that it or a later layer reads. */
  readonly aliveBytes: number;
}
export interface Cost {
  readonly name: string;
  readonly params: number;
  /** Stored, not trained: running means and variances of norms, and the channel indices of `permute`. */
  readonly normStats: number;
  /** Multiply-adds of convs, dense layers and the products of attention for one example, as papers count them. */
  readonly macs: number;
  /** Bytes of all outputs of all layers in float32, for one example: what training keeps. */
  readonly activationBytes: number;
  /** The most bytes alive at once when each output is freed after its last reader: what inference needs. */
  readonly peakBytes: number;
  readonly layers: readonly LayerCost[];
}

/**
 * What a graph costs: parameters, multiply-adds and bytes, in all and of each layer, for one example.
 *
 * @throws MoonletError when a count passes 2^53, beyond which it would not be exact; UsageError when it is no graph.
 * @example
 * import { cost } from 'moonlet';
 * import { mobilenetV2 } from 'moonlet/architectures';
 *
 * const { params, macs } = cost(mobilenetV2());
 * console.log(params, macs); // 3504872 300774272
 */
export function cost(graph: Graph): Cost {
  if (!Array.isArray(graph.nodes))
    throw new UsageError('cost: expects a graph, got something else; the graph of a net is net.graph');
  const shapeById = shapes(graph);
  let normStats = 0;
  const alive = aliveBytes(graph, shapeById);
  const layers = graph.nodes.map((node): LayerCost => {
    const ins = inputShapes(node, shapeById);
    const shape = get(shapeById, node.id);
    let [params, macs] = [0, productsOf(node.op, ins)];
    for (const [slot, dims] of weightShapes(node.op, ins)) {
      const n = dims.reduce((a, d) => a * d, 1);
      if (slot === 'kernel') macs += n * kernelPlaces(node.op, ins, shape);
      if (node.weightsOf) continue;
      if (isStatistic(slot)) normStats += n;
      else params += n;
    }
    if (node.op.kind === 'permute') normStats += node.op.order.length;
    // one literal: spread parts would take most of the time of a count
    const layer: LayerCost = {
      id: node.id,
      kind: node.op.kind,
      shape,
      params,
      macs,
      activationBytes: bytesOf(shape),
      aliveBytes: get(alive, node.id),
    };
    return layer;
  });
  const sum = (of: (layer: LayerCost) => number): number => layers.reduce((n, layer) => n + of(layer), 0);
  const total: Cost = {
    name: graph.name,
    params: sum((l) => l.params),
    normStats,
    macs: sum((l) => l.macs),
    activationBytes: sum((l) => l.activationBytes),
    peakBytes: layers.reduce((peak, l) => Math.max(peak, l.aliveBytes), 0),
    layers,
  };
  for (const key of ['params', 'macs', 'activationBytes'] as const) {
    if (!Number.isSafeInteger(total[key]))
      throw new MoonletError(`${graph.name}: ${key} pass 2^53; choose a smaller net`);
  }
  return total;
}

const bytesOf = (shape: Shape): number => 4 * sizeOf(shape);

/** Liveness: an output is allocated at its node and freed after its last reader. */
function aliveBytes(
  { nodes, outputs }: Graph,
  shapeById: ReadonlyMap<string, Shape>,
): ReadonlyMap<string, number> {
  const lastReader = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const id of node.inputs) lastReader.set(id, i);
  });
  for (const id of outputs) lastReader.set(id, nodes.length);
  const found = new Map<string, number>();
  let alive = 0;
  nodes.forEach((node, i) => {
    alive += bytesOf(get(shapeById, node.id));
    found.set(node.id, alive);
    const { inputs } = node;
    const read = inputs.length > 1 ? new Set(inputs) : inputs;
    for (const id of read) if (lastReader.get(id) === i) alive -= bytesOf(get(shapeById, id));
  });
  return found;
}
