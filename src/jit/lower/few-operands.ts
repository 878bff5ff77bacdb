/**
 * @file Nodes of few tensors: WebGPU lets a kernel read and write as few as eight. Joins and splits of more tensors become trees.
 */

import type { OnnxNode, OnnxTensor } from '../../onnx/index.ts';
import type { Emitter } from './emitter.ts';

/** The most tensors that are joined, or come out of a split, at once. */
const most = 6;

const groups = <T>(values: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));

/** The nodes, where every Concat and Split has few operands. */
export function withFewOperands(e: Emitter): OnnxNode[] {
  let count = 0;
  const fresh = (): string => `part${count++}`;
  const constants = new Map<string, OnnxTensor>();
  for (const constant of e.initializers.values()) constants.set(constant.name, constant);

  const joined = (node: OnnxNode): OnnxNode[] => {
    if (node.inputs.length <= most) return [node];
    const parts = groups(node.inputs, most).map((inputs) => ({ ...node, inputs, outputs: [fresh()] }));
    return [...parts, ...joined({ ...node, inputs: parts.flatMap(({ outputs }) => outputs) })];
  };
  const split = (node: OnnxNode): OnnxNode[] => {
    const [x = '', sizesName = ''] = node.inputs;
    if (node.outputs.length <= most) return [node];
    const sizes = Array.from(constants.get(sizesName)?.data ?? [], Number);
    // as few parts as can be, of which each is split again
    const size = Math.ceil(node.outputs.length / most);
    const sizesOf = groups(sizes, size);
    const parts = groups(node.outputs, size).map((outputs) => ({ outputs, name: fresh() }));
    const totals = sizesOf.map((some) => some.reduce((sum, n) => sum + n, 0));
    const first = { ...node, inputs: [x, longs(totals)], outputs: parts.map(({ name }) => name) };
    const rest = parts.flatMap(({ outputs, name }, i) =>
      split({ ...node, inputs: [name, longs(sizesOf[i] ?? [])], outputs }),
    );
    return [first, ...rest];
  };
  const longs = (values: readonly number[]): string => {
    const name = e.longs(values);
    for (const constant of e.initializers.values()) constants.set(constant.name, constant);
    return name;
  };
  return e.nodes.flatMap((node) => {
    if (node.opType === 'Concat') return joined(node);
    return node.opType === 'Split' ? split(node) : [node];
  });
}
