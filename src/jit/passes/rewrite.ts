/** @file Rewrites a recorded graph node by node, in topological order: code shared by all passes over the IR. */

import { type Node, reachable, type Trace, type Value } from '../ir.ts';
import type { Recorded, Values } from '../record.ts';

export interface Rewriting {
  /** The new graph. */
  readonly trace: Trace;
  /** The value that replaces a value of the old graph. */
  readonly now: (value: Value) => Value;
}

/**
 * The new values for the outputs of a node of the old graph, in order; an empty list where nothing reads them any more;
 * undefined to keep the node.
 */
export type Rewrite = (node: Node, into: Rewriting) => readonly Value[] | undefined;

/** The values that the whole graph gives. */
export const endsOf = ({ results, joined }: Recorded): Value[] => [
  ...Object.values(results.state),
  ...Object.values(results.outputs),
  ...joined.map(({ after }) => after),
];

/** The graph with some nodes replaced. Nodes keep their order, and the values of the inputs stay what they are. */
export function rewrite(recorded: Recorded, rule: Rewrite): Recorded {
  const { results, joined } = recorded;
  const trace: Trace = { ...recorded.trace, nodes: [], known: new Map() };
  const replaced = new Map<Value, Value | undefined>();
  const now = (value: Value): Value => {
    if (!replaced.has(value)) return value;
    const replacement = replaced.get(value);
    if (!replacement)
      throw new Error(`internal: a value of ${value.node.source} is read, but a pass removed it`);
    return replacement;
  };
  for (const node of reachable(recorded.trace, endsOf(recorded))) {
    trace.source = node.source;
    const values = rule(node, { trace, now }) ?? kept(trace, node, now);
    node.outputs.forEach((output, i) => {
      if (values[i] !== output) replaced.set(output, values[i]);
    });
  }
  const renewed = (values: Values): Values =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, now(value)]));
  return {
    ...recorded,
    trace,
    results: { state: renewed(results.state), outputs: renewed(results.outputs) },
    joined: joined.map((vector) => ({ ...vector, after: now(vector.after) })),
  };
}

/** The outputs of the same node, or of a copy that reads what replaced its inputs. */
function kept(trace: Trace, node: Node, now: (value: Value) => Value): readonly Value[] {
  const inputs = node.inputs.map(now);
  if (inputs.every((input, i) => input === node.inputs[i])) {
    trace.nodes.push(node);
    return node.outputs;
  }
  const outputs: Value[] = [];
  const copy: Node = { op: node.op, inputs, outputs, source: node.source };
  for (const { shape, dtype } of node.outputs) outputs.push({ id: trace.values++, shape, dtype, node: copy });
  trace.nodes.push(copy);
  return outputs;
}
