/** @file Paths of datasets, told from names. Apart from what reads them, so that naming a dataset loads little. */
import { existsSync } from 'node:fs';
import { extname } from 'node:path';

const modules = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'];
export const isModule = (path: string): boolean => modules.includes(extname(path));

/** Whether a text is the path of a dataset, and not the name of one. */
export const isDatasetPath = (text: string): boolean =>
  /[/\\]/.test(text) || extname(text) === '.json' || isModule(text) || existsSync(text);
