/** @file What stands beside the student when it grows: adapters, projections and heads of losses keep what they learned. */
import type { Follows, Growth } from '../../edit/index.ts';
import { type Graph, type Node, nodesById } from '../../graph/index.ts';
import { type Entry, entries, type WeightKey } from '../../weights/index.ts';

interface Followed {
  readonly key: WeightKey;
  /** An array with the old weight's shape in the new one's. */
  follow(array: Float32Array, as: Follows): Float32Array;
}

/**
 * The weights beside the student that go on after its growth: those of the same shape as they are, and kernels of layers that read a grown
 * value of the student with their inputs split among its copies, so that they compute the same; new units are read with 0. Others, such
 * as those of a branch that grows itself, begin anew.
 */
export function besideAfter(
  grown: Growth,
  { student, whole }: { readonly student: Graph; readonly whole: Graph },
  next: Graph,
): readonly Followed[] {
  const own = new Set(student.nodes.map((n) => n.id));
  const before = new Map(entries(whole).map((entry) => [entry.key, entry]));
  const nodes = nodesById(next);
  return entries(next).flatMap((entry): Followed[] => {
    const node = nodes.get(entry.node);
    const old = before.get(entry.key);
    if (!node || !old || own.has(entry.node)) return [];
    if (old.shape.join() === entry.shape.join()) return [{ key: entry.key, follow: (array) => array }];
    const map = mapOf(grown, node, old, entry);
    return map ? [{ key: entry.key, follow: (array, as) => split(array, entry.shape, map, as) }] : [];
  });
}

/** The old channel of each channel that a kernel reads, where nothing else of its shape is another. */
function mapOf(grown: Growth, node: Node, old: Entry, now: Entry): ArrayLike<number> | undefined {
  const [input = ''] = node.inputs;
  const map = grown.maps.get(input);
  const isKernel =
    now.slot === 'kernel' && (node.op.kind === 'dense' || (node.op.kind === 'conv' && node.op.groups === 1));
  if (!map || !isKernel || old.shape.length !== now.shape.length) return undefined;
  const at = now.shape.length - 2;
  const isSame = now.shape.every((d, i) => i === at || d === old.shape[i]);
  return isSame && now.shape[at] === map.length ? map : undefined;
}

/** A kernel [..., in, out] whose inputs are copies; see `Follows`: an input with m copies has an m-th of the weight in each. */
function split(
  array: Float32Array,
  shape: readonly number[],
  map: ArrayLike<number>,
  as: Follows,
): Float32Array {
  const [inputs = 1, outputs = 1] = shape.slice(-2);
  const copies = new Map<number, number>();
  for (const from of Array.from(map)) copies.set(from, (copies.get(from) ?? 0) + 1);
  const olds = array.length / (shape.slice(0, -2).reduce((n, d) => n * d, 1) * outputs);
  return Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, p) => {
    const [o, rest] = [p % outputs, Math.floor(p / outputs)];
    const [i, place] = [rest % inputs, Math.floor(rest / inputs)];
    const from = map[i] ?? -1;
    if (from < 0) return 0;
    const m = copies.get(from) ?? 1;
    return (array[(place * olds + from) * outputs + o] ?? 0) / (as === 'square' ? m * m : m);
  });
}
