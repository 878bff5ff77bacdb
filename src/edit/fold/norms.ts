/**
 * @file Folding for inference: norms into the layers before them, and sums of parallel linear branches into one conv
 * (branches.ts). The function in inference is preserved to rounding. In training it is not, since a folded norm no longer
 * uses the statistics of its batch.
 *
 *   gamma (W x + b - mean) / sqrt(variance + eps) + beta = (s W) x + (b - mean) s + beta,
 *   s = gamma / sqrt(variance + eps)
 */
import { isLinear, type Node, nodesById } from '../../graph/index.ts';
import { type Net, net } from '../../weights/index.ts';
import { foldSum } from './branches.ts';
import { affineOf, forget, isSharing, linearOf, put, readOnce, type Store } from './linear.ts';

/**
 * Folds each batch norm, and each scale, into the conv or dense layer before it, where it is the layer's only reader. The layer keeps
 * its path, or takes that of the norm if the norm is an output. Layers that share weights stay as they are. Returns the same
 * net when there is nothing to fold.
 *
 * @example
 * import { foldNorms, graph, init, input } from 'moonlet';
 * const net = init(graph('tiny', input(8, 8, 1).conv(8, { kernel: 3 }).norm().relu().globalPool().dense(4)));
 * foldNorms(net).graph.nodes.map((n) => n.op.kind); // ['input', 'conv', 'act', 'globalPool', 'dense']
 */
export function foldNorms(whole: Net): Net {
  const { graph } = whole;
  const byId = nodesById(graph);
  const once = readOnce(graph);
  const store: Store = new Map(whole.weights);
  const norms = new Map<string, string>(); // from a folded norm to its layer
  const layers = new Map<string, Node>(); // from the former path of such a layer to the layer with a bias
  for (const norm of graph.nodes) {
    const layer = byId.get(norm.inputs[0] ?? '');
    const isAffine = norm.op.kind === 'norm' || norm.op.kind === 'scale';
    if (!isAffine || !layer || !isLinear(layer.op)) continue;
    if (!once(layer.id) || isSharing(graph, layer.id, norm.id)) continue;
    const id = graph.outputs.includes(norm.id) ? norm.id : layer.id;
    const { kernel, bias, shape } = linearOf(store, layer.id, layer.op.out);
    const { scale, offset } = affineOf(store, norm.id, norm.op);
    const { out } = layer.op;
    forget(store, layer.id, norm.id);
    put(store, id, {
      shape,
      kernel: kernel.map((w, i) => w * scale[i % out]!),
      bias: bias.map((b, c) => b * scale[c]! + offset[c]!),
    });
    const hasBias = norm.op.kind === 'norm' || layer.op.bias;
    if (!hasBias) store.delete(`${id}:bias`);
    norms.set(norm.id, id);
    layers.set(layer.id, { ...layer, id, op: { ...layer.op, bias: hasBias } });
  }
  if (!norms.size) return whole;
  const nodes = graph.nodes
    .filter((n) => !norms.has(n.id))
    .map((n) => layers.get(n.id) ?? n)
    .map((n) => ({ ...n, inputs: n.inputs.map((id) => norms.get(id) ?? id) }));
  return net({ ...graph, nodes }, store);
}

/**
 * Folds norms as `foldNorms` does, then each sum of parallel branches into one conv. A branch is a conv of a common value,
 * its norm, or the value itself (RepVGG, Ding et al. 2021, arXiv:2101.03697, section 3.3). A RepVGG or MobileOne in its
 * training form becomes its deployed form. Returns the same net when there is nothing to fold.
 *
 * @example
 * import { foldBranches, graph, init, input } from 'moonlet';
 * const net = init(graph('tiny', input(8, 8, 4).residual((x) => x.conv(4, { kernel: 3 }).norm()).globalPool().dense(4)));
 * foldBranches(net).graph.nodes.map((n) => n.op.kind); // ['input', 'conv', 'globalPool', 'dense']
 */
export function foldBranches(whole: Net): Net {
  let folded = foldNorms(whole);
  for (let next = foldSum(folded); next; next = foldSum(folded)) folded = next;
  return folded;
}
