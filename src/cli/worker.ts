/** @file `moonlet worker`: runs the trials of sweeps that a queue holds. */
import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { type QueueFlags, queueFlags, queueNumbers, usualSlots } from './queue-flags.ts';
import { note, stopping } from './say.ts';

interface Flags extends QueueFlags {
  readonly sweep?: string;
  readonly name?: string;
}

export const workerCommand = (command: Command): void => {
  queueFlags(command, '(required; default: MOONLET_QUEUE)')
    .option(
      '--store <place>',
      'the store, where this machine sees it at another place (default: that of the sweep)',
    )
    .option('--sweep <name>', 'only this sweep (default: all that run)')
    .option('--name <name>', 'how results call this worker (default: host and process id)')
    .addHelpText(
      'after',
      '\nA worker may join, leave or be killed at any time. Ctrl-C saves the checkpoints of its trials and gives them back.\nIt needs the data at the same path as the machine that began the sweep, and the same version of Moonlet.',
    )
    .action(run);
};

async function run(flags: Flags): Promise<void> {
  const url = flags.queue ?? process.env['MOONLET_QUEUE'];
  if (!url) throw new UsageError('worker needs the queue: --queue postgres://user@host/database');
  const { slots, lease, patience } = queueNumbers(flags);
  const { openPostgres, work } = await import('../sweep/index.ts');
  const db = await openPostgres(url, { patience, say: note, superviseSeconds: Math.max(1, lease / 4) });
  const stop = stopping(false);
  note(`working for ${db.name}`);
  try {
    await work(db, {
      ...{ slots: slots ?? usualSlots(1), lease, say: note, signal: stop.signal },
      ...(flags.store === undefined ? {} : { store: flags.store }),
      ...(flags.sweep === undefined ? {} : { sweep: flags.sweep }),
      ...(flags.name === undefined ? {} : { name: flags.name }),
    });
  } finally {
    stop.end();
    await db.close();
  }
  process.exitCode = 130;
}
