/** @file What a node reads: the values, shapes and channels of its inputs. */
import { first, get } from '../access.ts';
import { channelsOf, type Node, type Shape } from './op.ts';

/** The values of a node's inputs, in order, from a map over node ids such as the result of `fold` or `shapes`. */
export const valuesOfInputs = <V>(node: Node, values: ReadonlyMap<string, V>): V[] =>
  node.inputs.map((id) => get(values, id));

/** The shapes of a node's inputs, in order. */
export const inputShapes = (node: Node, shapeById: ReadonlyMap<string, Shape>): readonly Shape[] =>
  valuesOfInputs(node, shapeById);

/** The id of the input of a node that has one, or of its first input. */
export const firstInput = (node: Node): string => first(node.inputs);

/** The shape of a node's first input. */
export const firstInputShape = (node: Node, shapeById: ReadonlyMap<string, Shape>): Shape =>
  get(shapeById, firstInput(node));

/** The channels of a node's first input: those that a conv, a dense layer or a norm reads. */
export const inputChannels = (node: Node, shapeById: ReadonlyMap<string, Shape>): number =>
  channelsOf(firstInputShape(node, shapeById));
