/** @file Finds the elementwise ops that can be computed by the node before them. */

import { sameShape, stepAttributes } from '../build.ts';
import {
  type Fusions,
  type Node,
  type Readers,
  type Relu,
  reachable,
  readersOf,
  type Sum,
  splatOf,
  type Value,
} from '../ir.ts';
import { isWhole } from '../lower/choose.ts';
import type { Recorded } from '../record.ts';
import { endsOf } from './rewrite.ts';

/** Sums and relus of images whose channels fill blocks. */
export function fusionsOf(recorded: Recorded, block: number | undefined): Fusions {
  const ends = endsOf(recorded);
  const nodes = reachable(recorded.trace, ends);
  const readers = readersOf(nodes, ends);
  const order = new Map(nodes.map((node, i) => [node, i]));
  const sums = new Map<Value, Sum>();
  const relus = new Map<Value, Relu>();
  for (const node of nodes) {
    const [y] = node.outputs;
    if (!y || !isWhole({ block }, y)) continue;
    const sum = sumOf(node, y, readers, order);
    if (sum) sums.set(y, sum);
    const relu = node.op.kind === 'norm' ? reluOf(y, readers) : undefined;
    if (relu) relus.set(y, relu);
  }
  return { sums, relus };
}

/**
 * The image to which y is added, where nothing else reads y, and nothing that comes later than y reads the other image: its memory
 * becomes the sum's.
 */
function sumOf(
  { op: { kind }, outputs }: Node,
  y: Value,
  readers: Readers,
  order: ReadonlyMap<Node, number>,
): Sum | undefined {
  const addsAlong =
    kind === 'conv' || kind === 'convInputGrad' || (kind === 'normGrad' && outputs.length === 3);
  const [reader, ...more] = readers(y) ?? [];
  if (!addsAlong || reader?.op.kind !== 'map' || reader.op.op !== 'Add' || more.length > 0) return undefined;
  const other = reader.inputs.find((x) => x !== y);
  const [sum] = reader.outputs;
  if (!other || !sum || !sameShape(other.shape, y.shape)) return undefined;
  const place = (node: Node): number => order.get(node) ?? 0;
  const isEarlier = (node: Node): boolean => place(node) < place(y.node);
  // a norm in blocks keeps a centred copy of x, which is what its gradient reads
  const readsCopy = ({ op, inputs: [dy, x] }: Node): boolean =>
    op.kind === 'normGrad' && x === other && dy !== other;
  const isLast = readers(other)?.every((node) => node === reader || isEarlier(node) || readsCopy(node));
  return isLast ? { other, sum } : undefined;
}

/** The relu or relu6 of y, if only it and its gradient read y: whether y is above 0 can be asked of the relu. */
function reluOf(y: Value, readersOfValue: Readers): Relu | undefined {
  const readers = readersOfValue(y) ?? [];
  const compares = ({ op, inputs: [x, bound] }: Node, name: string, to: number): boolean =>
    op.kind === 'map' && op.op === name && x === y && !!bound && splatOf(bound) === to;
  const limitOf = ({ inputs: [, , high] }: Node): number => (high && splatOf(high)) ?? 0;
  const clip = readers.find(
    (node) => compares(node, 'Clip', 0) && (limitOf(node) === 6 || limitOf(node) === Infinity),
  );
  const value = clip?.outputs[0];
  if (!clip || !value) return undefined;
  const limit = limitOf(clip);
  const below = readers.filter((node) => limit === 6 && compares(node, 'Less', 6));
  const isStep = (node: Node): boolean =>
    (node.op.kind === 'map' && node.op.attributes === stepAttributes) || compares(node, 'Greater', 0);
  if (!readers.every((node) => node === clip || below.includes(node) || isStep(node))) return undefined;
  return { value, limit, below: below.flatMap(({ outputs }) => outputs) };
}
