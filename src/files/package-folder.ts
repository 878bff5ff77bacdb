/** @file The folder of this package. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MoonletError } from '../errors.ts';

/** The folder with package.json: above the sources, or above `dist`. @throws MoonletError when there is none. */
export function packageFolder(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) throw new MoonletError('package.json is missing; reinstall moonlet');
  }
}
