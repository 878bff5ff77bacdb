/** @file `moonlet show`: the layers as a table or a diagram. */
import type { Command } from 'commander';
import { studentFolder } from '../../zoo/folders.ts';
import { keepInputs, writeAtomically } from '../files/index.ts';
import { channels, type Graph, print as printGraph, toJson } from '../graph/index.ts';
import { layerRows, mermaid } from '../read/show.ts';
import { graphOf } from './net-words.ts';
import { print } from './say.ts';
import { tableOf } from './tables.ts';

interface Flags {
  readonly mermaid?: boolean;
  readonly svg?: string;
  readonly text?: boolean;
  readonly channels?: boolean;
  readonly json?: boolean;
}

/** The widths that growth and pruning choose, a line each. */
function channelTable(graph: Graph): string {
  const rows = channels(graph).variables.map((v) => [
    v.name,
    String(v.classes.length),
    v.producers.length > 3 ? `${v.producers.slice(0, 3).join(', ')}, ...` : v.producers.join(', '),
    v.frozen ? `fixed: ${v.frozen}` : '',
  ]);
  return tableOf([['name', 'width', 'layers', ''], ...rows], [1]);
}

export const showCommand = (command: Command): void => {
  command
    .argument('<what...>', 'an architecture with its options, a student, or an .onnx file')
    .option('--text', 'print one line per node (default: a table of layers)')
    .option('--mermaid', 'print a mermaid flowchart')
    .option('--svg <file>', 'draw a diagram into this file')
    .option('--channels', 'print the widths that grow and compress can change, each with its layers')
    .option('--json', 'print the graph as JSON, in the format of graph.json')
    .action(run);
};

async function run(words: string[], flags: Flags): Promise<void> {
  const graph = await graphOf(words);
  if (flags.json) return print(toJson(graph).trimEnd());
  if (flags.svg !== undefined) {
    const { svg } = await import('../read/svg.ts');
    keepInputs(flags.svg, words.map(studentFolder));
    writeAtomically(flags.svg, svg(graph));
    return print(flags.svg);
  }
  if (flags.channels) return print(channelTable(graph));
  if (flags.mermaid) return print(mermaid(graph));
  if (flags.text) return print(printGraph(graph));
  print(`${graph.name}\n\n${tableOf(layerRows(graph), [3, 4])}`);
}
