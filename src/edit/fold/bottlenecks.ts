/**
 * @file Linear bottlenecks folded away: two dense layers with nothing between them are one (Ba and Caruana 2014,
 * arXiv:1312.6184, section 2.3: the factorized layer trains faster and expresses no less).
 *
 *   U (V x + a) + b = (U V) x + (U a + b)
 */
import { type Node, nodesById } from '../../graph/index.ts';
import { type Net, net } from '../../weights/index.ts';
import { forget, isSharing, linearOf, put, readOnce, type Store } from './linear.ts';

/**
 * Each dense layer that alone reads a dense layer takes it in. What the net computes is preserved, in inference and in
 * training, to rounding; its cost is not: H D multiplications stand in for k (H + D). The same net comes back when there
 * is nothing to fold.
 */
export function foldBottlenecks(whole: Net): Net {
  const { graph } = whole;
  const byId = new Map(nodesById(graph));
  const once = readOnce(graph);
  const store: Store = new Map(whole.weights);
  const gone = new Set<string>();
  for (const { id } of graph.nodes) {
    const outer = byId.get(id) as Node;
    const inner = byId.get(outer.inputs[0] ?? '');
    if (outer.op.kind !== 'dense' || inner?.op.kind !== 'dense') continue;
    if (!once(inner.id) || isSharing(graph, inner.id, outer.id)) continue;
    const [u, v] = [linearOf(store, outer.id, outer.op.out), linearOf(store, inner.id, inner.op.out)];
    const [inputs, middle, out] = [v.shape[0] as number, inner.op.out, outer.op.out];
    const kernel = new Float64Array(inputs * out);
    const bias = u.bias;
    /** Adds `row` (one of v's, or its bias) times u to `into`, from `at` on. */
    const add = (row: Float64Array, into: Float64Array, at: number): void => {
      for (let k = 0; k < middle; k++) {
        const scale = row[k] as number;
        for (let o = 0; o < out; o++)
          into[at + o] = (into[at + o] as number) + scale * (u.kernel[k * out + o] as number);
      }
    };
    for (let i = 0; i < inputs; i++) add(v.kernel.subarray(i * middle, (i + 1) * middle), kernel, i * out);
    add(v.bias, bias, 0);
    const biased = inner.op.bias || outer.op.bias;
    forget(store, inner.id, outer.id);
    put(store, id, { shape: [inputs, out], kernel, bias });
    if (!biased) store.delete(`${id}:bias`);
    gone.add(inner.id);
    byId.set(id, { ...outer, op: { ...outer.op, bias: biased }, inputs: inner.inputs });
  }
  if (!gone.size) return whole;
  const nodes = graph.nodes.filter((n) => !gone.has(n.id)).map((n) => byId.get(n.id) as Node);
  return net({ ...graph, nodes }, store);
}
