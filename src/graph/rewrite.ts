/** @file The engine of edits: tries rules at every node and keeps the nodes that they return. */
import { dropUnused } from './graph.ts';
import { inputShapes } from './inputs.ts';
import type { Graph, Node, Shape } from './op.ts';
import { shapeOf } from './shape.ts';
import { ShapeError } from './shape-check.ts';

/** What a rule may look at besides the node: the shapes of its inputs, and any node that came before it. */
export interface Place {
  readonly ins: readonly Shape[];
  at(id: string): Node | undefined;
}
/** The nodes that replace this one (the last keeps its id, so that readers find it), or undefined for "not mine". */
export type Rule = (node: Node, place: Place) => readonly Node[] | undefined;

/**
 * Try the rules in order at every node; the first that answers wins. Nodes that nothing reads any more are dropped.
 * The same object comes back when no rule answered.
 *
 * @throws ShapeError that names the path, when a rule made nodes that do not fit.
 * @example
 * import { cost, graphs, type types } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const toRelu6: types.Rule = (node) =>
 *   node.op.kind === 'act' && node.op.fn === 'relu' ? [{ ...node, op: { kind: 'act', fn: 'relu6' } }] : undefined;
 * const graph = graphs.rewrite(wrn(), toRelu6);
 * cost(graph).params; // 175066
 */
export function rewrite(graph: Graph, ...rules: readonly Rule[]): Graph {
  const byId = new Map<string, Node>();
  const shapeById = new Map<string, Shape>();
  const nodes: Node[] = [];
  let changed = false;
  const shapesIn = (node: Node): readonly Shape[] => inputShapes(node, shapeById);
  const push = (node: Node): void => {
    try {
      shapeById.set(node.id, shapeOf(node.op, shapesIn(node)));
    } catch (e) {
      throw e instanceof ShapeError ? e.at(node.id) : e;
    }
    byId.set(node.id, node);
    nodes.push(node);
  };
  for (const node of graph.nodes) {
    const place: Place = { ins: shapesIn(node), at: (id) => byId.get(id) };
    let answer: readonly Node[] | undefined;
    for (const rule of rules) {
      answer = rule(node, place);
      if (answer) break;
    }
    changed ||= answer !== undefined;
    for (const n of answer ?? [node]) push(n);
  }
  return changed ? dropUnused({ ...graph, nodes }) : graph;
}
