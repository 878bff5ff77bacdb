/** @file A graph for the eye: a table of layers, and a mermaid picture. */
import { type Graph, nodesById, printOp, printShape } from '../graph/index.ts';
import { cost } from './cost.ts';

const grouped = (n: number): string => n.toLocaleString('en-US');

/** Rows of cells as text: the first column to the left, numbers to the right. */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => (r[i] ?? '').length)));
  return rows
    .map((r) =>
      r
        .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Every layer with its op, output shape, parameters and multiply-adds, below a head and above the sums. */
export function layerRows(graph: Graph): readonly (readonly string[])[] {
  const total = cost(graph);
  const byId = nodesById(graph);
  const rows = total.layers.map((l) => {
    const node = byId.get(l.id);
    const op = node ? printOp(node.op) : l.kind;
    return [l.id, op, printShape(l.shape), l.params ? grouped(l.params) : '', l.macs ? grouped(l.macs) : ''];
  });
  const sums = ['total', `${total.layers.length} layers`, '', grouped(total.params), grouped(total.macs)];
  return [['path', 'op', 'output', 'params', 'macs'], ...rows, sums];
}

/** The layers of a graph as a table of text, below its name. */
export const table = (graph: Graph): string => `${graph.name}\n\n${columns(layerRows(graph), [3, 4])}`;

/** A mermaid flowchart; blocks of the path are boxes. Renders wherever Markdown renders mermaid. */
export function mermaid(graph: Graph): string {
  const { layers } = cost(graph);
  const shapeText = new Map(layers.map((l) => [l.id, l.shape.join('x')]));
  const key = new Map(graph.nodes.map((n, i) => [n.id, `n${i}`]));
  const lines = ['flowchart TD'];
  let open: string[] = [];
  const indent = (): string => '  '.repeat(open.length + 1);
  for (const node of graph.nodes) {
    const path = node.id.split('/').slice(0, -1);
    const same = path.findIndex((step, i) => step !== open[i]);
    const keep = same < 0 ? Math.min(path.length, open.length) : same;
    while (open.length > keep) {
      open = open.slice(0, -1);
      lines.push(`${indent()}end`);
    }
    for (const step of path.slice(keep)) {
      lines.push(`${indent()}subgraph ${key.get(node.id)}_${open.length} ["${step}"]`);
      open = [...open, step];
    }
    lines.push(`${indent()}${key.get(node.id)}["${printOp(node.op)}<br/>${shapeText.get(node.id)}"]`);
  }
  while (open.length) {
    open = open.slice(0, -1);
    lines.push(`${indent()}end`);
  }
  for (const node of graph.nodes)
    for (const id of node.inputs) lines.push(`  ${key.get(id)} --> ${key.get(node.id)}`);
  return lines.join('\n');
}
