/** @file `moonlet cost`: parameters, multiply-adds, memory. */
import type { Command } from 'commander';
import { compose } from '../../zoo/index.ts';
import { type Cost, columns, cost } from '../read/index.ts';
import { count, print, printJson } from './say.ts';

/** The figures of a cost, without the layers. */
export const costRows = (c: Cost): string[][] => [
  ['params', count(c.params)],
  ['norm statistics', count(c.normStats)],
  ['macs', count(c.macs)],
  ['activation bytes', count(c.activationBytes)],
  ['peak bytes', count(c.peakBytes)],
];

export const costCommand = (program: Command): void => {
  program
    .command('cost')
    .description('count what an architecture costs')
    .argument('<arch...>', 'name and options, such as: wrn depth=40 width=2 classes=10')
    .option('--json', 'print one JSON document, with every layer')
    .action((words: string[], { json }: { json?: boolean }) => {
      const c = cost(compose(words));
      if (json) printJson(c);
      else print(`${c.name}\n${columns(costRows(c), [1])}`);
    });
};
