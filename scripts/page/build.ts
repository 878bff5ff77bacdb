/**
 * @file Builds the page with Vite into dist/web, a folder that any static server serves: its own files, the nets of the zoo, WebAssembly
 * of onnxruntime, and the data that are installed.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { transform } from 'esbuild';
import { build, type InlineConfig, type Plugin } from 'vite';
import { dataFile, dataFiles, pageDatasets } from '../../src/cli/web-data.ts';
import { catalogue } from './catalogue.ts';
import { refusals } from './refusals.ts';
import { siteFiles } from './site/files.ts';

export const root = 'src/web';
export const folder = join('dist', 'web');

/** Modules whose values are found when the page is built, by the name of the value. */
const values: Readonly<Record<string, () => unknown>> = { catalogue, refusals };
const valuesPlugin: Plugin = {
  name: 'values',
  resolveId: (id) => (Object.keys(values).some((name) => id === `virtual:${name}`) ? `\0${id}` : null),
  load: (id) => {
    const name = id.replace('\0virtual:', '');
    const make = id.startsWith('\0virtual:') ? values[name] : undefined;
    return make ? `export const ${name} = ${JSON.stringify(make())};` : null;
  },
};

/** WebAssembly keeps its name, by which a server can find it elsewhere. */
const assetFileNames = ({ names }: { readonly names: readonly string[] }): string =>
  names.some((name) => name.endsWith('.wasm')) ? 'wasm/[name][extname]' : 'assets/[name]-[hash][extname]';

export const config: InlineConfig = {
  root,
  base: './',
  configFile: false,
  logLevel: 'error',
  publicDir: 'public',
  plugins: [valuesPlugin],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es', rolldownOptions: { output: { assetFileNames } } },
  build: {
    outDir: join(process.cwd(), folder),
    emptyOutDir: false,
    target: 'es2023',
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        assetFileNames,
      },
    },
  },
};

/** Files below a folder, relative to it, with slashes. */
export const filesBelow = (place: string): readonly string[] =>
  readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(place, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();

/** Nets (and digits) that work without a network after the first visit; others do once they were opened. */
const kept = [
  'mnist/wrn-16-1',
  'mnist/wrn-16-1-bg4m',
  'fashion-mnist/wrn-16-2',
  'fashion-mnist/wrn-16-2-bg24',
];
/** WebAssembly with WebGPU (27 MB) is loaded only where there is an adapter. */
const isKept = (file: string): boolean =>
  !file.includes('.asyncify.') &&
  (/^(index\.html|assets\/|docs\/|wasm\/|icon|nets\/index\.json$)/.test(file) ||
    kept.some((id) => file.startsWith(`nets/${id}/`)) ||
    /^data\/(mnist\/|[\w-]+\/(info\.json|test-))/.test(file));

/** The service worker keeps these files, under a version that changes with any of them. */
async function addServiceWorker(): Promise<void> {
  const files = filesBelow(folder).filter(isKept);
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(readFileSync(join(folder, file)));
  const { code } = await transform(readFileSync(join(root, 'service-worker.ts'), 'utf8'), {
    loader: 'ts',
    format: 'iife', // service workers are classic scripts
    minify: true,
    define: {
      FILES: JSON.stringify(['./', ...files]),
      VERSION: JSON.stringify(hash.digest('hex').slice(0, 16)),
    },
  });
  writeFileSync(join(folder, 'service-worker.js'), code);
}

/** Data do not change: files of an earlier build stay, but for datasets that the page no longer has. */
async function addData(): Promise<void> {
  const place = join(folder, 'data');
  for (const name of existsSync(place) ? readdirSync(place) : [])
    if (!pageDatasets.some((known) => known === name)) rmSync(join(place, name), { recursive: true });
  for (const path of pageDatasets.flatMap(dataFiles)) {
    const file = join(folder, 'data', path);
    const content = existsSync(file) ? undefined : await dataFile(path);
    if (!content) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}

/** The documentation: its pages are files, which the page fetches when they are opened. */
async function addDocs(api: boolean): Promise<void> {
  for (const [path, content] of await siteFiles(api)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}

/** Builds all of it; the API reference, which takes the longest, can be left out. */
export async function buildPage({ api = true }: { readonly api?: boolean } = {}): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder))
    if (name !== 'data') rmSync(join(folder, name), { recursive: true, force: true });
  await build(config);
  cpSync('zoo/students', join(folder, 'nets'), {
    recursive: true,
    filter: (path) => !path.endsWith('metadata.safetensors'),
  });
  const runtime = 'node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm';
  const wasm = join(folder, 'wasm', 'ort-wasm-simd-threaded.wasm');
  if (!existsSync(wasm)) cpSync(runtime, wasm, { recursive: true });
  await addDocs(api);
  await addData();
  await addServiceWorker();
}
