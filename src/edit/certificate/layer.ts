/** @file The certificate's rules for weights: vectors are gathered, the parts of a kernel sum to the old weight. */
import { groupsOf, type Node, type Shape, type Slot, slide } from '../../graph/index.ts';
import type { Net } from '../../weights/index.ts';
import { stored } from './added.ts';

/** The nets that are compared, and where findings about one node go. */
export interface Comparison {
  readonly old: Net;
  readonly now: Net;
  /** Relative to the largest weight of a layer. */
  readonly tolerance: number;
  report(finding: string): void;
}

/** Whether two lists have equal elements in one order. */
export function equal<T>(a: ArrayLike<T>, b: ArrayLike<T>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A bias, or a vector of a norm: v'[..., j] = v[..., out[j]], bit for bit; a new channel may have any number. */
export function checkVector(
  was: Node,
  node: Node,
  slot: Slot,
  out: readonly number[],
  { old, now, report }: Comparison,
): void {
  const [a, b] = [stored(old, was, slot), stored(now, node, slot)];
  const [rows, c] = [(b?.length ?? 0) / out.length, ((a?.length ?? 0) * out.length) / (b?.length ?? 1)];
  const row = (r: number): number[] =>
    out.map((from, j) => (from < 0 ? b?.[r * out.length + j] : a?.[r * c + from]) ?? Number.NaN);
  const wanted = a && Array.from({ length: rows }, (_, r) => row(r)).flat();
  if (!equal(b ?? [], wanted ?? [])) report(`its ${slot} is not that of the channels it copies`);
}

/**
 * A conv or dense layer: for each new output j and each old input channel k that its group read, the new weights of the
 * copies of k must sum to the old weight. Output j must read no other channel, and must weigh new channels by zero.
 */
export function checkLayer(
  was: Node,
  node: Node,
  x: readonly number[],
  out: readonly number[],
  shape: Shape,
  compared: Comparison,
): void {
  const { report } = compared;
  const a = ringed(was, node, shape, stored(compared.old, was, 'kernel'));
  const b = stored(compared.now, node, 'kernel');
  if (!a || !b) return report('its kernel is missing, or its windows are at other places');
  checkVector(was, node, 'bias', out, compared);
  const oldOut = 'out' in was.op ? was.op.out : 0;
  const [groupsOld, groupsNow] = [groupsOf(was.op), groupsOf(node.op)];
  const [readOld, readNow] = [(shape.at(-1) ?? 0) / groupsOld, x.length / groupsNow];
  const places = a.length / (readOld * oldOut);
  if (b.length !== places * readNow * out.length)
    return report('the shape of its kernel does not match its maps');
  const slack = compared.tolerance * largest(a);
  if (isSound({ a, b, x, out, places, oldOut, groupsOld, groupsNow, slack })) return;
  // something is wrong: each output by itself, for the finding
  for (const [j, from] of out.entries()) {
    if (from < 0) continue;
    const groupOld = Math.floor(from / (oldOut / groupsOld));
    const groupNow = Math.floor(j / (out.length / groupsNow));
    const reads = x.slice(groupNow * readNow, (groupNow + 1) * readNow);
    const rows = reads.map((channel) => (channel < 0 ? -1 : channel - groupOld * readOld));
    if (reads.some((channel, i) => channel >= 0 && !(rows[i]! >= 0 && rows[i]! < readOld)))
      return report(`output ${j} reads a channel that its original did not`);
    for (let p = 0; p < places; p++) {
      const sums = new Float64Array(readOld);
      for (let i = 0; i < readNow; i++) {
        const [k, weight] = [rows[i]!, b[(p * readNow + i) * out.length + j]!];
        if (k >= 0) sums[k]! += weight;
        else if (weight !== 0) return report(`output ${j} reads a new channel`);
      }
      for (let k = 0; k < readOld; k++) {
        if (!(Math.abs(sums[k]! - a[(p * readOld + k) * oldOut + from]!) <= slack))
          return report(`the copies of input ${k} do not sum to its weight for output ${j}`);
      }
    }
  }
}

function largest(values: Float32Array): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
}

/** The old kernel a[places, in / groupsOld, oldOut] and the new one b[places, x / groupsNow, out], as `checkLayer` compares them. */
interface Kernels {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly x: readonly number[];
  readonly out: readonly number[];
  readonly places: number;
  readonly oldOut: number;
  readonly groupsOld: number;
  readonly groupsNow: number;
  readonly slack: number;
}

