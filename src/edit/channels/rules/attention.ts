/** @file The rule for attention: channels are copied within heads, or heads as a whole. */
import { Refusal } from '../../../errors.ts';
import { attentionSizes } from '../../../graph/index.ts';
import { type ChannelMap, identity, inBlocks, isNew } from '../channel-map.ts';
import type { Replica, Rule, Site } from './rule.ts';

/**
 * A head's products q_p k_j are sums over its channels. With m copies of every channel of q and k they are m times the old ones, and a
 * scale of 1 / m keeps them; of `linear`, numerator and denominator become m times as large, and eps with them. Copies of a channel of v
 * are copies of a channel of the result. Heads that are copied as a whole (`byGroups`) keep all; so does the loss of a channel of
 * q and k that is zero. Talking heads are layers over heads: copies share the weights by which others read them.
 *
 * Of `separable`, channels of k and v are copied together, within heads; the scores stay as they are.
 *
 * Of `covariance`, a result has the channels of q in any number of copies. A softmax over channels of k, each copied m times, has the
 * weights 1 / m of the old ones, and m copies of v by them have the old sum: exact when all are copied equally often. Heads that are
 * copied as a whole keep all, and their gamma.
 *
 * q, k and v are put in the order of heads, k in that of q, since their channels meet by number.
 */
export const attention: Rule<'attention'> = {
  replica: (site) => {
    const { id, op, ins, oldIn, whole, inOrder } = site;
    const [q, k, v] = ins;
    if (!q || !k || !v) throw new Error('internal: attention without q, k and v');
    if (ins.some(({ map }) => map.some(isNew)))
      throw new Refusal(`${id}: an attention cannot take more channels`);
    if (op.form === 'separable') {
      const order = op.heads > 1 ? v.map.slice().sort((a, b) => a - b) : v.map;
      return { op, ins: [q, inOrder(k, order), inOrder(v, order)], map: order };
    }
    if (op.form === 'covariance') return covariance(site);
    const { width, valueWidth, shared } = attentionSizes(op, oldIn);
    const byHead = (map: ChannelMap, size: number): ChannelMap =>
      whole ? inBlocks(map, size) : map.slice().sort((a, b) => a - b);
    const of = (map: ChannelMap, size: number, heads: readonly number[]): ChannelMap =>
      Int32Array.from(heads.flatMap((h) => [...map].map((j) => (j % size) + h * size)));
    const kept = Array.from({ length: op.heads }, (_, h) => h);
    const keys = shared ? k.map : byHead(k.map, width);
    const values = shared ? v.map : byHead(v.map, valueWidth);
    const heads = whole ? headsOf(keys, width) : kept;
    const ofHeads = Int32Array.from(heads);
    const { scale, eps } = whole ? op : sums(site, keys);
    return {
      op: { ...op, heads: heads.length, scale, eps },
      ins: [inOrder(q, shared ? of(keys, width, kept) : keys), inOrder(k, keys), inOrder(v, values)],
      map: shared ? of(values, valueWidth, kept) : values,
      ...(op.bias || op.talking
        ? {
            weights: {
              input: op.talking ? ofHeads : undefined,
              output: ofHeads,
              groups: { old: 1, now: 1 },
            },
          }
        : {}),
    };
  },
  refusesNew: () => 'attention',
};

function covariance({ id, op, ins, oldIn, whole, inOrder }: Site<'attention'>): Replica {
  const [q, k, v] = ins;
  if (!q || !k || !v) throw new Error('internal: attention without q, k and v');
  const { width, valueWidth } = attentionSizes(op, oldIn);
  const byHead = (map: ChannelMap, size: number): ChannelMap =>
    whole ? inBlocks(map, size) : map.slice().sort((a, b) => a - b);
  const [queries, keys] = [byHead(q.map, width), byHead(k.map, valueWidth)];
  const counts = new Map<number, number>();
  for (const old of keys) counts.set(old, (counts.get(old) ?? 0) + 1);
  if (!whole && new Set(counts.values()).size > 1)
    throw new Refusal(
      `${id}: its softmax over channels of k keeps its weights only when every channel is copied equally often; widen k and v by a whole factor, such as x2`,
    );
  const heads = whole ? headsOf(keys, valueWidth) : [...identity(op.heads)];
  return {
    op: { ...op, heads: heads.length },
    ins: [inOrder(q, queries), inOrder(k, keys), inOrder(v, keys)],
    map: queries,
    weights: { input: undefined, output: Int32Array.from(heads), groups: { old: 1, now: 1 } },
  };
}

/** The head of each block of channels. */
const headsOf = (map: ChannelMap, width: number): readonly number[] =>
  Array.from(identity(map.length / width), (h) => Math.floor(map[h * width]! / width));

/** Scale and eps that make up for copies. @throws Refusal where channels are not copied equally often. */
function sums({ id, op }: Site<'attention'>, map: ChannelMap): { scale: number; eps: number } {
  const counts = new Map<number, number>();
  for (const old of map) counts.set(old, (counts.get(old) ?? 0) + 1);
  const [times = 1, ...others] = counts.values();
  if (others.some((n) => n !== times))
    throw new Refusal(
      `${id}: it multiplies channels of q and k, and keeps its sums only when every channel is copied equally often; widen q and k by a whole factor, such as x2`,
    );
  return op.form === 'linear' ? { scale: 1, eps: op.eps * times } : { scale: op.scale / times, eps: op.eps };
}
