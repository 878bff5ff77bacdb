/** @file `moonlet cost`: parameters, multiply-adds, memory; also as other tools count them. */
import type { Command } from 'commander';
import { type Graph, nodesById, printOp, printShape } from '../graph/index.ts';
import { countTools } from '../read/conventions.ts';
import { type Cost, cost } from '../read/cost.ts';
import { countAs, countToolNamed, type ToolCount } from '../read/count-as.ts';
import { graphOf } from './net-words.ts';
import { count, print, printJson, rounded } from './say.ts';
import { tableOf } from './tables.ts';

/** The figures of a cost, without the layers. */
export const costFigures = (c: Cost): readonly (readonly [name: string, value: number])[] => [
  ['params', c.params],
  ['norm statistics', c.normStats],
  ['macs', c.macs],
  ['activation bytes', c.activationBytes],
  ['peak bytes', c.peakBytes],
];

interface Flags {
  readonly as?: string;
  readonly layers?: boolean;
  readonly json?: boolean;
}
export const costCommand = (command: Command): void => {
  command
    .argument(
      '<what...>',
      'an architecture with its options, such as wrn depth=40 width=2; a student; or an .onnx file',
    )
    .option('--as <tool>', `count operations as another tool does: ${countTools.join(', ')}, or all of them`)
    .option('--layers', 'print a table of every layer, too')
    .option('--json', 'print one JSON document, with every layer (default: a table of totals)')
    .action(run);
};

async function run(words: string[], { as, layers = false, json = false }: Flags): Promise<void> {
  const tools = as === undefined ? [] : as === 'all' ? countTools : [countToolNamed(as)];
  const graph = await graphOf(words);
  if (as === undefined) return json ? printJson(cost(graph)) : print(costText(graph, layers));
  const counts = tools.map((tool) => countAs(graph, tool));
  const [only, ...others] = counts;
  if (json) return printJson(others.length ? counts : only);
  if (others.length || !only) return print(`${graph.name}\n${toolsTable(counts)}`);
  print([countText(only), ...(layers ? [countedLayers(graph, only)] : [])].join('\n\n'));
}

const figures = (rows: readonly (readonly [name: string, value: number])[]): string =>
  tableOf(
    rows.map(([name, value]) => [name, count(value), rounded(value)]),
    [1, 2],
  );

function costText(graph: Graph, withLayers: boolean): string {
  const c = cost(graph);
  const totals = `${c.name}\n${figures(costFigures(c))}`;
  return withLayers ? `${totals}\n\n${layersTable(graph, c)}` : totals;
}

/** Numbers of layers: 0 is left out, so that one sees where the cost is. */
const cell = (n: number): string => (n ? count(n) : '');

function layersTable(graph: Graph, { layers }: Cost): string {
  const byId = nodesById(graph);
  const rows = layers.map((l) => {
    const node = byId.get(l.id);
    const what = [l.id, node ? printOp(node.op) : l.kind, printShape(l.shape)];
    return [...what, cell(l.params), cell(l.macs), count(l.activationBytes), count(l.aliveBytes)];
  });
  const head = ['path', 'op', 'output', 'params', 'macs', 'activation bytes', 'alive bytes'];
  return tableOf([head, ...rows], [3, 4, 5, 6]);
}

function countText({ name, by, unit, operations, params, byKind }: ToolCount): string {
  const kinds = Object.entries(byKind).sort(([, a], [, b]) => b - a);
  const rows = kinds.map(([kind, n]) => [`  ${kind}`, n] as const);
  return `${name}, as ${by}\n${figures([['params', params], [unit, operations], ...rows])}`;
}

function countedLayers(graph: Graph, { layers }: ToolCount): string {
  const byId = nodesById(graph);
  const rows = layers.map((l) => {
    const node = byId.get(l.id);
    return [l.id, node ? printOp(node.op) : l.kind, printShape(l.shape), cell(l.params), cell(l.operations)];
  });
  return tableOf([['path', 'op', 'output', 'params', 'operations'], ...rows], [3, 4]);
}

function toolsTable(counts: readonly ToolCount[]): string {
  const rows = counts.map(({ as, params, operations, unit, by }) => [
    ...[as, count(params), count(operations), rounded(operations), unit],
    by.replace(/:.*/, ''),
  ]);
  return tableOf([['as', 'params', 'operations', '', 'unit', 'of'], ...rows], [1, 2, 3]);
}
