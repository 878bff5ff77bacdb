/** @file `moonlet bench`: every engine and peer on this machine, on the same nets, in one interleaved run. */
import type { Command } from 'commander';
import { benchmark } from '../bench/bench.ts';
import { reportText } from '../bench/text.ts';
import { type CaseName, caseNames, type Engine, engines } from '../bench/types.ts';
import { suggestion, UsageError } from '../errors.ts';
import { note, print, printJson } from './say.ts';

interface Flags {
  readonly only?: string;
  readonly engines?: string;
  readonly quick?: boolean;
  readonly json?: boolean;
}

export const benchCommand = (program: Command): void => {
  program
    .command('bench')
    .description('measure every engine and peer on this machine; MOONLET_PYTHON names the Python with peers')
    .option('--only <cases>', `some of ${caseNames.join(',')}`)
    .option('--engines <engines>', `some of ${engines.join(',')}`)
    .option('--quick', 'few steps: to see that all works, not to quote')
    .option('--json', 'print one JSON document')
    .action(async (flags: Flags) => {
      const report = await benchmark({
        cases: chosen<CaseName>(flags.only, caseNames, 'case'),
        engines: chosen<Engine>(flags.engines, engines, 'engine'),
        quick: flags.quick ?? false,
        extras: flags.only === undefined,
        say: note,
      });
      if (flags.json) return printJson(report);
      print(reportText(report));
    });
};

/** The words of a list with commas that are among the known ones, in the known order; all when nothing is said. */
function chosen<T extends string>(text: string | undefined, known: readonly T[], what: string): readonly T[] {
  if (text === undefined) return known;
  const words = text.split(',').map((word) => word.trim());
  for (const word of words) {
    if (!known.some((name) => name === word))
      throw new UsageError(
        `bench: no ${what} "${word}".${suggestion(word, known)} Known: ${known.join(', ')}`,
      );
  }
  return known.filter((name) => words.includes(name));
}
