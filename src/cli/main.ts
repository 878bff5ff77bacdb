#!/usr/bin/env node
/** @file `moonlet`: one command, its subcommands one file each. Exit 0 done, 1 failed, 2 wrong usage. */
import { writeSync } from 'node:fs';
import { moonlet } from './program.ts';

// a reader that has seen enough, such as `head`, is no failure; a full disk is one
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') process.exit();
  const remedy = code === 'ENOSPC' ? '; free some space' : '';
  writeSync(2, `moonlet: the output cannot be written (${code})${remedy}\n`);
  process.exit(1);
});

const code = await moonlet(process.argv.slice(2));
if (code) process.exitCode = code; // a command that was interrupted has set its own
