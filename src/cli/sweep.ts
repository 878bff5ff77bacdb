/** @file `moonlet sweep`: many runs of a search space, and what came of them. */
import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { type QueueFlags, queueFlags } from './queue-flags.ts';

export interface SweepFlags extends QueueFlags {
  readonly out?: string;
  readonly trials?: string;
  readonly hours?: string;
  readonly seed?: string;
  readonly sampler?: string;
  readonly watch?: boolean;
  readonly csv?: string;
  readonly html?: string;
  readonly json?: boolean;
}

export const samplerNames = ['grid', 'random', 'tpe', 'evolution'] as const;

/** What can be done with a sweep that is there, and what else it takes. */
export const sweepActions = ['report', 'watch', 'stop', 'kill', 'remove', 'list'] as const;
export type SweepAction = (typeof sweepActions)[number];
const isAction = (word: string): word is SweepAction => sweepActions.some((a) => a === word);

export const sweepCommand = (command: Command): void => {
  queueFlags(
    command.argument(
      '<space or action...>',
      'a space (.json), or an action with the folder or the name of a sweep',
    ),
    '(default: a database in the output folder, without any server)',
  )
    .option(
      '--out <folder>',
      'where the database and the store go without --queue (default: out/<name of the space>)',
    )
    .option(
      '--store <place>',
      'where checkpoints and nets go: a folder that all workers see, or s3://bucket/prefix (default: store in the output folder)',
    )
    .option(
      '--trials <n>',
      'candidates to train in all; more than before adds some (default: that of the space)',
    )
    .option(
      '--hours <x>',
      'no trial begins after so many hours of this command (default: that of the space, else no limit)',
    )
    .option('--seed <n>', 'the seed of the candidates (default: that of the space, else 0)')
    .option(
      '--sampler <name>',
      `how candidates are chosen: ${samplerNames.join(', ')} (default: that of the space, else random)`,
    )
    .option('--watch', 'show progress as it comes, more often than once in 10 s (default: on a terminal)')
    .option('--csv <file>', 'with report: also write the table as CSV (default: none)')
    .option(
      '--html <file>',
      'with report: also write a page with parallel coordinates and the Pareto front (default: none)',
    )
    .option('--json', 'print one JSON document at the end (default: text)')
    .addHelpText(
      'after',
      `
Actions, each with the folder of a sweep, or with --queue and its name:
  report SWEEP        the best trials, or the Pareto front; --csv, --html and --json have all trials
  watch SWEEP         show the progress of a sweep that other processes run
  stop SWEEP          workers save their trials and rest; the command that began it goes on
  kill SWEEP TRIAL    end a trial, which then has failed
  remove SWEEP        remove a sweep from the database; its store stays
  list                the sweeps of a queue
The same command goes on with a sweep that was interrupted. docs/guides/sweep.md describes spaces.`,
    )
    .action(run);
};

async function run([first = '', ...words]: readonly string[], flags: SweepFlags): Promise<void> {
  if (isAction(first)) {
    const { act } = await import('./sweep-actions.ts');
    return act(first, words, flags);
  }
  if (!first.endsWith('.json'))
    throw new UsageError(
      `no space and no action "${first}"; a space is a .json file, actions are ${sweepActions.join(', ')}`,
    );
  if (words.length)
    throw new UsageError(`unexpected argument "${words[0]}" after the space ${first}; use a flag`);
  const { runSweep } = await import('./sweep-run.ts');
  return runSweep(first, flags);
}
