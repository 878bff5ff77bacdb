/**
 * @file Folding for inference: norms into the layers before them, and (fold-sums.ts) sums of parallel linear branches
 * into one conv. What the net computes in inference is preserved, to rounding; in training it is not, since a folded
 * norm no longer follows its batch.
 *
 *   gamma (W x + b - mean) / sqrt(variance + eps) + beta = (s W) x + (b - mean) s + beta,
 *   s = gamma / sqrt(variance + eps)
 */
import { type Node, nodesById } from '../../graph/index.ts';
import { type Net, net } from '../../weights/index.ts';
import { foldSum } from './branches.ts';
import { affineOf, forget, isSharing, linearOf, put, readOnce, type Store } from './linear.ts';

/**
 * Each norm that alone reads a conv or dense layer goes into it. The layer keeps its path, or takes the norm's where
 * that is an output. Layers that share weights stay as they are. The same net comes back when there is nothing to fold.
 */
export function foldNorms(whole: Net): Net {
  const { graph } = whole;
  const byId = nodesById(graph);
  const once = readOnce(graph);
  const store: Store = new Map(whole.weights);
  const norms = new Map<string, string>(); // norm -> the layer that it is now part of
  const layers = new Map<string, Node>(); // former path of such a layer -> the layer with its bias
  for (const norm of graph.nodes) {
    const layer = byId.get(norm.inputs[0] ?? '');
    if (norm.op.kind !== 'norm' || (layer?.op.kind !== 'conv' && layer?.op.kind !== 'dense')) continue;
    if (!once(layer.id) || isSharing(graph, layer.id, norm.id)) continue;
    const id = graph.outputs.includes(norm.id) ? norm.id : layer.id;
    const { kernel, bias, shape } = linearOf(store, layer.id, layer.op.out);
    const { scale, offset } = affineOf(store, norm.id, norm.op);
    const { out } = layer.op;
    forget(store, layer.id, norm.id);
    put(store, id, {
      shape,
      kernel: kernel.map((w, i) => w * (scale[i % out] as number)),
      bias: bias.map((b, c) => b * (scale[c] as number) + (offset[c] as number)),
    });
    norms.set(norm.id, id);
    layers.set(layer.id, { ...layer, id, op: { ...layer.op, bias: true } });
  }
  if (!norms.size) return whole;
  const nodes = graph.nodes
    .filter((n) => !norms.has(n.id))
    .map((n) => layers.get(n.id) ?? n)
    .map((n) => ({ ...n, inputs: n.inputs.map((id) => norms.get(id) ?? id) }));
  return net({ ...graph, nodes }, store);
}

/**
 * Norms into layers as in `foldNorms`, then every sum of convs of one value, of its norm or of the value itself, into
 * one conv: a RepVGG or MobileOne in its training form becomes its deployed form.
 */
export function foldBranches(whole: Net): Net {
  let folded = foldNorms(whole);
  for (let next = foldSum(folded); next; next = foldSum(folded)) folded = next;
  return folded;
}
