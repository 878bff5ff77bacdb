/** @file A graph as boxes: parts and blocks that are closed are one box each, those that are open show what is inside. */
import { type Cost, cost, type Graph, graphs, type Node } from '../../../index.ts';

export interface Box {
  readonly id: string;
  /** The path of a closed part; undefined for a single layer. */
  readonly path?: string;
  readonly nodes: readonly Node[];
  readonly label: string;
  readonly summary: string;
  readonly shape: readonly number[];
  readonly params: number;
  readonly macs: number;
}
/** An open part: the boxes under its path stand in one frame. */
export interface Frame {
  readonly path: string;
  readonly boxes: readonly string[];
}
export interface Boxes {
  readonly boxes: readonly Box[];
  readonly frames: readonly Frame[];
  readonly edges: readonly (readonly [from: string, to: string])[];
}

/** What is counted of a graph, and the path of each node. */
export interface Outline {
  readonly graph: Graph;
  readonly cost: Cost;
  readonly paths: ReadonlyMap<string, readonly string[]>;
  /** All paths that can be opened, from the top down. */
  readonly parts: readonly string[];
}

export function outlineOf(graph: Graph): Outline {
  const staged = graphs.stagePaths(graph);
  const paths = new Map(
    graph.nodes.map(({ id, op }) => {
      const steps = (op.kind === 'input' ? id : (staged.get(id) ?? id)).split('/').slice(0, -1);
      return [id, steps.map((_, i) => steps.slice(0, i + 1).join('/'))] as const;
    }),
  );
  const sizes = new Map<string, number>();
  for (const path of [...paths.values()].flat()) sizes.set(path, (sizes.get(path) ?? 0) + 1);
  const parts = [...sizes].flatMap(([path, size]) => (size > 1 ? [path] : []));
  const isPart = new Set(parts);
  return {
    graph,
    cost: cost(graph),
    parts,
    paths: new Map([...paths].map(([id, list]) => [id, list.filter((path) => isPart.has(path))])),
  };
}

/** The boxes when the parts in `open` are open. */
export function boxesOf({ graph, cost: { layers }, paths }: Outline, open: ReadonlySet<string>): Boxes {
  const counted = new Map(layers.map((layer) => [layer.id, layer]));
  const boxOf = new Map<string, string>();
  const members = new Map<string, Node[]>();
  const framed = new Map<string, Set<string>>();
  for (const node of graph.nodes) {
    const steps = paths.get(node.id) ?? [];
    const closed = steps.find((path) => !open.has(path));
    const id = closed === undefined ? node.id : `${closed}/`;
    boxOf.set(node.id, id);
    const list = members.get(id);
    if (list) list.push(node);
    else members.set(id, [node]);
    for (const path of steps.slice(0, closed === undefined ? undefined : steps.indexOf(closed)))
      framed.set(path, (framed.get(path) ?? new Set()).add(id));
  }
  const boxes = [...members].map(([id, nodes]): Box => {
    const last = nodes.at(-1);
    const sum = (key: 'params' | 'macs'): number =>
      nodes.reduce((n, node) => n + (counted.get(node.id)?.[key] ?? 0), 0);
    const isPart = id.endsWith('/');
    const path = id.slice(0, -1);
    return {
      id,
      nodes,
      ...(isPart ? { path } : {}),
      label: isPart ? (path.split('/').at(-1) ?? path) : labelOf(nodes[0]),
      summary: isPart ? summaryOf(nodes) : '',
      shape: (last && counted.get(last.id)?.shape) ?? [],
      params: sum('params'),
      macs: sum('macs'),
    };
  });
  const edges = new Map<string, readonly [string, string]>();
  for (const node of graph.nodes)
    for (const source of node.inputs) {
      const [from, to] = [boxOf.get(source) ?? source, boxOf.get(node.id) ?? node.id];
      if (from !== to) edges.set(`${from} ${to}`, [from, to]);
    }
  return {
    boxes,
    frames: [...framed].map(([path, ids]) => ({ path, boxes: [...ids] })),
    edges: [...edges.values()],
  };
}

const labelOf = (node: Node | undefined): string => (node ? graphs.printOp(node.op) : '');

/** The kinds of a part's layers: `conv ×3 · norm ×3 · add`. */
function summaryOf(nodes: readonly Node[]): string {
  const kinds = new Map<string, number>();
  for (const { op } of nodes) kinds.set(op.kind, (kinds.get(op.kind) ?? 0) + 1);
  return [...kinds].map(([kind, n]) => (n > 1 ? `${kind} ×${n}` : kind)).join(' · ');
}
