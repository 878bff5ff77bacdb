/** @file The flags that `moonlet sweep` and `moonlet worker` share. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { numberFlag, wholeFlag } from './numbers.ts';

export interface QueueFlags {
  readonly queue?: string;
  readonly store?: string;
  readonly slots?: string;
  readonly lease: string;
  readonly patience: string;
}

const queueHelp =
  'the database with the queue: postgres://user@host:5432/database; the password is best given as PGPASSWORD';

export const queueFlags = (command: Command, what: string): Command =>
  command
    .option('--queue <url>', `${queueHelp} ${what}`)
    .option('--slots <n>', 'trials at once (default: one for each core)')
    .option(
      '--lease <seconds>',
      'a trial whose worker was not heard of for so long goes to another; the same for all workers of a queue',
      '60',
    )
    .option('--patience <seconds>', 'how long to wait for a database that does not answer', '300');

export interface QueueNumbers {
  readonly slots: number | undefined;
  readonly lease: number;
  readonly patience: number;
}
export const queueNumbers = (flags: QueueFlags): QueueNumbers => ({
  slots: flags.slots === undefined ? undefined : wholeFlag('slots', flags.slots, { max: 1024 }),
  lease: wholeFlag('lease', flags.lease, { min: 2, max: 86_000 }),
  patience: numberFlag('patience', flags.patience, { min: 0, max: 1e6 }),
});

/** As many trials at once as there are cores for their threads. */
export const usualSlots = (threads: number): number =>
  Math.max(1, Math.floor(availableParallelism() / threads));
