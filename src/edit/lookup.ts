/** @file Helpers that several edits need: kernels as matrices, weights by their node, values by an order. */
import { get, item } from '../access.ts';
import type { Slot } from '../graph/index.ts';
import { materialize, type Net, type Weight } from '../weights/index.ts';

/** Rows and columns of a kernel: its last two axes, input and output channels. */
export const matrixOf = (shape: readonly number[]): readonly [rows: number, columns: number] => [
  item(shape, -2),
  item(shape, -1),
];

/** A weight that a net must have, by its node's path and its slot. */
export const weightOf = ({ weights }: Pick<Net, 'weights'>, node: string, slot: Slot): Weight =>
  get(weights, `${node}:${slot}`);
/** The numbers of a weight that a net must have. */
export const numbersOf = (net: Pick<Net, 'weights'>, node: string, slot: Slot): Float32Array =>
  materialize(weightOf(net, node, slot));

/** values[order[0]], values[order[1]], ... */
export const gathered = (values: Int32Array, order: ArrayLike<number>): Int32Array =>
  Int32Array.from(order, (from) => values[from]!);

/** Appends to the list of a key, which is begun when there is none. */
export function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
