/** @file `moonlet show`: the layers as a table or a mermaid picture. */
import type { Command } from 'commander';
import { architectures, compose, holdsNet, loadStudent, studentFolder } from '../../zoo/index.ts';
import { keepInputs, writeAtomically } from '../files/index.ts';
import { channels, type Graph, print as printGraph, toJson } from '../graph/index.ts';
import { columns, mermaid, table } from '../read/index.ts';
import { svg } from '../read/svg.ts';
import { print } from './say.ts';

/** An architecture by its words, or the graph of a student: a path, or the name of a folder that holds one. */
export const graphOf = (words: readonly string[]): Graph => {
  const [name = ''] = words;
  const isStudent = /[/.\\]/.test(name) || holdsNet(name);
  return words.length === 1 && !architectures.has(name) && isStudent
    ? loadStudent(name).graph
    : compose(words);
};

/** The variables of growth, a line each. */
function channelTable(graph: Graph): string {
  const rows = channels(graph).variables.map((v) => [
    v.name,
    String(v.classes.length),
    v.producers.length > 3 ? `${v.producers.slice(0, 3).join(', ')}, ...` : v.producers.join(', '),
    v.frozen ? `fixed: ${v.frozen}` : '',
  ]);
  return columns([['name', 'width', 'layers', ''], ...rows], [1]);
}

export const showCommand = (program: Command): void => {
  program
    .command('show')
    .description('show the layers of an architecture or a student')
    .argument('<what...>', 'architecture and options, or a student')
    .option('--mermaid', 'a mermaid flowchart instead of the table')
    .option('--svg <file>', 'a picture, written to this file')
    .option('--text', 'one line per node instead of the table')
    .option('--channels', 'what can be widened: each decision, its width and its layers')
    .option('--json', 'the graph itself, as graph.json holds it')
    .action(
      (
        words: string[],
        o: { mermaid?: boolean; svg?: string; text?: boolean; channels?: boolean; json?: boolean },
      ) => {
        const graph = graphOf(words);
        if (o.json) print(toJson(graph).trimEnd());
        else if (o.svg !== undefined) {
          keepInputs(o.svg, words.map(studentFolder));
          writeAtomically(o.svg, svg(graph));
          print(o.svg);
        } else if (o.channels) print(channelTable(graph));
        else print(o.mermaid ? mermaid(graph) : o.text ? printGraph(graph) : table(graph));
      },
    );
};
