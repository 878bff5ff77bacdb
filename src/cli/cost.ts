/** @file `moonlet cost`: parameters, multiply-adds, memory. */
import type { Command } from 'commander';
import { type Cost, cost } from '../read/cost.ts';
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

export const costCommand = (command: Command): void => {
  command
    .argument(
      '<what...>',
      'an architecture with its options, such as wrn depth=40 width=2; a student; or an .onnx file',
    )
    .option('--json', 'print one JSON document, with every layer (default: a table of totals)')
    .action(async (words: string[], { json }: { json?: boolean }) => {
      const c = cost(await graphOf(words));
      if (json) return printJson(c);
      const rows = costFigures(c).map(([name, value]) => [name, count(value), rounded(value)]);
      print(`${c.name}\n${tableOf(rows, [1, 2])}`);
    });
};
