/** @file The commands as a function of their words, which tests call and `main` hands the process's own. */
import { Command, CommanderError } from 'commander';
import { MoonletError, oneLine, UsageError } from '../errors.ts';
import { benchCommand } from './bench.ts';
import { cheapenCommand } from './cheapen.ts';
import { compressCommand } from './compress.ts';
import { costCommand } from './cost.ts';
import { evalCommand } from './eval.ts';
import { exportCommand } from './export.ts';
import { distillCommand, fitCommand } from './fit.ts';
import { growCommand } from './grow.ts';
import { importCommand } from './import.ts';
import { listCommand } from './list.ts';
import { pullCommand } from './pull.ts';
import { note } from './say.ts';
import { showCommand } from './show.ts';

/** Run one command. The exit code: 0 done, 1 failed, 2 wrong usage. */
export async function moonlet(words: readonly string[]): Promise<number> {
  const program = new Command('moonlet')
    .description('Compact networks: compose, measure, make cheap, train, distill.')
    .version('0.1.0')
    .configureOutput({ writeErr: () => {} }) // the catch below says it, in one line
    .showSuggestionAfterError(true)
    .exitOverride()
    .addHelpText(
      'after',
      '\nARCH is a name with options, such as: wrn depth=40 width=2 classes=10\nSTUDENT is <dataset>/<id> or a folder with graph.json and weights.safetensors',
    );
  for (const add of [
    listCommand,
    costCommand,
    showCommand,
    cheapenCommand,
    compressCommand,
    fitCommand,
    distillCommand,
    pullCommand,
    evalCommand,
    growCommand,
    importCommand,
    exportCommand,
    benchCommand,
  ])
    add(program);
  // options that commander found wrong are thrown by every subcommand alike
  for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => {} });
  try {
    await program.parseAsync(words, { from: 'user' });
    return 0;
  } catch (e) {
    return report(e, program);
  }
}

function report(e: unknown, program: Command): number {
  if (e instanceof CommanderError) {
    if (e.exitCode === 0) return 0; // --help and --version
    const help = e.code === 'commander.help';
    note(
      help
        ? program.helpInformation()
        : `moonlet: ${oneLine(e.message).replace(/^error: |\.$/g, '')}; see moonlet --help`,
    );
    return 2;
  }
  if (e instanceof MoonletError) {
    note(`moonlet: ${oneLine(e.message)}`);
    return e instanceof UsageError ? 2 : 1;
  }
  note(
    `moonlet: internal: ${oneLine(e instanceof Error ? e.message : String(e))}; please report it with the command that you ran`,
  );
  if (process.env['MOONLET_TRACE'] && e instanceof Error) note(e.stack ?? '');
  return 1;
}
