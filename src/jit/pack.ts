/**
 * @file Packs many small elementwise ops into few large ones. An optimizer updates hundreds of small weights, and a step the running
 * statistics of its norms; those that are updated alike are concatenated to one vector and updated together.
 *
 * Only ops whose results are read by nothing but such ops, or are results of the graph, are packed, so that nothing waits for them.
 * Connected ones are a component. Components that compute the same from different values become one.
 *
 * State that a group reads and gives back under the same names is passed as one vector as well: every tensor that passes between
 * JavaScript and onnxruntime costs a copy and some objects, however small it is.
 */

import { add, concat, int, map, reshape, sameShape } from './build.ts';
import { add1, type Node, reachable, splatOf, type Trace, type Value } from './ir.ts';
import type { Joined, Recorded, Values } from './record.ts';
import { nth, sizeOf } from './types.ts';

/** Packing larger values gains nothing: their time goes into memory, not into calls. */
const largest = 8192;

interface Component {
  readonly nodes: readonly Node[];
  /** Values that are made outside of the component and have its shape, in the order of their first use. */
  readonly leaves: readonly Value[];
  readonly shape: readonly number[];
  /** What it computes, as a key; it does not depend on the shape and the leaves. */
  readonly form: string;
}

/** The same graph with its small updates packed; with `join` their state too (see `Joined`). */
export function packed(recorded: Recorded, join = false): Recorded {
  const { trace, inputs, results } = recorded;
  const ends = new Set([...Object.values(results.state), ...Object.values(results.outputs)]);
  const groups = new Map<string, Component[]>();
  for (const component of componentsOf(reachable(trace, [...ends]), ends)) {
    groups.set(component.form, [...(groups.get(component.form) ?? []), component]);
  }
  trace.source = 'pack';
  const joined: Joined[] = [];
  const instead = new Map<Value, Value>();
  const into = { trace, ends, instead, joined, names: join ? namesOf(inputs.state, results) : new Map() };
  for (const group of groups.values()) if (group.length > 1) pack(into, group);
  const within = new Set(joined.flatMap(({ names }) => names));
  const apart = (values: Values): Values =>
    Object.fromEntries(Object.entries(values).filter(([name]) => !within.has(name)));
  const replaced = (values: Values): Values =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, instead.get(value) ?? value]));
  return {
    ...recorded,
    inputs: { ...inputs, state: apart(inputs.state) },
    results: { state: replaced(apart(results.state)), outputs: replaced(results.outputs) },
    joined,
  };
}

/** The name in the state of each value that has exactly one such name, and is no output. */
function namesOf(given: Values, { state, outputs }: Recorded['results']): ReadonlyMap<Value, string> {
  const names = new Map<Value, string>();
  const several = new Set(Object.values(outputs));
  for (const [name, value] of [...Object.entries(given), ...Object.entries(state)]) {
    if (names.has(value)) several.add(value);
    names.set(value, name);
  }
  for (const value of several) names.delete(value);
  return names;
}

/** Whether a node makes one float vector of modest size from values of its own shape and from scalars. */
function isSmallMap({ op, inputs, outputs: [output] }: Node): boolean {
  if (op.kind !== 'map' || output?.dtype !== 'float32') return false;
  const size = sizeOf(output.shape);
  if (size < 2 || size > largest) return false;
  return inputs.every(
    (x) => x.dtype === 'float32' && (sameShape(x.shape, output.shape) || sizeOf(x.shape) === 1),
  );
}

function componentsOf(nodes: readonly Node[], ends: ReadonlySet<Value>): Component[] {
  const readers = new Map<Node, Node[]>();
  for (const node of nodes) {
    for (const { node: source } of node.inputs) {
      const known = readers.get(source);
      if (known) known.push(node);
      else readers.set(source, [node]);
    }
  }
  const last = new Set<Node>();
  for (const node of nodes.toReversed()) {
    const read = readers.get(node) ?? [];
    if (isSmallMap(node) && read.every((reader) => last.has(reader))) last.add(node);
  }
  const parts = new Map<Node, Set<Node>>();
  for (const node of nodes) {
    if (!last.has(node)) continue;
    const part = new Set([node]);
    for (const { node: source } of node.inputs) for (const n of parts.get(source) ?? []) part.add(n);
    for (const n of part) parts.set(n, part);
  }
  return [...new Set(parts.values())].map((part) => component([...part], nodes, ends));
}

