/** @file Whether a string is the path of a dataset. In a file of its own, so that checking a name loads little. */
import { existsSync } from 'node:fs';
import { extname } from 'node:path';

const modules = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'];
/** Whether a path is that of a JavaScript or TypeScript module. */
export const isModule = (path: string): boolean => modules.includes(extname(path));

/** Whether a text is the path of a dataset, and not the name of one. */
export const isDatasetPath = (text: string): boolean =>
  /[/\\]/.test(text) ||
  ['.json', '.csv'].includes(extname(text).toLowerCase()) ||
  isModule(text) ||
  existsSync(text);
