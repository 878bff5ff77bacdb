/** @file Traversal of a graph: fold computes a value for every node; the rest are look-ups. */
import type { Graph, Node } from './op.ts';

/**
 * Give every node a value, inputs first. Shapes, costs, tf layers, ONNX: all are folds.
 *
 * @param visit makes a node's value from those of its inputs, in order.
 * @example
 * import { graphs } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const graph = wrn({ depth: 10 });
 * const depth = graphs.fold<number>(graph, (_node, inputs) => 1 + Math.max(0, ...inputs)); // nodes on the longest path
 * depth.get(graph.outputs[0] ?? ''); // 27
 */
export function fold<R>(graph: Graph, visit: (node: Node, ins: readonly R[]) => R): ReadonlyMap<string, R> {
  const values = new Map<string, R>();
  for (const node of graph.nodes) {
    const ins = node.inputs.map((id) => values.get(id) as R); // R may include undefined
    values.set(node.id, visit(node, ins));
  }
  return values;
}

/** The nodes by their ids. */
export const nodesById = (graph: Graph): ReadonlyMap<string, Node> =>
  new Map(graph.nodes.map((n) => [n.id, n]));

/** For each node, the nodes that read it, in order. */
export function consumers(graph: Graph): ReadonlyMap<string, readonly Node[]> {
  const users = new Map<string, Node[]>(graph.nodes.map((n) => [n.id, []]));
  for (const node of graph.nodes) for (const id of new Set(node.inputs)) users.get(id)?.push(node);
  return users;
}

/** The ids that the given nodes need, themselves included. */
export function ancestors(graph: Graph, ids: readonly string[]): ReadonlySet<string> {
  const byId = nodesById(graph);
  const seen = new Set<string>();
  const todo = [...ids];
  for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    todo.push(...(byId.get(id)?.inputs ?? []));
  }
  return seen;
}

/** Without the nodes that no output needs. The input and the owners of shared weights stay. */
export function dropUnused(graph: Graph): Graph {
  const live = new Set(ancestors(graph, graph.outputs));
  for (const node of graph.nodes) {
    if (live.has(node.id) && node.weightsOf)
      for (const id of ancestors(graph, [node.weightsOf])) live.add(id);
  }
  const nodes = graph.nodes.filter((n) => live.has(n.id) || n.op.kind === 'input');
  return nodes.length === graph.nodes.length ? graph : { ...graph, nodes };
}

/** The same graph under other paths. Paths that `to` does not name stay. */
export function rename(graph: Graph, to: ReadonlyMap<string, string>): Graph {
  if (!to.size) return graph;
  const name = (id: string): string => to.get(id) ?? id;
  const nodes = graph.nodes.map(({ weightsOf, ...node }) => ({
    ...node,
    id: name(node.id),
    inputs: node.inputs.map(name),
    ...(weightsOf === undefined ? {} : { weightsOf: name(weightsOf) }),
  }));
  return { ...graph, nodes, outputs: graph.outputs.map(name) };
}
