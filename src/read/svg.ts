/**
 * A graph as an SVG picture. Layers that follow each other alone (conv, norm, activation) share a box; stages lie on
 * bands. The layout is dagre's (MIT, upkept, 15 kB gzipped): layered drawing is a field of its own.
 *
 * @module moonlet/svg
 */
import dagre from '@dagrejs/dagre';
import { consumers, type Graph, type Kind, type Node, printOp, type Shape, shapes } from '../graph/index.ts';
import { cost } from './cost.ts';

/** Nodes in a row that are drawn as one. */
interface Box {
  readonly id: string;
  /** The path that its nodes share. */
  readonly path: string;
  readonly nodes: readonly Node[];
}
interface Placed extends Box {
  readonly lines: readonly string[];
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const [letter, line, margin] = [6.7, 15, 10] as const;
const head = 46;
const fills: Partial<Record<Kind, string>> = {
  input: '#e8eaed',
  conv: '#d5e6fb',
  dense: '#fbe3cf',
  pool: '#dcf1dc',
  globalPool: '#dcf1dc',
  add: '#fdf3c4',
  mul: '#fdf3c4',
  concat: '#fdf3c4',
  norm: '#ece3f7',
};

/** The picture, as the text of an SVG file. */
export function svg(graph: Graph): string {
  const shapeById = shapes(graph);
  const boxes = boxesOf(graph);
  const boxOf = new Map(boxes.flatMap((b) => b.nodes.map((n) => [n.id, b.id] as const)));
  const layout = new dagre.graphlib.Graph({ multigraph: true });
  layout.setGraph({ rankdir: 'TB', nodesep: 24, ranksep: 34, marginx: 24, marginy: 24 });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const box of boxes) {
    const lines = linesOf(box, shapeById);
    const width = Math.max(...lines.map((l) => l.length)) * letter + 2 * margin;
    layout.setNode(box.id, { width, height: lines.length * line + margin, lines });
  }
  for (const box of boxes)
    for (const [i, from] of (box.nodes[0] as Node).inputs.entries())
      layout.setEdge({ v: boxOf.get(from) as string, w: box.id, name: `${from}#${i}` }, {});
  dagre.layout(layout);
  const placed = boxes.map((box): Placed => {
    const { x, y, width, height } = layout.node(box.id) as {
      x: number;
      y: number;
      width: number;
      height: number;
    };
    return { ...box, lines: linesOf(box, shapeById), x, y: y + head, width, height };
  });
  const bands = bandsOf(placed);
  const edges = layout.edges().map((e: { v: string; w: string; name?: string }) => {
    const points = (layout.edge(e) as { points: readonly { x: number; y: number }[] }).points;
    return `<path d="${curve(points.map(({ x, y }) => [x, y + head]))}"/>`;
  });
  const right = Math.max(...placed.map((p) => p.x + p.width / 2), ...bands.map((b) => b.x + b.width)) + 24;
  const bottom = Math.max(...placed.map((p) => p.y + p.height / 2), ...bands.map((b) => b.y + b.height)) + 24;
  const { params, macs } = cost(graph);
  const title = `${params.toLocaleString('en-US')} parameters, ${macs.toLocaleString('en-US')} multiply-adds`;
  const width = Math.ceil(Math.max(right, 48 + letter * Math.max(graph.name.length * 1.3, title.length)));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${Math.ceil(bottom)}" viewBox="0 0 ${width} ${Math.ceil(bottom)}" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="11">`,
    `<title>${text(graph.name)}</title>`,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#5f6368"/></marker></defs>',
    '<rect width="100%" height="100%" fill="#fff"/>',
    `<text x="24" y="26" font-size="14" font-weight="bold">${text(graph.name)}</text>`,
    `<text x="24" y="44" fill="#5f6368">${text(title)}</text>`,
    ...bands.map(
      (b) =>
        `<rect x="${n(b.x)}" y="${n(b.y)}" width="${n(b.width)}" height="${n(b.height)}" rx="8" fill="#f6f7f9" stroke="#dadce0"/>`,
    ),
    '<g fill="none" stroke="#5f6368" marker-end="url(#tip)">',
    ...edges,
    '</g>',
    // over the lines, with a rim
    ...bands.map(
      (b) =>
        `<text x="${n(b.x + 8)}" y="${n(b.y + 14)}" fill="#80868b" stroke="#f6f7f9" stroke-width="4" paint-order="stroke">${text(b.name)}</text>`,
    ),
    ...placed.map((p) => drawn(p, graph.outputs)),
    '</svg>',
  ].join('\n')}\n`;
}

/** Runs of nodes under one path, each the only reader of the one before. */
function boxesOf(graph: Graph): readonly Box[] {
  const readers = consumers(graph);
  const boxes: { id: string; path: string; nodes: Node[] }[] = [];
  const last = new Map<string, (typeof boxes)[number]>();
  for (const node of graph.nodes) {
    const path = node.id.split('/').slice(0, -1).join('/');
    const before = node.inputs.length === 1 ? last.get(node.inputs[0] as string) : undefined;
    const follows = ['norm', 'act', 'dropout', 'dropPath', 'permute', 'shuffle'].includes(node.op.kind);
    const alone =
      readers.get(node.inputs[0] ?? '')?.length === 1 && !graph.outputs.includes(node.inputs[0] ?? '');
    if (before && follows && alone && before.path === path && before.nodes[0]?.op.kind !== 'input') {
      before.nodes.push(node);
      last.delete(node.inputs[0] as string);
      last.set(node.id, before);
    } else {
      const box = { id: node.id, path, nodes: [node] };
      boxes.push(box);
      last.set(node.id, box);
    }
  }
  return boxes;
}

/** What stands in a box: its path below the stage, its ops, the shape that leaves it. */
function linesOf({ path, nodes }: Box, shapeById: ReadonlyMap<string, Shape>): readonly string[] {
  const short = path.split('/').slice(1).join('/');
  const end = shapeById.get((nodes.at(-1) as Node).id) as Shape;
  return [...(short ? [short] : []), ...nodes.map((node) => printOp(node.op)), end.join(' x ')];
}

interface Band {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Around the boxes of each first step of the paths: stem, stage1, ..., head. */
function bandsOf(placed: readonly Placed[]): readonly Band[] {
  const names = [...new Set(placed.flatMap((p) => p.path.split('/')[0] || []))];
  return names.map((name) => {
    const inside = placed.filter((p) => p.path === name || p.path.startsWith(`${name}/`));
    const x = Math.min(...inside.map((p) => p.x - p.width / 2)) - 12;
    const y = Math.min(...inside.map((p) => p.y - p.height / 2)) - 22;
    return {
      name,
      x,
      y,
      width: Math.max(...inside.map((p) => p.x + p.width / 2)) + 12 - x,
      height: Math.max(...inside.map((p) => p.y + p.height / 2)) + 8 - y,
    };
  });
}

function drawn({ nodes, lines, path, x, y, width, height }: Placed, outputs: readonly string[]): string {
  const [left, top] = [x - width / 2, y - height / 2];
  const isOutput = nodes.some((node) => outputs.includes(node.id));
  const rows = lines.map((l, i) => {
    const grey = (i === 0 && path.includes('/')) || i === lines.length - 1;
    return `<text x="${n(x)}" y="${n(top + margin / 2 + (i + 0.75) * line)}"${grey ? ' fill="#5f6368"' : ''}>${text(l)}</text>`;
  });
  const fill = fills[(nodes[0] as Node).op.kind] ?? '#f1f3f4';
  return [
    `<g text-anchor="middle"><title>${text(nodes.map((node) => node.id).join('\n'))}</title>`,
    `<rect x="${n(left)}" y="${n(top)}" width="${n(width)}" height="${n(height)}" rx="5" fill="${fill}" stroke="#5f6368"${isOutput ? ' stroke-width="2.5"' : ''}/>`,
    ...rows,
    '</g>',
  ].join('');
}

/** A smooth line through some points: quadratic curves that meet in the middles. */
function curve(points: readonly (readonly [number, number])[]): string {
  const at = (i: number): readonly [number, number] => points[i] as readonly [number, number];
  const parts = [`M${n(at(0)[0])} ${n(at(0)[1])}`];
  for (let i = 1; i < points.length - 1; i++) {
    const end = i === points.length - 2 ? at(i + 1) : middle(at(i), at(i + 1));
    parts.push(`Q${n(at(i)[0])} ${n(at(i)[1])} ${n(end[0])} ${n(end[1])}`);
  }
  if (points.length === 2) parts.push(`L${n(at(1)[0])} ${n(at(1)[1])}`);
  return parts.join('');
}
const middle = (a: readonly [number, number], b: readonly [number, number]): readonly [number, number] => [
  (a[0] + b[0]) / 2,
  (a[1] + b[1]) / 2,
];
const n = (value: number): string => String(Math.round(value * 10) / 10);
const text = (s: string): string =>
  s.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