function component(part: readonly Node[], order: readonly Node[], ends: ReadonlySet<Value>): Component {
  const within = new Set(part);
  const nodes = order.filter((node) => within.has(node));
  const shape = nodes[0]?.outputs[0]?.shape ?? [];
  const leaves: Value[] = [];
  const reference = (x: Value): string => {
    if (within.has(x.node)) return `n${nodes.indexOf(x.node)}`;
    if (!sameShape(x.shape, shape)) return `scalar ${splatOf(x) ?? `of ${x.id}`}`;
    if (!leaves.includes(x)) leaves.push(x);
    return `leaf ${leaves.indexOf(x)}`;
  };
  const form = nodes.map(({ op, inputs, outputs }) => {
    const isEnd = outputs.some((output) => ends.has(output));
    return JSON.stringify([op, inputs.map(reference), isEnd]);
  });
  return { nodes, leaves, shape, form: form.join() };
}

interface Packing {
  readonly trace: Trace;
  readonly ends: ReadonlySet<Value>;
  /** The new value of an old result. */
  readonly instead: Map<Value, Value>;
  readonly joined: Joined[];
  /** The names of the values of the state that may be joined. */
  readonly names: ReadonlyMap<Value, string>;
}

/** Writes one component instead of many, and records which part of its results each old result is. */
function pack({ trace, ends, instead, joined, names }: Packing, group: readonly Component[]): void {
  const [model] = group;
  if (!model) return;
  const sizes = group.map(({ shape }) => sizeOf(shape));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const isEnd = ({ outputs }: Node): boolean => outputs.some((output) => ends.has(output));
  /** The index of the node whose results are the new values of the state that the `i`-th leaves are, under the same names; or -1. */
  const returned = (i: number): number =>
    model.nodes.findIndex(
      (node, n) =>
        isEnd(node) &&
        group.every(({ leaves, nodes }) => {
          const name = names.get(nth(leaves, i));
          return name !== undefined && name === names.get(nth(nth(nodes, n).outputs, 0));
        }),
    );
  const values = new Map<Value, Value>();
  const whole = new Map<number, Pick<Joined, 'before' | 'parts'>>();
  model.leaves.forEach((leaf, i) => {
    const at = returned(i);
    if (at >= 0) {
      const name = `joined/${joined.length + whole.size}`;
      const before = add1(trace, { kind: 'input', name }, [], { shape: [total], dtype: 'float32' });
      values.set(leaf, before);
      whole.set(at, { before, parts: group.map(({ leaves }) => nth(leaves, i)) });
      return;
    }
    const parts = group.map(({ leaves }, k) => reshape(trace, nth(leaves, i), [nth(sizes, k)]));
    values.set(leaf, concat(trace, parts, 0));
  });
  model.nodes.forEach((node, n) => {
    const { op, inputs, outputs } = node;
    const [output] = outputs;
    if (op.kind !== 'map' || !output) return;
    const operands = inputs.map((x) => values.get(x) ?? x);
    const result = map(trace, op.op, operands, op.attributes);
    values.set(output, result);
    if (!isEnd(node)) return;
    const given = whole.get(n);
    if (given) {
      joined.push({ ...given, names: given.parts.flatMap((x) => names.get(x) ?? []), sizes, after: result });
      return;
    }
    const types = sizes.map((size) => ({ shape: [size], dtype: output.dtype }));
    const parts = add(trace, { kind: 'onnx', op: 'Split', attributes: { axis: int(0) } }, [result], types);
    group.forEach(({ nodes, shape }, k) => {
      instead.set(nth(nth(nodes, n).outputs, 0), reshape(trace, nth(parts, k), shape));
    });
  });
}
