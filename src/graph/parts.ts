/** @file The parts of a net from its input to its output: stem, stages, head; and nodes by paths that may name parts. */
import { MoonletError } from '../errors.ts';
import type { Graph, Node } from './op.ts';
import { nodeAt, select } from './select.ts';
import { stages } from './stages.ts';

export interface Part {
  /** `stem`, `stage1`, `stage2`, ..., `head`. */
  readonly name: string;
  readonly nodes: readonly Node[];
}

/**
 * The parts of a net in order, without its inputs: what comes before the first stage is the stem, what comes after the last one
 * is the head, and a node between two stages belongs to the one before it. Parts without nodes are left out; empty for a net
 * without stages.
 *
 * @example
 * import { graphs } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * graphs.parts(wrn()).map((p) => p.name).join(' '); // 'stem stage1 stage2 stage3 head'
 */
export function parts(graph: Graph): readonly Part[] {
  const staged = stages(graph);
  const last = staged.at(-1);
  if (!last) return [];
  const partOf = new Map(staged.flatMap(({ name, nodes }) => nodes.map((n) => [n.id, name] as const)));
  const lastStaged = graph.nodes.findLastIndex((n) => partOf.has(n.id));
  const byName = new Map<string, Node[]>();
  let name = 'stem';
  graph.nodes.forEach((node, i) => {
    if (node.op.kind === 'input') return;
    name = partOf.get(node.id) ?? (i > lastStaged ? 'head' : name);
    const list = byName.get(name);
    if (list) list.push(node);
    else byName.set(name, [node]);
  });
  return [...byName].map(([part, nodes]) => ({ name: part, nodes }));
}

/**
 * The ids of the nodes that paths mean: a part (`stem`, `stage2`, `head`), a range of parts (`stem..stage3`), a path with all
 * below it (`stage2/0`), or a path with wildcards (`**` + `/norm`).
 * @param what how an error calls the option, such as `freeze`.
 * @throws MoonletError for a path that means no node, with the nearest one.
 */
export function nodesAt(graph: Graph, paths: readonly string[], what: string): ReadonlySet<string> {
  return new Set(paths.flatMap((path) => idsAt(graph, path, what)));
}

function idsAt(graph: Graph, path: string, what: string): readonly string[] {
  const all = parts(graph);
  const [from = '', to, ...more] = path.split('..');
  if (to !== undefined) {
    const [first, last] = [from, to].map((name) => all.findIndex((p) => p.name === name));
    if (more.length || first === undefined || last === undefined || first < 0 || last < first)
      throw new MoonletError(
        `${what}: "${path}" is no range of parts of ${graph.name}; its parts in order are ${all.map((p) => p.name).join(', ') || 'none'}`,
      );
    return all.slice(first, last + 1).flatMap((p) => p.nodes.map((n) => n.id));
  }
  const part = all.find((p) => p.name === path)?.nodes.map((n) => n.id) ?? [];
  const below = path.includes('*') ? select(graph).glob(path) : select(graph).under(path);
  if (!part.length && !below.nodes.length) {
    if (path.includes('*')) throw new MoonletError(`${what}: no node of ${graph.name} is at "${path}"`);
    nodeAt(graph, path); // throws, with the nearest path
  }
  return [...part, ...below.ids];
}
