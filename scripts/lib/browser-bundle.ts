/** @file Programs for browsers: bundled by esbuild from the sources, with the entries that package.json names. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build, type OnResolveResult } from 'esbuild';

type Entry = null | string | { readonly browser?: Entry; readonly default?: Entry };
const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly exports: Readonly<Record<string, Entry>>;
};

/** The source file of what a browser gets for an entry; undefined for one that is not for browsers. */
function sourceOf(entry: Entry | undefined): string | undefined {
  if (entry === undefined || entry === null) return undefined;
  if (typeof entry === 'string') return entry.replace('./dist/', './').replace(/\.js$/, '.ts');
  return sourceOf(entry.browser === undefined ? entry.default : entry.browser);
}

/** The source file of each entry of the package; undefined for one that browsers do not get. */
export const sources: ReadonlyMap<string, string | undefined> = new Map(
  Object.entries(exports)
    .filter(([name]) => name !== './package.json')
    .map(([name, entry]) => [name.replace(/^\./, 'moonlet'), sourceOf(entry)] as const),
);

/** The project's own entries, as sources. */
function resolved({ path }: { readonly path: string }): OnResolveResult {
  const source = sources.get(path);
  return source === undefined
    ? { errors: [{ text: `${path} is not for browsers` }] }
    : { path: join(process.cwd(), source), sideEffects: false };
}

/** Bundles programs, split as their dynamic imports say; nothing is written. */
export const bundle = (options: Pick<BuildOptions, 'entryPoints' | 'stdin'>) =>
  build({
    ...options,
    ...{ bundle: true, minify: true, splitting: true, format: 'esm', platform: 'browser' },
    ...{ outdir: 'out', logLevel: 'silent' },
    write: false,
    metafile: true,
    plugins: [
      { name: 'entries', setup: ({ onResolve }) => onResolve({ filter: /^moonlet(\/|$)/ }, resolved) },
    ],
  });
