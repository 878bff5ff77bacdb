/** @file `moonlet cheapen`: the costs of a net before and after its blocks become those of Moonshine. */
import type { Command } from 'commander';
import { cheapen } from '../edit/cheapen.ts';
import { cost } from '../read/cost.ts';
import { costFigures } from './cost.ts';
import { graphOf } from './net-words.ts';
import { count, print, printJson } from './say.ts';
import { tableOf } from './tables.ts';

export const cheapenCommand = (command: Command): void => {
  command
    .argument(
      '<what...>',
      'an architecture with its options, such as wrn depth=40 width=2; a student; or an .onnx file',
    )
    .requiredOption(
      '--block <block>',
      "the cheap block: 'S', 'G(4)', 'G(N)', 'G(N/8)', 'B(2)', 'BG(2,4)', 'BG(2,M)' or 'BG(2,M/8)' (required)",
    )
    .option(
      '--json',
      'print one JSON document: before and after, each in the form of cost (default: a table)',
    )
    .action(async (words: string[], { block, json }: { block: string; json?: boolean }) => {
      const graph = await graphOf(words);
      const [before, after] = [cost(graph), cost(cheapen(graph, block))];
      if (json) return printJson({ before, after });
      const old = new Map(costFigures(before));
      const rows = costFigures(after).map(([name, value]) => [name, count(old.get(name) ?? 0), count(value)]);
      print(tableOf([['', before.name, after.name], ...rows], [1, 2]));
    });
};
