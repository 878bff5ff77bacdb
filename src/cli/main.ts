#!/usr/bin/env node
/** @file `moonlet`: one command, its subcommands one file each. Exit 0 done, 1 failed, 2 wrong usage. */
import { Command, CommanderError } from 'commander';
import { MoonletError, UsageError } from '../errors.ts';
import { cheapenCommand } from './cheapen.ts';
import { costCommand } from './cost.ts';
import { evalCommand } from './eval.ts';
import { distillCommand, fitCommand } from './fit.ts';
import { listCommand } from './list.ts';
import { note } from './say.ts';
import { showCommand } from './show.ts';

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
  fitCommand,
  distillCommand,
  evalCommand,
])
  add(program);
// options that commander found wrong are thrown by every subcommand alike
for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => {} });

try {
  await program.parseAsync();
} catch (e) {
  process.exitCode = report(e);
}

function report(e: unknown): number {
  if (e instanceof CommanderError) {
    if (e.exitCode === 0) return 0; // --help and --version
    const help = e.code === 'commander.help';
    note(
      help
        ? program.helpInformation()
        : `moonlet: ${e.message.replace(/^error: /, '').replace(/\n/g, ' ')}; see moonlet --help`,
    );
    return 2;
  }
  if (e instanceof MoonletError) {
    note(`moonlet: ${e.message}`);
    return e instanceof UsageError ? 2 : 1;
  }
  note(
    `moonlet: internal: ${e instanceof Error ? e.message : String(e)}; please report it with the command that you ran`,
  );
  if (process.env['MOONLET_TRACE'] && e instanceof Error) note(e.stack ?? '');
  return 1;
}
