/** @file Code of a user's project, run on the sources of a checkout. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The package's names lead to the sources instead of to dist/, by the package's own table of exports. */
export function toSources(code: string): string {
  const { exports: table } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    exports: Record<string, { default: string } | string>;
  };
  return code.replace(/(from|import\()(\s*)['"]moonlet(\/[^'"]*)?['"]/g, (_, word, space, path = '') => {
    const entry = table[`.${path}`];
    if (!entry || typeof entry === 'string')
      throw new Error(`moonlet${path} is not exported by package.json`);
    const source = resolve(entry.default.replace('./dist/', '').replace(/\.js$/, '.ts'));
    return `${word}${space}'${pathToFileURL(source).href}'`;
  });
}
