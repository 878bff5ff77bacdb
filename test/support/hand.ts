/** @file Graphs written node by node, for tests of what a graph may be. */
import type { Conv, Graph, Node, Op } from '../../src/graph/index.ts';

export const node = (id: string, op: Op, inputs: readonly string[] = [], weightsOf?: string): Node =>
  weightsOf === undefined ? { id, op, inputs } : { id, op, inputs, weightsOf };

/** A graph whose only output is its last node, unless told. */
export const byHand = (
  nodes: readonly Node[],
  outputs: readonly string[] = [nodes.at(-1)?.id ?? ''],
): Graph => ({
  name: 'g',
  nodes,
  outputs,
});

export const map = (h: number, w: number, c: number): Op => ({ kind: 'input', shape: [h, w, c] });
export const conv = (out: number, o: Partial<Omit<Conv, 'kind' | 'out'>> = {}): Conv => ({
  kind: 'conv',
  out,
  kernel: [1, 1],
  stride: [1, 1],
  dilation: [1, 1],
  groups: 1,
  padding: 'same',
  bias: false,
  ...o,
});
export const relu: Op = { kind: 'act', fn: 'relu' };
export const norm: Op = { kind: 'norm', eps: 1e-5, momentum: 0.9, scale: true, offset: true };
