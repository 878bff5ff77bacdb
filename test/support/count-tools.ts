/** @file What tools that count operations said: test/read/reference/counts.json, which scripts/reference/count-tools.ts writes. */
import { readFileSync } from 'node:fs';
import type { Graph, Op, Shape } from '../../src/graph/index.ts';
import { asLibrary } from '../../src/import/outward.ts';
import { type CountTool, countAs } from '../../src/read/index.ts';
import { compose } from '../../zoo/index.ts';
import { byHand, node } from './hand.ts';

export interface CountRow {
  /** Operations and parameters. */
  readonly counts: Readonly<Partial<Record<CountTool, readonly [operations: number, params: number]>>>;
  /**
   * For tools that do not see all of the model: by the kind of node, and the beginning of its path where that matters, the share
   * that is seen.
   */
  readonly seen: Readonly<Partial<Record<CountTool, Readonly<Record<string, number>>>>>;
}
export interface CountedNet extends CountRow {
  /** Our words for it. */
  readonly net: string;
  /** Whose model was counted. */
  readonly by: string;
}
export interface CountedLayer extends CountRow {
  readonly op: Op;
  readonly input: Shape;
}
export interface CountReference {
  readonly versions: Readonly<Partial<Record<CountTool, string>>>;
  readonly nets: readonly CountedNet[];
  readonly layers: readonly CountedLayer[];
}

export const countReference = (): CountReference =>
  JSON.parse(readFileSync('test/read/reference/counts.json', 'utf8'));

/** The graph that was counted: ours, as the library of the model computes it. */
export const countedGraph = ({ net, by }: CountedNet): Graph =>
  by.startsWith('keras') ? asLibrary(compose(net), 'keras') : compose(net);

/** The layer alone: ops of several inputs read its input twice. */
export function layerGraph({ op, input }: CountedLayer): Graph {
  const twice = op.kind === 'add' || op.kind === 'mul' || op.kind === 'concat';
  return byHand([node('x', { kind: 'input', shape: input }), node('y', op, twice ? ['x', 'x'] : ['x'])]);
}

/** Our counts, less what the tool does not see of that model. */
export function expectedCounts(
  graph: Graph,
  { seen }: CountRow,
  tool: CountTool,
): readonly [operations: number, params: number] {
  const { operations, params, layers } = countAs(graph, tool);
  const unseen = Object.entries(seen[tool] ?? {}).map(([key, share]) => {
    const [kind, path = ''] = key.split(' ');
    const hidden = layers.filter((l) => l.kind === kind && l.id.startsWith(path));
    // this tool takes parameters from the layers that it sees; the others ask the model
    const own = tool === 'thop' ? hidden.reduce((n, l) => n + l.params, 0) : 0;
    return [(1 - share) * hidden.reduce((n, l) => n + l.operations, 0), (1 - share) * own] as const;
  });
  const less = (i: 0 | 1): number => unseen.reduce((n, part) => n + part[i], 0);
  return [operations - less(0), params - less(1)];
}
