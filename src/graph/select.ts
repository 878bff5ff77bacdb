/** @file Selecting nodes: by path, by kind or by any condition, with the number of nodes asserted. */
import { MoonletError, suggestion } from '../errors.ts';
import type { Graph, Kind, Node } from './op.ts';
import { stagePaths, stages } from './stages.ts';

/** Some nodes of a graph. Immutable: each method narrows to the next selection. */
export class Selection {
  readonly graph: Graph;
  readonly nodes: readonly Node[];
  constructor(graph: Graph, nodes: readonly Node[]) {
    this.graph = graph;
    this.nodes = nodes;
  }
  get ids(): readonly string[] {
    return this.nodes.map((n) => n.id);
  }
  /** The nodes that meet a condition. */
  where(condition: (node: Node) => boolean): Selection {
    return new Selection(this.graph, this.nodes.filter(condition));
  }
  /** The nodes of some kinds. */
  kind(...kinds: readonly Kind[]): Selection {
    return this.where((n) => kinds.includes(n.op.kind));
  }
  /** The node at this path and all below it. Inferred stages have paths too (see `stages`), such as `stage2`. */
  under(path: string): Selection {
    const below = (id: string | undefined): boolean => id === path || id?.startsWith(`${path}/`) === true;
    const inStages = stagePaths(this.graph);
    return this.where((n) => below(n.id) || below(inStages.get(n.id)));
  }
  /** Paths with wildcards: `*` within one step, `**` over any number of steps; those of inferred stages too. */
  glob(pattern: string): Selection {
    const source = pattern
      .split('**')
      .map((part) =>
        part
          .split('*')
          .map((s) => s.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
          .join('[^/]*'),
      )
      .join('.*');
    const regex = new RegExp(`^${source}$`);
    const inStages = stagePaths(this.graph);
    return this.where((n) => regex.test(n.id) || regex.test(inStages.get(n.id) ?? ''));
  }
  /** @throws MoonletError when the selection does not hold exactly this many nodes. */
  expect(count: number): Selection {
    if (this.nodes.length === count) return this;
    throw new MoonletError(
      `${this.graph.name}: expected ${count} nodes, found ${this.nodes.length} (${this.ids.slice(0, 5).join(', ')})`,
    );
  }
}

/**
 * All nodes of a graph, to be narrowed.
 *
 * @example
 * import { graphs } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * graphs.select(wrn()).under('stage2').kind('conv').ids.length; // 5
 */
export const select = (graph: Graph): Selection => new Selection(graph, graph.nodes);

/**
 * The node that a path means: the node of that id, or else the last node below it, which is the value that leaves
 * the block (`stage1` is the output of stage 1).
 * @throws MoonletError with the nearest path.
 */
export function nodeAt(graph: Graph, path: string): Node {
  const exact = graph.nodes.find((n) => n.id === path);
  const last = exact ?? select(graph).under(path).nodes.at(-1);
  if (last) return last;
  const prefixes = new Set([
    ...graph.nodes.flatMap((n) => n.id.split('/').map((_, i, all) => all.slice(0, i + 1).join('/'))),
    ...stages(graph).map((s) => s.name),
  ]);
  throw new MoonletError(`${graph.name}: no node at "${path}".${suggestion(path, [...prefixes])}`);
}
