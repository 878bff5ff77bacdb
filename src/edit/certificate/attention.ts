/** @file The certificate's rule for an attention that exists in both nets. */
import { type Attention, attentionSizes, type Node, type Shape, type Slot } from '../../graph/index.ts';
import type { Net } from '../../weights/index.ts';
import { stored } from './added.ts';
import { type Comparison, equal } from './layer.ts';

interface KeptAttention {
  readonly was: Attention;
  readonly now: Attention;
  readonly nodes: readonly [was: Node, now: Node];
  readonly ins: readonly (readonly number[])[];
  readonly out: readonly number[];
  readonly oldIn: readonly Shape[];
  readonly compared: Comparison;
}

/**
 * What is wrong, if anything is. Each new head must be one old head h: its q and k have every channel of h, each m times and in one
 * order, its v and its result channels of h, and its bias is that of h. The scale of the products must be 1 / m of the old one (of
 * `linear`, eps m times the old one), for one m. A channel of q and k may be missing where k is zero. `separable` and `covariance` have
 * rules of their own.
 */
export function checkAttention({
  was,
  now,
  nodes,
  ins,
  out,
  oldIn,
  compared,
}: KeptAttention): string | undefined {
  const [q = [], k = [], v = []] = ins;
  const { width, valueWidth, shared } = attentionSizes(was, oldIn);
  const part = (map: readonly number[], n: number, h: number): readonly number[] =>
    map.slice((h * map.length) / n, ((h + 1) * map.length) / n);
  if ([q, k, v].some((map) => map.some((c) => c < 0))) return 'it reads a new channel';
  if (
    now.form !== was.form ||
    now.within !== was.within ||
    !equal(now.size, was.size) ||
    now.bias !== was.bias ||
    now.talking !== was.talking
  )
    return 'it is another attention than the old one';
  if (was.form === 'separable') return checkSeparable(now, [q, k, v], out, oldIn);
  if (was.form === 'covariance')
    return checkCovariance({ was, now, nodes, ins: [q, k, v], out, oldIn, compared });
  const isShared = k.length !== q.length;
  if (isShared !== shared) return 'its heads do not share k and v as the old ones did';
  const isZero = (c: number): boolean => isSilent(compared.old, nodes[0].inputs[1] ?? '', c);
  let times: number | undefined;
  const heads = Array.from({ length: now.heads }, (_, g) =>
    Math.floor((part(q, now.heads, g)[0] ?? 0) / width),
  );
  for (const [g, h] of heads.entries()) {
    const queries = part(q, now.heads, g).map((c) => c - h * width);
    const counts = new Array<number>(width).fill(0);
    for (const c of queries) if (c >= 0 && c < width) counts[c]! += 1;
    const most = Math.max(...counts);
    const uneven = counts.findIndex(
      (n, c) => n !== most && !(n === 0 && isZero(c + (shared ? 0 : h * width))),
    );
    if (uneven >= 0) return 'a head must read every channel of its q equally often';
    if (times !== undefined && times !== most) return 'its heads read their channels in other numbers';
    times = most;
    const [keys, keyHead, values, valueHead] = shared
      ? [k, 0, v, 0]
      : [part(k, now.heads, g), h, part(v, now.heads, g), h];
    if (
      !equal(
        queries,
        keys.map((c) => c - keyHead * width),
      )
    )
      return 'the channels of q and k do not meet as they did';
    const made = part(out, now.heads, g).map((c) => c - h * valueWidth);
    const read = values.map((c) => c - valueHead * valueWidth);
    if (!equal(made, read) || read.some((c) => c < 0 || c >= valueWidth))
      return 'a head does not make the channels of its v';
  }
  const m = times ?? 1;
  const [got, wanted] = now.form === 'linear' ? [now.eps, was.eps * m] : [now.scale * m, was.scale];
  if (Math.abs(got - wanted) > 1e-12 * wanted) return 'its scale is not that of the number of copies';
  if (now.talking) {
    const finding = checkTalking(was.heads, nodes, heads, compared);
    if (finding) return finding;
  }
  if (!now.bias) return undefined;
  const [a, b] = [stored(compared.old, nodes[0], 'bias'), stored(compared.now, nodes[1], 'bias')];
  const same = b?.every((value, i) => {
    const [place, head] = [Math.floor(i / now.heads), heads[i % now.heads] ?? 0];
    return value === a?.[place * was.heads + head];
  });
  return same && a && b && a.length / was.heads === b.length / now.heads
    ? undefined
    : 'its bias is not that of the heads it copies';
}

