#!/usr/bin/env node
/**
 * @file The entry point of `moonlet`: one command, with one file for each subcommand. Exit 0 done, 1 failed, 2 wrong
 * usage.
 */
import { writeSync } from 'node:fs';
import module from 'node:module';

// a reader that has seen enough, such as `head`, is no failure; a full disk is one
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') process.exit();
  const remedy = code === 'ENOSPC' ? '; free some space' : '';
  writeSync(2, `moonlet: the output cannot be written (${code})${remedy}\n`);
  process.exit(1);
});

// Node prints a warning with the process id and a hint to trace it; those of Moonlet are one line
const printing = process.listeners('warning');
process.removeAllListeners('warning').on('warning', (warning) => {
  const isOurs = 'code' in warning && String(warning.code).startsWith('MOONLET_');
  if (isOurs) writeSync(2, `moonlet: ${warning.message}\n`);
  else for (const print of printing) print(warning);
});

// from Node 22 on, what is imported below is compiled once and kept in the system's temporary folder
if ('enableCompileCache' in module && typeof module.enableCompileCache === 'function')
  module.enableCompileCache();

const { moonlet } = await import('./program.ts');
const code = await moonlet(process.argv.slice(2));
if (code) process.exitCode = code; // a command that was interrupted has set its own
