/**
 * @file Folds linear bottlenecks: two dense layers with nothing between them are one dense layer (Ba and Caruana 2014,
 * arXiv:1312.6184, section 2.3: the factorized layer trains faster and is as expressive).
 *
 *   U (V x + a) + b = (U V) x + (U a + b)
 */
import { first, get } from '../../access.ts';
import { nodesById } from '../../graph/index.ts';
import { type Net, net } from '../../weights/index.ts';
import { forget, isSharing, linearOf, put, readOnce, type Store } from './linear.ts';

/**
 * Merges each dense layer whose only reader is a dense layer into that reader. The function is preserved, in inference and
 * in training, to rounding. The cost changes: H D multiplications replace k (H + D). Returns the same net when there is
 * nothing to fold.
 *
 * @example
 * import { foldBottlenecks, graph, init, input } from 'moonlet';
 * const net = init(graph('tiny', input(64).dense(8).dense(32)));
 * foldBottlenecks(net).graph.nodes.length; // 2
 */
export function foldBottlenecks(whole: Net): Net {
  const { graph } = whole;
  const byId = new Map(nodesById(graph));
  const once = readOnce(graph);
  const store: Store = new Map(whole.weights);
  const gone = new Set<string>();
  for (const { id } of graph.nodes) {
    const outer = get(byId, id);
    const inner = byId.get(outer.inputs[0] ?? '');
    if (outer.op.kind !== 'dense' || inner?.op.kind !== 'dense') continue;
    if (!once(inner.id) || isSharing(graph, inner.id, outer.id)) continue;
    const [u, v] = [linearOf(store, outer.id, outer.op.out), linearOf(store, inner.id, inner.op.out)];
    const [inputs, middle, out] = [first(v.shape), inner.op.out, outer.op.out];
    const kernel = new Float64Array(inputs * out);
    const bias = u.bias;
    /** Adds `row` (a row of v, or its bias) times u to `sums`, from `start` on. */
    const add = (row: Float64Array, sums: Float64Array, start: number): void => {
      for (let k = 0; k < middle; k++) {
        const scale = row[k]!;
        for (let o = 0; o < out; o++) sums[start + o]! += scale * u.kernel[k * out + o]!;
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
  const nodes = graph.nodes.filter((n) => !gone.has(n.id)).map((n) => get(byId, n.id));
  return net({ ...graph, nodes }, store);
}
