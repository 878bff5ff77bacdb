/**
 * @file Writes the graph as an ONNX model: every node is lowered in order; inputs and outputs are named `room/name`.
 */

import { int, type OnnxModel, type OnnxNode, type OnnxValue } from '../../onnx/index.ts';
import { reachable, type Value } from '../ir.ts';
import type { Fused } from '../passes/index.ts';
import type { Joined, Values } from '../record.ts';
import { nth, type TraceOptions } from '../types.ts';
import type { Emitter } from './emitter.ts';
import { withFewOperands } from './few-operands.ts';
import { newEmitter } from './new-emitter.ts';
import { lowerNode } from './node.ts';

/**
 * The ONNX model of a function. Inputs are `state/x`, `inputs/x`; outputs `newState/x`,
 * `outputs/x`. The n-th vector of joined states is `joined/n` and `newJoined/n`.
 */
export function lower({ trace, inputs, results, joined, fusions }: Fused, options: TraceOptions): OnnxModel {
  const given = [
    ...named('state', inputs.state),
    ...named('inputs', inputs.inputs),
    ...joined.map(({ before }, i): [string, Value] => [`joined/${i}`, before]),
  ];
  const wanted = [
    ...named('newState', results.state),
    ...named('outputs', results.outputs),
    ...joined.map(({ after }, i): [string, Value] => [`newJoined/${i}`, after]),
  ];
  const nodes = reachable(
    trace,
    wanted.map(([, value]) => value),
  );
  const emitter = newEmitter(fusions, options);
  for (const [name, value] of given) emitter.put(value, name);
  const read = new Set(nodes.flatMap((node) => node.inputs));
  for (const vector of joined) if (vector.parts.some((part) => read.has(part))) split(emitter, vector);
  for (const node of nodes) lowerNode(emitter, node);
  const produced = wanted.map(([name, value]): [string, string] => [name, emitter.get(value)]);
  const nodesOfFew = emitter.block === undefined ? withFewOperands(emitter) : emitter.nodes;
  const written = withOutputs(nodesOfFew, produced);
  return {
    name: 'jit',
    nodes: written,
    initializers: [...emitter.initializers.values()],
    inputs: given.map(typeOf),
    outputs: wanted.map(typeOf),
    domains: { 'com.microsoft': 1, ...(emitter.block ? { 'com.microsoft.nchwc': 1 } : {}) },
  };
}

/** Splits a vector of joined states into its tensors. */
function split(e: Emitter, { before, parts, sizes }: Joined): void {
  const names = e.emit('Split', [e.get(before), e.longs(sizes)], { axis: int(0) }, parts.length);
  parts.forEach((part, i) => {
    const [size = 1] = part.shape;
    const name = nth(names, i);
    e.put(part, part.shape.length === 1 && size === sizes[i] ? name : e.reshape(name, part.shape));
  });
}

const named = (room: string, values: Values): [string, Value][] =>
  Object.entries(values).map(([name, value]) => [`${room}/${name}`, value]);

function typeOf([name, value]: [string, Value]): OnnxValue {
  return { name, dtype: value.dtype, shape: value.shape };
}

/**
 * Gives the outputs their names: at the node that makes them, or by a copy where no node makes them or the output has a name
 * already.
 */
function withOutputs(
  nodes: readonly OnnxNode[],
  outputs: readonly (readonly [string, string])[],
): OnnxNode[] {
  const produced = new Set(nodes.flatMap((node) => node.outputs));
  const renamed = new Map<string, string>();
  const copies: OnnxNode[] = [];
  for (const [name, source] of outputs) {
    if (produced.has(source) && !renamed.has(source)) renamed.set(source, name);
    else copies.push({ opType: 'Identity', inputs: [source], outputs: [name] });
  }
  const rename = (name: string): string => renamed.get(name) ?? name;
  return [...nodes, ...copies].map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.opType === 'Identity' && copies.includes(node) ? node.outputs : node.outputs.map(rename),
  }));
}
