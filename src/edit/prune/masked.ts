/**
 * @file The masked net: the kernels that read removed channels have zeros there. What these channels hold no longer
 * matters, not even biases, offsets and activations with f(0) != 0. The pruned net must compute the same (law 5). Channels of q and k
 * of an attention have no such kernel: there k is made zero.
 */
import { get, item } from '../../access.ts';
import {
  type Channels,
  firstInput,
  type Graph,
  groupsOf,
  isLinear,
  mixesChannels,
  type Node,
  nodesById,
} from '../../graph/index.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../weights/index.ts';

/**
 * The layer or norm that makes a channel of a value as it is, and the number that the channel has there; undefined where another op
 * makes it, of which a channel cannot be set to zero by weights.
 */
export function makerOf(
  graph: Graph,
  id: string,
  channel: number,
): { node: Node; channel: number } | undefined {
  const node = get(nodesById(graph), id);
  const { op, inputs } = node;
  const [source = ''] = inputs;
  if (op.kind === 'slice') return makerOf(graph, source, channel + op.from);
  if (op.kind === 'permute') return makerOf(graph, source, op.order[channel] ?? channel);
  return isLinear(op) || (op.kind === 'norm' && op.scale && op.offset) ? { node, channel } : undefined;
}

/** Zeros in the weights that make a channel: a product with it is zero then, whatever it is multiplied by. */
function silence(weights: Map<WeightKey, Weight>, graph: Graph, id: string, channel: number): void {
  const maker = makerOf(graph, id, channel);
  if (!maker) return;
  const owner = maker.node.weightsOf ?? maker.node.id;
  for (const slot of ['kernel', 'bias', 'gamma', 'beta'] as const) {
    const weight = weights.get(`${owner}:${slot}`);
    if (!weight) continue;
    const c = item(weight.shape, -1);
    const data = materialize(weight).map((w, at) => (at % c === maker.channel ? 0 : w));
    weights.set(`${owner}:${slot}`, float(weight.shape, data));
  }
}

/** The same graph with zeros in the kernel rows that would read these classes of channels. */
export function masked(net: Net, all: Channels, gone: ReadonlySet<number>): Net {
  const weights = new Map<WeightKey, Weight>(net.weights);
  for (const node of net.graph.nodes) {
    const { id, op, weightsOf } = node;
    if (weightsOf !== undefined || !isLinear(op)) continue;
    const read = get(all.of, firstInput(node));
    if (!mixesChannels(op, read.length)) continue;
    const weight = get(net.weights, `${id}:kernel`);
    const [rows, out] = [item(weight.shape, -2), item(weight.shape, -1)];
    const groups = groupsOf(op);
    const data = materialize(weight).slice();
    const columns = out / groups;
    for (let row = 0; row < data.length / out; row++) {
      for (let group = 0; group < groups; group++) {
        const from = row * out + group * columns;
        if (gone.has(read[group * rows + (row % rows)]!)) data.fill(0, from, from + columns);
      }
    }
    weights.set(`${id}:kernel`, float(weight.shape, data));
  }
  for (const { op, inputs, id } of net.graph.nodes) {
    const [, k, v] = inputs;
    if (op.kind !== 'attention' || op.form === 'separable' || op.form === 'covariance') continue;
    if (op.talking && v !== undefined && all.whole.has(id))
      unheard(weights, `${id}:kernel`, op.heads, get(all.of, v), gone);
    if (k === undefined || all.whole.has(id)) continue;
    const lost = Array.from(get(all.of, k)).flatMap((c, i) => (gone.has(c) ? [i] : []));
    for (const i of lost) silence(weights, net.graph, k, i);
  }
  return { graph: net.graph, weights };
}

/** Talking heads with zeros where others would read heads that go as a whole. */
function unheard(
  weights: Map<WeightKey, Weight>,
  key: WeightKey,
  heads: number,
  values: Int32Array,
  gone: ReadonlySet<number>,
): void {
  const weight = weights.get(key);
  if (!weight) return;
  const lost = (head: number): boolean => {
    const own = values.subarray((head * values.length) / heads, ((head + 1) * values.length) / heads);
    return own.every((c) => gone.has(c));
  };
  const data = materialize(weight).map((w, i) => (lost(Math.floor(i / heads) % heads) ? 0 : w));
  weights.set(key, float(weight.shape, data));
}
