/** @file Builds an ONNX graph. Values are numbered; nodes and the constants of weights have the paths of the net's nodes. */
import type { Op, Quantize, Shape, Slot } from '../graph/index.ts';
import type { OnnxAttribute, OnnxData, OnnxDtype, OnnxNode, OnnxTensor } from '../onnx/index.ts';
import type { Weight } from '../weights/index.ts';

/** An op on its way into ONNX. */
export interface Emission<O extends Op = Op> {
  readonly draft: Draft;
  readonly op: O;
  /** The names of its inputs' values, channels first or as rows (see onnx-rows.ts), and our shapes of them. */
  readonly ins: readonly string[];
  readonly shapes: readonly Shape[];
  /** The op that made its first input. */
  readonly source: Op | undefined;
  /** Whether values of the net are rounded to steps. */
  readonly isRounded: boolean;
  /** Whether the value that it reads comes from a layer that multiplies floats. */
  readonly floats: boolean;
  /** Of a norm that is written in integers, the steps of what it reads. */
  readonly integerNorm: Quantize | undefined;
  readonly weight: (slot: Slot) => Weight | undefined;
  /** The name of a weight in the file. */
  readonly named: (slot: Slot) => string;
  /** Whether codes of at most 4 bits are stored as int4. */
  readonly int4: boolean;
  /** Groups of integer convs are joined up to so many channels. */
  readonly joinGroups: number;
}

/** The nodes and constants of a graph under construction. */
export interface Draft {
  readonly nodes: OnnxNode[];
  readonly initializers: OnnxTensor[];
  /** Appends a node and gives its output's name. */
  emit(
    opType: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, OnnxAttribute>>,
    name?: string,
  ): string;
  /**
   * A constant's name: the wanted one where no value has it yet, or a constant of the same values; else, and without one, a number.
   */
  constant(dtype: OnnxDtype, shape: readonly number[], data: OnnxData, wanted?: string): string;
  /** Names the ONNX nodes that were appended from this index on after a node of the net: its path for the last one. */
  name(from: number, id: string): void;
  /** The constant of a weight, or of values with a name: one for all nodes that share it. */
  weight(weight: object | string, make: () => string): string;
}

/** @param taken names that inputs and outputs have. */
export function draft(taken: readonly string[] = []): Draft {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  let made = 0;
  const known = new Map<object | string, string>();
  const named = new Map<string, OnnxTensor>();
  const used = new Set(taken);
  return {
    nodes,
    initializers,
    emit(opType, inputs, attributes = {}, name = `#${made++}`) {
      nodes.push({ name, opType, inputs, outputs: [name], attributes });
      return name;
    },
    constant(dtype, shape, data, wanted) {
      const before = wanted === undefined ? undefined : named.get(wanted);
      const tensor = { dtype, shape, data };
      if (wanted !== undefined && before && isSame(before, tensor)) return wanted;
      const name = wanted === undefined || used.has(wanted) ? `#${made++}` : wanted;
      used.add(name);
      named.set(name, { name, ...tensor });
      initializers.push({ name, ...tensor });
      return name;
    },
    name(from, id) {
      const counts = new Map<string, number>();
      for (let i = from; i < nodes.length; i++) {
        const node = nodes[i]!;
        const count = counts.get(node.opType) ?? 0;
        counts.set(node.opType, count + 1);
        const part = `${id}:${node.opType}${count ? `_${count}` : ''}`;
        nodes[i] = { ...node, name: i === nodes.length - 1 ? id : part };
      }
    },
    weight(weight, make) {
      const name = known.get(weight) ?? make();
      known.set(weight, name);
      return name;
    },
  };
}

type Values = Omit<OnnxTensor, 'name'>;
const isSame = (a: Values, b: Values): boolean =>
  a.dtype === b.dtype &&
  a.shape.join() === b.shape.join() &&
  a.data.length === b.data.length &&
  Array.prototype.every.call(a.data, (value, i) => Object.is(value, b.data[i]));
