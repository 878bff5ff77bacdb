/** @file Where the zoo's data lie, and the names of what is there; no file is read. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MoonletError } from '../src/errors.ts';
import { settle } from '../src/files/index.ts';

/** A folder of the zoo's data: beside the sources, or in the package beside `dist`. */
export function zooFolder(kind: 'students' | 'pairs' | 'recipes'): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, 'zoo', kind);
    if (folder === dirname(folder)) throw new MoonletError('the folder zoo is missing; reinstall moonlet');
  }
}

/** Every shipped student's name, `<dataset>/<id>`; teachers stand beside students. */
export function studentNames(): readonly string[] {
  const root = zooFolder('students');
  return folders(root).flatMap((data) => folders(join(root, data)).map((id) => `${data}/${id}`));
}

/** The folder of a shipped student, or of the net that a path names; it need not be there. */
export const studentFolder = (name: string): string =>
  studentNames().includes(name) ? join(zooFolder('students'), name) : resolve(name);

/** Whether a folder holds a net. A change of its files that was interrupted is finished first. */
export function holdsNet(folder: string): boolean {
  settle(folder);
  return existsSync(join(folder, 'graph.json'));
}

/** The names of the folders in a folder, sorted; none when it is not there. */
export const folders = (path: string): string[] =>
  existsSync(path)
    ? readdirSync(path, { withFileTypes: true })
        .flatMap((e) => (e.isDirectory() ? [e.name] : []))
        .sort()
    : [];
