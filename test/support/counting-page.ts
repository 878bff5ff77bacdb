/** @file The tables of docs/counting.md, which scripts/docs/counting.ts writes and a test compares with the page. */
import { table } from '../../scripts/lib/markdown.ts';
import { printOp } from '../../src/graph/index.ts';
import { conventions } from '../../src/read/conventions.ts';
import { countAs, countTools } from '../../src/read/index.ts';
import { compose } from '../../zoo/index.ts';
import { type CountedLayer, countedGraph, countReference } from './count-tools.ts';

const number = (n: number): string => n.toLocaleString('en');
const net = 'resnet-18';

export function countingParts(): Readonly<Record<string, string>> {
  return { 'one net': oneNet(), layers: layerTable(), 'parts that are not seen': unseen() };
}

/** One net, counted by every convention. */
function oneNet(): string {
  const graph = compose(net);
  const rows = countTools.map((tool) => {
    const { package: name, version, call, unit } = conventions[tool];
    const { params, operations, byKind } = countAs(graph, tool);
    const { conv = 0, dense = 0 } = byKind;
    const beside = operations - conv - dense;
    const of = `\`${call}\` of ${name} ${version}`;
    return [`\`${tool}\``, of, unit, number(params), number(operations), number(beside)];
  });
  const head = ['`--as`', 'what it equals', 'unit', 'params', 'operations', 'beside convs and dense layers'];
  return table([head, ...rows], [0, 1, 2]);
}

/** What each tool says of single layers. */
function layerTable(): string {
  const { layers } = countReference();
  const cell = (layer: CountedLayer, tool: (typeof countTools)[number]): string => {
    const counted = layer.counts[tool];
    return counted ? number(counted[0]) : '';
  };
  const rows = layers
    .filter(({ counts }) => counts.torch)
    .map((layer) => [
      `\`${printOp(layer.op).replaceAll('|', '\\|')}\``,
      layer.input.join(' x '),
      ...countTools.map((tool) => cell(layer, tool)),
    ]);
  return table([['layer', 'input', ...countTools.map((tool) => `\`${tool}\``)], ...rows], [0, 1]);
}

/** Models that were counted and of which a tool sees less than the graph has. */
function unseen(): string {
  const rows = countReference()
    .nets.filter(({ seen }) => Object.keys(seen).length)
    .map((counted) => {
      const graph = countedGraph(counted);
      const cells = countTools.map((tool) => {
        const theirs = counted.counts[tool];
        if (!theirs) return '';
        return number(theirs[0] - countAs(graph, tool).operations);
      });
      return [`\`${counted.net}\``, counted.by, ...cells];
    });
  const used = countTools.filter((_, i) => rows.some((row) => row[i + 2] !== '0' && row[i + 2] !== ''));
  const columns = (row: readonly string[]): readonly string[] => [
    ...row.slice(0, 2),
    ...used.map((tool) => row[countTools.indexOf(tool) + 2] ?? ''),
  ];
  return table([['net', 'model of', ...used.map((tool) => `\`${tool}\``)], ...rows.map(columns)], [0, 1]);
}