/** What each new head reads of all copies of an old one sums to what its original read; its offset is that of the original. */
function checkTalking(
  count: number,
  [was, now]: readonly [Node, Node],
  heads: readonly number[],
  { old, now: grown, tolerance }: Comparison,
): string | undefined {
  const [a, b] = [stored(old, was, 'kernel'), stored(grown, now, 'kernel')];
  const [before, after] = [stored(old, was, 'beta'), stored(grown, now, 'beta')];
  const n = heads.length;
  if (!a || !b || !before || !after || b.length !== 2 * n ** 2) return 'its talking heads are missing';
  const slack = tolerance * a.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  for (const which of [0, 1])
    for (const [g, original] of heads.entries()) {
      if (after[which * n + g] !== before[which * count + original])
        return 'its beta is not that of the heads it copies';
      const sums = new Float64Array(count);
      for (const [i, head] of heads.entries()) sums[head]! += b[(which * n + i) * n + g]!;
      const differs = sums.some(
        (sum, h) => !(Math.abs(sum - a[(which * count + h) * count + original]!) <= slack),
      );
      if (differs) return `the copies of a head do not sum to its weight for head ${g}`;
    }
  return undefined;
}

/** The scores are those of before; each channel copies one of the same head in k, v and the result. */
function checkSeparable(
  { heads }: Attention,
  [q, k, v]: readonly [readonly number[], readonly number[], readonly number[]],
  out: readonly number[],
  oldIn: readonly Shape[],
): string | undefined {
  const c = oldIn[1]?.at(-1) ?? 0;
  if (q.length !== heads || q.some((old, i) => old !== i)) return 'its scores are not those of before';
  if (!equal(k, v) || !equal(out, v)) return 'its k and v do not meet as they did';
  const headOf = (i: number, n: number): number => Math.floor((i * heads) / n);
  return k.every((old, i) => headOf(old, c) === headOf(i, k.length))
    ? undefined
    : 'a channel has another head than its original';
}

/** Each new head reads every channel of k and v of one old head equally often, q of that head, and has its gamma. */
function checkCovariance({
  was,
  now,
  nodes,
  ins: [q = [], k = [], v = []],
  out,
  oldIn,
  compared,
}: KeptAttention): string | undefined {
  const { width, valueWidth } = attentionSizes(was, oldIn);
  if (now.eps !== was.eps || !equal(k, v) || !equal(out, q)) return 'its q, k and v do not meet as they did';
  const [before, gamma] = [stored(compared.old, nodes[0], 'gamma'), stored(compared.now, nodes[1], 'gamma')];
  const headOf = (i: number, n: number): number => Math.floor((i * now.heads) / n);
  const heads = Array.from({ length: now.heads }, (_, g) =>
    Math.floor((k[(g * k.length) / now.heads] ?? 0) / valueWidth),
  );
  if (q.some((c, i) => Math.floor(c / width) !== heads[headOf(i, q.length)]))
    return 'a channel has another head than its original';
  for (const [g, h] of heads.entries()) {
    const counts = new Array<number>(valueWidth).fill(0);
    for (const c of k.filter((_, i) => headOf(i, k.length) === g)) counts[c - h * valueWidth]! += 1;
    if (!counts.every((n) => n > 0 && n === counts[0]))
      return 'a head must read every channel of its k and v equally often';
    if (gamma?.[g] !== before?.[h]) return 'its gamma is not that of the heads it copies';
  }
  return undefined;
}

/** Whether a channel of an old value is zero by the weights of the layer or norm that makes it. */
function isSilent(old: Net, id: string, channel: number): boolean {
  const node = old.graph.nodes.find((n) => n.id === id);
  if (!node) return false;
  const { op, inputs } = node;
  if (op.kind === 'slice') return isSilent(old, inputs[0] ?? '', channel + op.from);
  if (op.kind === 'permute') return isSilent(old, inputs[0] ?? '', op.order[channel] ?? -1);
  const column = (slot: Slot, c: number): boolean =>
    stored(old, node, slot)?.every((v, i) => v === 0 || i % c !== channel) ?? false;
  if (op.kind === 'norm') {
    const c = stored(old, node, 'gamma')?.length ?? 1;
    return column('gamma', c) && column('beta', c);
  }
  const layer = op.kind === 'conv' || op.kind === 'dense' || op.kind === 'convTranspose' ? op : undefined;
  return layer !== undefined && column('kernel', layer.out) && (!layer.bias || column('bias', layer.out));
}
