/** @file `moonlet cost`: parameters, multiply-adds, memory; also as other tools count them. */
import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { type Graph, nodesById, printOp, printShape } from '../graph/index.ts';
import { countTools } from '../read/conventions.ts';
import { type Cost, cost } from '../read/cost.ts';
import { countAs, countToolNamed, type ToolCount } from '../read/count-as.ts';
import type { McuFlags } from './cost-mcu.ts';
import { graphOf } from './net-words.ts';
import { kebab } from './numbers.ts';
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

interface Flags extends McuFlags {
  readonly mcu?: boolean;
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
    .option('--mcu', 'SRAM and flash on a microcontroller, in int8 and float32, and the layer that binds')
    .option(
      '--patches <n>',
      'with --mcu: n x n patches (default: of 2 to 8, the least SRAM with at most a quarter more multiply-adds)',
    )
    .option('--until <path>', 'with --mcu: the last layer that runs by patches (default: the best)')
    .option(
      '--hold-input',
      'with --mcu: the whole input is in SRAM while patches run (default: what a patch reads)',
    )
    .option(
      '--sram <size>',
      'with --mcu: 256KB, say: the patches with the fewest multiply-adds that keep to it',
    )
    .option('--layers', 'print a table of every layer, too')
    .option('--json', 'print one JSON document, with every layer (default: a table of totals)')
    .action(run);
};

const mcuFlags = ['patches', 'until', 'holdInput', 'sram'] as const;

async function run(words: string[], flags: Flags): Promise<void> {
  const { as, layers = false, json = false, mcu = false } = flags;
  const lonely = mcuFlags.find((name) => flags[name] !== undefined);
  if (!mcu && lonely) throw new UsageError(`--${kebab(lonely)} is an option of --mcu; add --mcu`);
  if (mcu && as !== undefined) throw new UsageError('--mcu and --as exclude each other; leave one out');
  if (mcu) {
    const { printMcu } = await import('./cost-mcu.ts');
    return printMcu(await graphOf(words), flags, { layers, json });
  }
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
