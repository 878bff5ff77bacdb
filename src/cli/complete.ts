/**
 * @file `moonlet complete SHELL`: a completion script for bash, zsh, fish or PowerShell. The protocol and the scripts
 * are those of @bomb.sh/tab (MIT, no dependencies), which asks this program for each word.
 */
import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { architectures } from '../../zoo/architectures/index.ts';
import { recipeNames, studentNames } from '../../zoo/folders.ts';
import { datasets } from '../data/index.ts';
import { engineNames } from '../engine/names.ts';
import { scheduleNames } from '../learn/loss/schedule.ts';
import { countTools } from '../read/conventions.ts';
import { exportFormats } from './export.ts';

/** The names that an argument or an option of this name can have; `command option` where commands differ. */
const names: Readonly<Record<string, () => Iterable<string>>> = {
  arch: () => architectures.keys(),
  what: () => [...architectures.keys(), ...studentNames()],
  student: studentNames,
  'recipe or arch': () => [...recipeNames(), ...architectures.keys()],
  as: () => architectures.keys(),
  'cost as': () => [...countTools, 'all'],
  data: () => datasets,
  engine: () => engineNames,
  format: () => exportFormats,
  layout: () => ['NHWC', 'NCHW'],
  schedule: () => scheduleNames,
  teacher: studentNames,
};

/** Adds the command `complete` to a program that has all others. */
export function addCompletion(program: Command): void {
  for (const [called, command] of tab(program).commands) {
    for (const [name, part] of [...command.arguments, ...command.options]) {
      const known = names[`${called} ${name}`] ?? names[name];
      if (known)
        part.handler = (complete) => {
          for (const value of known()) complete(value, '');
        };
    }
  }
}
