#!/usr/bin/env node
/** @file `moonlet`: one command, its subcommands one file each. Exit 0 done, 1 failed, 2 wrong usage. */
import { moonlet } from './program.ts';

// a reader that has seen enough, such as `head`, is no failure
process.stdout.on('error', (e: NodeJS.ErrnoException) => {
  if (e.code !== 'EPIPE') throw e;
  process.exit();
});

const code = await moonlet(process.argv.slice(2));
if (code) process.exitCode = code; // a command that was interrupted has set its own
