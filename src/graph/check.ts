/** @file The conditions of a valid graph. All files and edits are checked here. */
import { get } from '../access.ts';
import { cut, MoonletError } from '../errors.ts';
import { nodesById } from './graph.ts';
import { inputShapes } from './inputs.ts';
import { type Graph, groupsOf, type Kind, type Node, weightShapes } from './op.ts';
import { shapes } from './shape.ts';
import { printShape } from './shape-check.ts';

/** Paths of letters, digits, '_' and '-', joined by '/': they survive every file format that we write. */
const path = /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/;

/**
 * Checks a graph and returns it: paths are well-formed and used once, inputs come before their users, shapes fit,
 * outputs and shared weights exist.
 * @throws MoonletError or ShapeError that names the node.
 */
export function check(graph: Graph): Graph {
  const seen = new Map<string, Node>();
  for (const node of graph.nodes) {
    if (!path.test(node.id)) {
      throw new MoonletError(
        `${JSON.stringify(node.id)}: a path is made of letters, digits, '_' and '-', joined by '/'`,
      );
    }
    if (seen.has(node.id)) fail(node, 'two nodes have this path; name one of them differently');
    if (node.op.kind === 'input' && node.inputs.length) fail(node, 'an input reads nothing');
    for (const id of node.inputs)
      if (!seen.has(id)) fail(node, `reads "${id}", which does not come before it`);
    seen.set(node.id, node);
    if (node.weightsOf !== undefined) checkSharing(node, seen.get(node.weightsOf));
  }
  if (!graph.nodes.some((n) => n.op.kind === 'input'))
    throw new MoonletError(`${cut(graph.name, 200)}: the graph has no input`);
  if (!graph.outputs.length) throw new MoonletError(`${cut(graph.name, 200)}: the graph has no output`);
  for (const id of graph.outputs) {
    if (!seen.has(id)) throw new MoonletError(`${cut(graph.name, 200)}: the output "${id}" is not a node`);
    if (graph.outputs.indexOf(id) !== graph.outputs.lastIndexOf(id))
      throw new MoonletError(`${cut(graph.name, 200)}: the output "${id}" is named twice; give it once`);
  }
  checkSharedShapes(graph);
  return graph;
}

// one function for all nodes: closures would be made for each node of each candidate of a search
function fail(node: Node, reason: string): never {
  throw new MoonletError(`${node.id}: ${reason}`);
}

function checkSharing(node: Node, owner: Node | undefined): void {
  if (!owner || owner.id === node.id)
    return fail(node, `shares the weights of "${node.weightsOf}", which does not come before it`);
  if (owner.weightsOf)
    fail(
      node,
      `shares the weights of "${owner.id}", which itself shares; name the owner "${owner.weightsOf}"`,
    );
  if (!sharing.includes(node.op.kind)) fail(node, `${node.op.kind} has no weights to share`);
  if (owner.op.kind !== node.op.kind)
    fail(node, `a ${node.op.kind} cannot share the weights of "${owner.id}", a ${owner.op.kind}`);
}

const sharing: readonly Kind[] = [
  'conv',
  'dense',
  'norm',
  'convTranspose',
  'layerNorm',
  'groupNorm',
  'responseNorm',
  'scale',
  'positions',
  'attention',
];

function checkSharedShapes(graph: Graph): void {
  const shapeOfId = shapes(graph);
  if (graph.nodes.every((node) => node.weightsOf === undefined)) return;
  const byId = nodesById(graph);
  for (const node of graph.nodes) {
    if (!node.weightsOf) continue;
    const owner = get(byId, node.weightsOf);
    const needs = (n: Node): string => {
      const groups = groupsOf(n.op) > 1 ? [`${groupsOf(n.op)} groups`] : [];
      return [
        ...weightShapes(n.op, inputShapes(n, shapeOfId)).map(
          ([slot, shape]) => `${slot} ${printShape(shape)}`,
        ),
        ...groups,
      ].join(', ');
    };
    if (needs(node) !== needs(owner)) {
      throw new MoonletError(
        `${node.id}: needs ${needs(node)} and cannot share the weights of "${owner.id}", ${needs(owner)}; match its options and its input's channels`,
      );
    }
  }
}
