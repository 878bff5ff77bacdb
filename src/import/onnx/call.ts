/** @file One ONNX node as the readers of ops see it: its inputs by kind, its attributes with defaults. */
import { cut, MoonletError, quote } from '../../errors.ts';
import { sizeOf } from '../../graph/index.ts';
import type { OnnxNode } from '../../onnx/index.ts';
import { type Constant, numbersOf } from './constant.ts';
import type { Draft } from './draft.ts';
import { type Axes, dimsOf } from './view.ts';

/** A value that depends on the input of the net. */
export interface Live {
  readonly kind: 'live';
  /** The node of the draft. */
  readonly id: string;
  readonly axes: Axes;
  /** Set where the value stands for integers. */
  readonly codes?: { readonly scale: number; readonly zero: number };
}
export type Value = Constant | Live;

/** A reason why a node cannot be read; the reader adds the node and the remedy. */
export class Unreadable extends MoonletError {}

export class Call {
  readonly node: OnnxNode;
  readonly draft: Draft;
  readonly opset: number;
  readonly path: string;
  readonly inputs: readonly (Value | undefined)[];

  constructor(o: Pick<Call, 'node' | 'draft' | 'opset' | 'path' | 'inputs'>) {
    this.node = o.node;
    this.draft = o.draft;
    this.opset = o.opset;
    this.path = o.path;
    this.inputs = o.inputs;
  }
  fail(reason: string): never {
    throw new Unreadable(reason);
  }
  /** An input that is there. */
  value(index: number): Value {
    return this.inputs[index] ?? this.fail(`input ${index} is missing`);
  }
  live(index: number): Live {
    const value = this.value(index);
    return value.kind === 'live' ? value : this.fail(`input ${index} is a constant`);
  }
  constant(index: number): Constant {
    const value = this.value(index);
    return value.kind === 'constant'
      ? value
      : this.fail(`input ${index} is computed from the input of the net`);
  }
  optional(index: number): Constant | undefined {
    return this.inputs[index] ? this.constant(index) : undefined;
  }
  /** The numbers of an optional constant. */
  numbers(index: number): readonly number[] | undefined {
    const constant = this.optional(index);
    return constant && numbersOf(constant);
  }
  int(name: string, otherwise: number): number {
    const attribute = this.node.attributes?.[name];
    return attribute?.kind === 'int' ? attribute.value : otherwise;
  }
  /** The shortest decimal of a float32: 1e-5 and not 0.00000999999974738. */
  float(name: string, otherwise: number): number {
    const attribute = this.node.attributes?.[name];
    return attribute?.kind === 'float' ? decimal(attribute.value) : otherwise;
  }
  text(name: string, otherwise: string): string {
    const attribute = this.node.attributes?.[name];
    return attribute?.kind === 'string' ? attribute.value : otherwise;
  }
  ints(name: string): readonly number[] | undefined {
    const attribute = this.node.attributes?.[name];
    return attribute?.kind === 'ints' ? attribute.value : undefined;
  }
  /** Attributes that became inputs in later operator sets. */
  intsOrInput(name: string, index: number): readonly number[] | undefined {
    return this.ints(name) ?? this.numbers(index);
  }
  /** An axis from the front. */
  axis(axis: number, rank: number): number {
    const index = axis < 0 ? axis + rank : axis;
    return index >= 0 && index < rank ? index : this.fail(`axis ${axis} of a value of ${rank} axes`);
  }
  /** The value of a node of the draft, with the given axes. */
  result(id: string, axes: Axes): readonly [Live] {
    const shape = this.draft.shape(id);
    const size = sizeOf(shape);
    if (dimsOf(axes).reduce((n, dim) => n * dim, 1) % size !== 0)
      throw new Error(`internal: ${id} does not fill the axes [${dimsOf(axes).join(', ')}]`);
    return [{ kind: 'live', id, axes }];
  }
}

/** The shortest decimal number that is this float32. */
function decimal(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}

/** What names a node: its own name, or that of its first output. */
export const nodeName = ({ name, outputs, opType }: OnnxNode): string => name || outputs[0] || opType;
export const printNode = (node: OnnxNode): string =>
  `onnx node ${quote(nodeName(node))} (${cut(node.domain ? `${node.domain}.${node.opType}` : node.opType)})`;
