/**
 * @file The server of `moonlet web`: the built page, and what the page fetches from beside it. Folders that hold the page alone, such
 * as that of the npm package, lack nets, WebAssembly and data: these come from the zoo and from installed packages.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, extname, join, normalize } from 'node:path';
import { zooFolder } from '../../zoo/folders.ts';
import { codeOf, MoonletError, messageOf } from '../errors.ts';
import { packageFolder } from '../files/index.ts';
import { dataFile } from './web-data.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};
/** Threads of WebAssembly need a page that is isolated from other origins. */
const isolation = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};
/**
 * The folder of onnxruntime-web's WebAssembly, seen from here or from the working directory.
 * @throws MoonletError with the line that installs it.
 */
export function runtimeFolder(): string {
  for (const place of [import.meta.url, join(process.cwd(), 'x')]) {
    try {
      return dirname(createRequire(place).resolve('onnxruntime-web/wasm'));
    } catch {
      // not from there
    }
  }
  throw new MoonletError(
    'the package onnxruntime-web is not installed; run: npm install --save-dev onnxruntime-web@1.30.0',
  );
}

/** The folder of the built page. @throws MoonletError where it is not built. */
export function pageFolder(): string {
  const folder = join(packageFolder(), 'dist', 'web');
  if (existsSync(join(folder, 'index.html'))) return folder;
  throw new MoonletError('web: the page is not built in this checkout; run: npm run web -- --build');
}

/** The bytes for a path of the page, or undefined. @throws MoonletError with the remedy where a package is missing. */
async function contentOf(folder: string, path: string): Promise<Uint8Array | undefined> {
  const file = join(folder, path);
  if (existsSync(file) && statSync(file).isFile()) return readFileSync(file);
  const [top, ...rest] = path.split('/').filter(Boolean);
  const below = rest.join('/');
  if (top === 'nets') return existing(join(zooFolder('students'), below));
  if (top === 'wasm') return existing(join(runtimeFolder(), below));
  if (top === 'data') return dataFile(below);
  return undefined;
}
const existing = (file: string): Uint8Array | undefined =>
  existsSync(file) && statSync(file).isFile() ? readFileSync(file) : undefined;

/** Serves the page in `folder`. @throws MoonletError when the port is taken or may not be used. */
export async function servePage(folder: string, host: string, port: number): Promise<Server> {
  const server = createServer(async ({ url = '/', method }, response) => {
    const send = (status: number, type: string, body: Uint8Array | string, more = {}): void => {
      response.writeHead(status, { 'content-type': type, ...isolation, ...more });
      response.end(method === 'HEAD' ? undefined : body);
    };
    try {
      const { pathname } = new URL(url, 'http://localhost');
      const path = normalize(decodeURIComponent(pathname)).replaceAll('\\', '/');
      if (path.includes('..') || path.includes('\0')) return send(404, 'text/plain', 'not found');
      const name = path.endsWith('/') ? `${path}index.html` : path;
      const content = await contentOf(folder, name);
      if (!content) return send(404, 'text/plain', 'not found');
      const isFixed = name.startsWith('/assets/'); // their names change with their content
      const keep = { 'cache-control': isFixed ? 'max-age=31536000, immutable' : 'no-cache' };
      send(200, types[extname(name)] ?? 'application/octet-stream', content, keep);
    } catch (e) {
      send(e instanceof MoonletError ? 404 : 400, 'text/plain; charset=utf-8', messageOf(e));
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  }).catch((e: unknown) => {
    const code = codeOf(e);
    if (code === 'EADDRINUSE')
      throw new MoonletError(`web: port ${port} is in use; choose another, such as --port ${port + 1}`);
    throw new MoonletError(`web: cannot listen on ${host}:${port} (${code ?? messageOf(e)})`);
  });
  return server;
}
