/**
 * @file Writes the index of a registry: `npm run zoo -- index [DIR] [--check]`. DIR holds `<dataset>/<id>` folders and
 * is the zoo's own students unless told; served by any static HTTP server it is a registry for `moonlet pull --from`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readText } from '../../src/files/index.ts';
import { zooFolder } from '../../zoo/folders.ts';
import { indexText, writeIndex } from './card.ts';

const words = process.argv.slice(2);
const root = words.find((word) => !word.startsWith('--')) ?? zooFolder('students');
const path = join(root, 'index.json');
if (!words.includes('--check')) {
  writeIndex(root);
  console.log(`${path}: written`);
} else if (existsSync(path) && readText(path) === indexText(root)) {
  console.log(`${path} is as the folders are`);
} else {
  console.error(`${path} is not as the folders are; run npm run zoo -- index`);
  process.exitCode = 1;
}
