/**
 * @file `moonlet bench`: every engine and Python library on this machine, with the same nets, in one interleaved run.
 */
import type { Command } from 'commander';
import { type CaseName, caseNames, type Engine, engines } from '../bench/types.ts';
import { suggestion, UsageError } from '../errors.ts';
import { note, print, printJson } from './say.ts';

interface Flags {
  readonly only?: string;
  readonly engines?: string;
  readonly quick?: boolean;
  readonly json?: boolean;
  readonly browser?: boolean;
}

export const benchCommand = (command: Command): void => {
  command
    .option('--only <cases>', `some of ${caseNames.join(',')} (default: all)`)
    .option('--engines <engines>', `some of ${engines.join(',')} (default: all)`)
    .option(
      '--quick',
      'run few steps, to check that everything works; do not quote the numbers (default: all steps)',
    )
    .option('--json', 'print one JSON document (default: tables)')
    .option('--browser', 'training steps in headless Chromium instead; only in a clone of the repository')
    .addHelpText(
      'after',
      '\nMOONLET_PYTHON names the Python interpreter that has PyTorch, Keras and onnxruntime, for comparison.',
    )
    .action(run);
};

async function run(flags: Flags): Promise<void> {
  if (flags.browser)
    throw new UsageError(
      'bench: --browser bundles the sources and starts Chromium, for which the package has not the tools; ' +
        'in a clone of the repository run: npm run bench -- --browser',
    );
  const plan = {
    cases: chosen<CaseName>(flags.only, caseNames, 'case'),
    engines: chosen<Engine>(flags.engines, engines, 'engine'),
    quick: flags.quick ?? false,
    extras: flags.only === undefined,
    say: note,
  };
  const { benchmark } = await import('../bench/bench.ts');
  const report = await benchmark(plan);
  if (flags.json) return printJson(report);
  const { reportText } = await import('../bench/text.ts');
  print(reportText(report));
}

/** The words of a list with commas that are among the known ones, in the known order; all by default. */
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
