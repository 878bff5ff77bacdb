/** @file Look-ups that a checked graph or net guarantees: a miss is a bug of ours, and is reported as one. */
import type { Node, Shape, Slot } from '../graph/index.ts';
import { materialize, type Net, type Weight } from '../weights/index.ts';

/** The value of a key that the map must have. @throws an internal error when it has none. */
export function required<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`internal: no entry for "${String(key)}"`);
  return value;
}

/** The first element of a list that is not empty. @throws an internal error for an empty one. */
export function firstOf<T>(list: ArrayLike<T>): T {
  const value = list[0];
  if (value === undefined) throw new Error('internal: the first element of an empty list');
  return value;
}

/** The last element of a list that is not empty. @throws an internal error for an empty one. */
export function lastOf<T>(list: ArrayLike<T>): T {
  const value = list[list.length - 1];
  if (value === undefined) throw new Error('internal: the last element of an empty list');
  return value;
}

/** The node that a node reads first. */
export const inputOf = (node: Node): string => firstOf(node.inputs);
/** The shape of a node's first input. */
export const inputShapeOf = (shapes: ReadonlyMap<string, Shape>, node: Node): Shape =>
  required(shapes, inputOf(node));

/** Rows and columns of a kernel: its last two axes, input and output channels. */
export function matrixOf(shape: readonly number[]): readonly [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2);
  if (rows === undefined || columns === undefined)
    throw new Error(`internal: [${shape.join(', ')}] is the shape of no kernel`);
  return [rows, columns];
}

/** A weight that a net must have, by its node's path and its slot. */
export const weightOf = ({ weights }: Pick<Net, 'weights'>, node: string, slot: Slot): Weight =>
  required(weights, `${node}:${slot}`);
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
