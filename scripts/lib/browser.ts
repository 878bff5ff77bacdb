/** @file A headless Chromium on this machine, and a server of files in memory for it. */
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const types: Readonly<Record<string, string>> = {
  ...{
    '.html': 'text/html',
    '.js': 'text/javascript',
    '.mjs': 'text/javascript',
    '.json': 'application/json',
    '.wasm': 'application/wasm',
  },
};

/** WebGPU without a graphics card, on SwiftShader: right, and slow. */
export const softwareGpu: readonly string[] = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

/** @throws Error that says how to get Chromium, where there is none. */
export function launched(args: readonly string[] = []): Promise<Browser> {
  const executablePath = process.env['MOONLET_CHROMIUM'] ?? places.find((path) => existsSync(path));
  if (executablePath === undefined)
    throw new Error(
      'Chromium is not installed; install it (on Debian: apt-get install chromium), or name it by MOONLET_CHROMIUM',
    );
  // without a sandbox, since that needs rights which containers lack; the pages are our own
  return chromium.launch({ executablePath, args: ['--no-sandbox', ...args] });
}

export interface Site {
  readonly url: string;
  close(): void;
}

/**
 * Serves what `read` gives for a path; undefined is an answer 404. What is posted goes to `post`. Pages are cross-origin isolated unless
 * that is turned off.
 */
export async function served(
  read: (path: string) => Uint8Array | string | undefined,
  post: (path: string, bytes: Uint8Array) => void,
  { isolated = true }: { readonly isolated?: boolean } = {},
): Promise<Site> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (request.method === 'POST') {
      const chunks: Uint8Array[] = [];
      for await (const chunk of request) chunks.push(chunk);
      post(pathname, Buffer.concat(chunks));
      return void response.end();
    }
    const found = read(pathname);
    const type = types[extname(pathname)] ?? (pathname === '/' ? 'text/html' : 'application/octet-stream');
    // both are needed for threads of WebAssembly
    const headers = isolated
      ? { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
      : {};
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': type, ...headers });
    response.end(found);
  };
  const server: Server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://localhost:${port}`, close: () => void server.close() };
}
