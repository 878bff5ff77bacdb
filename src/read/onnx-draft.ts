/** @file Builds an ONNX graph. */
import type { OnnxAttribute, OnnxData, OnnxDtype, OnnxNode, OnnxTensor } from '../onnx/index.ts';

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
