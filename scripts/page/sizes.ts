/** @file What a visitor loads: the scripts and styles of the page, in bytes after gzip. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { filesBelow, folder } from './build.ts';

export interface Sizes {
  /** Scripts that the document names, with what they import at once. */
  readonly first: number;
  /** All scripts but those of onnxruntime-web and of workers: the page before anything is trained. */
  readonly all: number;
  readonly styles: number;
}

const gzipped = (file: string): number => gzipSync(readFileSync(join(folder, file))).length;

export function measured(): Sizes {
  const html = readFileSync(join(folder, 'index.html'), 'utf8');
  const files = filesBelow(folder).filter((file) => file.startsWith('assets/'));
  const named = new Set(files.filter((file) => html.includes(file)));
  for (const file of named)
    if (file.endsWith('.js'))
      for (const [, name = ''] of readFileSync(join(folder, file), 'utf8').matchAll(/from\s*["'`]\.\/([\w.-]+\.js)/g))
        named.add(`assets/${name}`);
  const sum = (list: readonly string[]): number => list.reduce((n, file) => n + gzipped(file), 0);
  const scripts = files.filter((file) => file.endsWith('.js'));
  return {
    first: sum([...named].filter((file) => file.endsWith('.js'))),
    all: sum(scripts.filter((file) => !/worker|ort\./.test(file))),
    styles: sum(files.filter((file) => file.endsWith('.css'))),
  };
}

export function sizes(): readonly string[] {
  const { first, all, styles } = measured();
  const kilo = (n: number): string => `${(n / 1000).toFixed(1)} kB`;
  return [`scripts: ${kilo(first)} at first, ${kilo(all)} in all views; styles: ${kilo(styles)} (gzip)`];
}
