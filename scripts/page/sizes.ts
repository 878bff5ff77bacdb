/** @file What a visitor loads: the scripts and styles of the page, in bytes after gzip. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { filesBelow, folder } from './build.ts';

export interface Sizes {
  /** Scripts that the document names, with what they import at once. */
  readonly first: number;
  /** All scripts of all views; those of workers, which run and train nets, are not among them. */
  readonly all: number;
  readonly styles: number;
}

const gzipped = (file: string): number => gzipSync(readFileSync(join(folder, file))).length;

/** The scripts that some scripts import, at once or also later. */
function imported(entries: readonly string[], later: boolean): readonly string[] {
  const seen = new Set(entries);
  const pattern = later
    ? /(?:from|import\(?)\s*["'`]\.\/([\w.-]+\.js)/g
    : /(?:from|import)\s*["'`]\.\/([\w.-]+\.js)/g;
  for (const file of seen)
    for (const [, name = ''] of readFileSync(join(folder, file), 'utf8').matchAll(pattern))
      seen.add(`assets/${name}`);
  return [...seen];
}

export function measured(): Sizes {
  const html = readFileSync(join(folder, 'index.html'), 'utf8');
  const files = filesBelow(folder).filter((file) => file.startsWith('assets/'));
  const entries = files.filter((file) => html.includes(file) && file.endsWith('.js'));
  const sum = (list: readonly string[]): number => list.reduce((n, file) => n + gzipped(file), 0);
  return {
    first: sum(imported(entries, false)),
    all: sum(imported(entries, true)),
    styles: sum(files.filter((file) => file.endsWith('.css'))),
  };
}

export function sizes(): readonly string[] {
  const { first, all, styles } = measured();
  const kilo = (n: number): string => `${(n / 1000).toFixed(1)} kB`;
  return [`scripts: ${kilo(first)} at first, ${kilo(all)} in all views; styles: ${kilo(styles)} (gzip)`];
}
