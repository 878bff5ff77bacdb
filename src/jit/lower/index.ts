/** @file The graph as an ONNX model: every node lowered in order, inputs and outputs named `room/name`. */

import type { OnnxModel, OnnxNode, OnnxValue } from '../../onnx/index.ts';
import { reachable, type Value } from '../ir.ts';
import type { Recorded, Values } from '../record.ts';
import type { TraceOptions } from '../types.ts';
import { newEmitter } from './emitter.ts';
import { lowerNode } from './node.ts';

/**
 * The ONNX model of a recorded function. Inputs are `state/x`, `inputs/x`; outputs `newState/x`,
 * `outputs/x`.
 */
export function lower({ trace, inputs, results }: Recorded, options: TraceOptions): OnnxModel {
  const emitter = newEmitter(options.optimize ?? true, options.block);
  const given = [...named('state', inputs.state), ...named('inputs', inputs.inputs)];
  const wanted = [...named('newState', results.state), ...named('outputs', results.outputs)];
  for (const [name, value] of given) emitter.put(value, name);
  for (const node of reachable(
    trace,
    wanted.map(([, value]) => value),
  ))
    lowerNode(emitter, node);
  const produced = wanted.map(([name, value]): [string, string] => [name, emitter.get(value)]);
  const nodes = withOutputs(emitter.nodes, produced);
  return {
    name: 'jit',
    nodes,
    initializers: [...emitter.initializers.values()],
    inputs: given.map(typeOf),
    outputs: wanted.map(typeOf),
    domains: { 'com.microsoft': 1, ...(emitter.block ? { 'com.microsoft.nchwc': 1 } : {}) },
  };
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
