/**
 * @file Runs one program of a folder of scripts by name: `npm run docs -- zoo` runs scripts/docs/zoo.ts; without a name, or
 * with a wrong one, it lists what there is, each with the first sentence of its header.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { note, print } from '../src/cli/say.ts';
import { suggestion } from '../src/errors.ts';
import { started } from './lib/started.mjs';

const [group = '', name, ...given] = process.argv.slice(2);
/** npm takes the first `--`; a second one, which is a habit of many, stands before the options of the program. */
const words = given[0] === '--' ? given.slice(1) : given;
const folders: Readonly<Record<string, string>> = { experiment: 'experiments', references: 'reference' };
const folder = join('scripts', folders[group] ?? group);
/** A file that is part of another program does not name its own command. */
const programs = new Map(
  readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file.slice(0, -'.ts'.length), readFileSync(join(folder, file), 'utf8')] as const)
    .filter(([id, text]) => text.includes(`npm run ${group} -- ${id}`)),
);
if (name !== undefined && programs.has(name)) {
  const path = resolve(folder, `${name}.ts`);
  process.argv = [process.execPath, path, ...words];
  await started(path, words, true);
} else {
  const say = name === undefined || name === '--help' ? print : note;
  if (say === note) {
    say(`${group}: no "${name}".${suggestion(name ?? '', [...programs.keys()])}`);
    process.exitCode = 2;
  }
  say(`npm run ${group} -- NAME, where NAME is one of`);
  for (const [id, text] of programs) say(`  ${id.padEnd(18)} ${firstSentence(text)}`);
}

function firstSentence(text: string): string {
  const [, header = ''] = text.match(/@file\s+([\s\S]*?)\*\//) ?? [];
  const [sentence = ''] = header.replace(/\s*\n \*\s*/g, ' ').split(/(?<=\.)\s/);
  return sentence.trim();
}
