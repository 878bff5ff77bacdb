/** @file The graph as an ONNX model: every node lowered in order, inputs and outputs named `room/name`. */

import type { OnnxModel, OnnxNode, OnnxValue } from '../../onnx/index.ts';
import { type Node, reachable, type Value } from '../ir.ts';
import type { Recorded, Values } from '../record.ts';
import type { TraceOptions } from '../types.ts';
import { newEmitter, type Readers } from './emitter.ts';
import { lowerNode } from './node.ts';

/**
 * The ONNX model of a recorded function. Inputs are `state/x`, `inputs/x`; outputs `newState/x`,
 * `outputs/x`.
 */
export function lower({ trace, inputs, results }: Recorded, options: TraceOptions): OnnxModel {
  const given = [...named('state', inputs.state), ...named('inputs', inputs.inputs)];
  const wanted = [...named('newState', results.state), ...named('outputs', results.outputs)];
  const ends = wanted.map(([, value]) => value);
  const nodes = reachable(trace, ends);
  const emitter = newEmitter(options.optimize ?? true, options.block, readersOf(nodes, ends));
  for (const [name, value] of given) emitter.put(value, name);
  for (const node of nodes) {
    lowerNode(emitter, node);
    emitter.done.add(node);
  }
  const produced = wanted.map(([name, value]): [string, string] => [name, emitter.get(value)]);
  const written = withOutputs(emitter.nodes, produced);
  return {
    name: 'jit',
    nodes: written,
    initializers: [...emitter.initializers.values()],
    inputs: given.map(typeOf),
    outputs: wanted.map(typeOf),
    domains: { 'com.microsoft': 1, ...(emitter.block ? { 'com.microsoft.nchwc': 1 } : {}) },
  };
}

function readersOf(nodes: readonly Node[], ends: readonly Value[]): Readers {
  const known = new Map<Value, Node[]>();
  for (const node of nodes) {
    for (const input of node.inputs) {
      const list = known.get(input);
      if (list) list.push(node);
      else known.set(input, [node]);
    }
  }
  const results = new Set(ends);
  return (value) => (results.has(value) ? undefined : known.get(value));
}

const named = (room: string, values: Values): [string, Value][] =>
  Object.entries(values).map(([name, value]) => [`${room}/${name}`, value]);

function typeOf([name, value]: [string, Value]): OnnxValue {
  return { name, dtype: value.dtype, shape: value.shape };
}

/**
 * Gives the outputs their names: at the node that makes them, or by a copy of what is no node's or has a
 * name.
 */
function withOutputs(
  nodes: readonly OnnxNode[],
  outputs: readonly (readonly [string, string])[],
): OnnxNode[] {
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const renamed = new Map<string, string>();
  const copies: OnnxNode[] = [];
  for (const [name, source] of outputs) {
    if (made.has(source) && !renamed.has(source)) renamed.set(source, name);
    else copies.push({ opType: 'Identity', inputs: [source], outputs: [name] });
  }
  const rename = (name: string): string => renamed.get(name) ?? name;
  return [...nodes, ...copies].map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.opType === 'Identity' && copies.includes(node) ? node.outputs : node.outputs.map(rename),
  }));
}
