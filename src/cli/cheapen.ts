/** @file `moonlet cheapen`: what Moonshine's blocks save. */
import type { Command } from 'commander';
import { cheapen } from '../edit/cheapen.ts';
import { columns, cost } from '../read/index.ts';
import { costRows } from './cost.ts';
import { print, printJson } from './say.ts';
import { graphOf } from './show.ts';

export const cheapenCommand = (program: Command): void => {
  program
    .command('cheapen')
    .description('replace every residual block by a cheap one (Moonshine)')
    .argument('<arch...>', 'name and options, such as: wrn depth=40 width=2 classes=10')
    .requiredOption(
      '--block <block>',
      "'S', 'G(4)', 'G(N)', 'G(N/8)', 'B(2)', 'BG(2,4)', 'BG(2,M)' or 'BG(2,M/8)'",
    )
    .option('--json', 'print one JSON document: before and after, each as cost')
    .action((words: string[], { block, json }: { block: string; json?: boolean }) => {
      const graph = graphOf(words);
      const [before, after] = [cost(graph), cost(cheapen(graph, block))];
      if (json) return printJson({ before, after });
      const rows = costRows(after).map(([name = '', value = ''], i) => [
        name,
        costRows(before)[i]?.[1] ?? '',
        value,
      ]);
      print(columns([['', before.name, after.name], ...rows], [1, 2]));
    });
};