/** Whether all outputs satisfy the rule of `checkLayer`: the same sums in the same order, with the kernels read in the order of memory. */
function isSound(kernels: Kernels): boolean {
  const { a, b, x, out, places, oldOut, groupsOld, groupsNow } = kernels;
  if (groupsOld === 1 && groupsNow === 1) return isSoundWhole(kernels);
  const outputs = Int32Array.from(out);
  const [readOld, readNow] = [a.length / (places * oldOut), x.length / groupsNow];
  const perGroup = outputs.length / groupsNow;
  /** The first input channel of the old group of each output. */
  const first = outputs.map((from) => Math.floor(from / (oldOut / groupsOld)) * readOld);
  for (let p = 0; p < places; p++) {
    const sums = new Float64Array(readOld * outputs.length);
    for (let i = 0; i < readNow; i++) {
      const row = (p * readNow + i) * outputs.length;
      for (let group = 0; group < groupsNow; group++) {
        const channel = x[group * readNow + i]!;
        for (let j = group * perGroup; j < (group + 1) * perGroup; j++) {
          if (outputs[j]! < 0) continue;
          const k = channel - first[j]!;
          if (channel < 0 ? b[row + j] !== 0 : !(k >= 0 && k < readOld)) return false;
          if (channel >= 0) sums[k * outputs.length + j]! += b[row + j]!;
        }
      }
    }
    if (!areOld(sums, outputs, kernels, p)) return false;
  }
  return true;
}

/** `isSound` of a layer without groups, whose outputs all read the same channels. */
function isSoundWhole(kernels: Kernels): boolean {
  const { a, b, x, out, places, oldOut } = kernels;
  const outputs = Int32Array.from(out);
  const [n, readOld, readNow] = [outputs.length, a.length / (places * oldOut), x.length];
  if (x.some((channel) => channel >= readOld)) return false;
  const sums = new Float64Array(readOld * n);
  for (let p = 0; p < places; p++) {
    sums.fill(0);
    for (let i = 0; i < readNow; i++) {
      const [channel, row] = [x[i]!, (p * readNow + i) * n];
      if (channel < 0) {
        for (let j = 0; j < n; j++) if (b[row + j] !== 0 && outputs[j]! >= 0) return false;
      } else {
        const sum = channel * n;
        for (let j = 0; j < n; j++) sums[sum + j]! += b[row + j]!;
      }
    }
    if (!areOld(sums, outputs, kernels, p)) return false;
  }
  return true;
}

/** Whether the sums [channels that an output read, outputs] of a place are the old weights there. */
function areOld(
  sums: Float64Array,
  outputs: Int32Array,
  { a, oldOut, slack }: Pick<Kernels, 'a' | 'oldOut' | 'slack'>,
  place: number,
): boolean {
  const n = outputs.length;
  for (let sum = 0, row = ((place * sums.length) / n) * oldOut; sum < sums.length; sum += n, row += oldOut)
    for (let j = 0; j < n; j++) {
      const from = outputs[j]!;
      if (from >= 0 && !(Math.abs(sums[sum + j]! - a[row + from]!) <= slack)) return false;
    }
  return true;
}

/** The old kernel with zeros around it, as large as the new one; undefined when the windows would be elsewhere. */
function ringed(
  was: Node,
  node: Node,
  shape: Shape,
  old: Float32Array | undefined,
): Float32Array | undefined {
  if (!old || was.op.kind !== 'conv' || node.op.kind !== 'conv') return old;
  const [kh, kw] = was.op.kernel;
  const [bigH, bigW] = node.op.kernel;
  const [down, right] = [(bigH - kh) / 2, (bigW - kw) / 2];
  const [before, after] = [slide(shape, was.op).pads, slide(shape, node.op).pads];
  const shifted =
    after.top - before.top !== down * node.op.dilation[0] ||
    after.left - before.left !== right * node.op.dilation[1] ||
    !Number.isInteger(down) ||
    !Number.isInteger(right);
  if (shifted || down < 0 || right < 0) return undefined;
  const depth = old.length / (kh * kw);
  const all = new Float32Array(bigH * bigW * depth);
  for (let y = 0; y < kh; y++) {
    for (let x = 0; x < kw; x++) {
      const from = (y * kw + x) * depth;
      all.set(old.subarray(from, from + depth), ((y + down) * bigW + x + right) * depth);
    }
  }
  return all;
}
