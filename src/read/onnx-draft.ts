/** @file Builds an ONNX graph. */
import type { Op, Shape, Slot } from '../graph/index.ts';
import type { OnnxAttribute, OnnxData, OnnxDtype, OnnxNode, OnnxTensor } from '../onnx/index.ts';
import type { Weight } from '../weights/index.ts';

/** The nodes and constants of a graph under construction. */
/** An op on its way into ONNX. */
export interface Emission<O extends Op = Op> {
  readonly draft: Draft;
  readonly op: O;
  /** The names of its inputs' values, channels first, and our shapes of them. */
  readonly ins: readonly string[];
  readonly shapes: readonly Shape[];
  /** The op that made its first input. */
  readonly source: Op | undefined;
  readonly weight: (slot: Slot) => Weight | undefined;
}

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
  /** A constant's name. */
  constant(dtype: OnnxDtype, shape: readonly number[], data: OnnxData): string;
  /** The constant of a weight, or of values with a name: one for all nodes that share it. */
  weight(weight: object | string, make: () => string): string;
}

export function draft(): Draft {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  let made = 0;
  const known = new Map<object | string, string>();
  return {
    nodes,
    initializers,
    emit(opType, inputs, attributes = {}, name = `#${made++}`) {
      nodes.push({ name, opType, inputs, outputs: [name], attributes });
      return name;
    },
    constant(dtype, shape, data) {
      const name = `#${made++}`;
      initializers.push({ name, dtype, shape, data });
      return name;
    },
    weight(weight, make) {
      const name = known.get(weight) ?? make();
      known.set(weight, name);
      return name;
    },
  };
}
