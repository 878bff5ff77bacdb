/** @file The page from its sources, with nets and data beside it. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createServer, type InlineConfig, type Plugin } from 'vite';
import { print } from '../../src/cli/say.ts';
import { dataFile } from '../../src/cli/web-data.ts';
import { type Files, siteFiles } from './site/files.ts';

let docs: Promise<Files> | undefined;
/** A file of the documentation; all are made when the first is asked for, and again for the contents. */
async function docsFile(path: string): Promise<string | Uint8Array | undefined> {
  if (!path.startsWith('docs/')) return undefined;
  if (!docs || path === 'docs/contents.json') docs = siteFiles();
  return (await docs).get(path);
}

const beside: Plugin = {
  name: 'nets, data and documentation',
  configureServer: ({ middlewares }) => {
    middlewares.use(async ({ url = '/' }, response, next) => {
      const path = url.replace(/[?#].*$/s, '').slice(1);
      const net = join('zoo/students', path.slice('nets/'.length));
      if (path.startsWith('nets/') && existsSync(net) && statSync(net).isFile()) {
        response.end(readFileSync(net));
        return;
      }
      const page = await docsFile(path);
      if (page !== undefined) {
        response.setHeader('content-type', path.endsWith('.svg') ? 'image/svg+xml' : 'application/json');
        response.end(page);
        return;
      }
      const data = path.startsWith('data/') ? await dataFile(path.slice('data/'.length)) : undefined;
      if (data) response.end(data);
      else next();
    });
  },
};

/** Serves the sources until the process ends. */
export async function developed(config: InlineConfig, port: number): Promise<void> {
  const headers = {
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
  };
  const server = await createServer({
    ...config,
    plugins: [...(config.plugins ?? []), beside],
    server: { port, headers },
  });
  await server.listen();
  print(`http://localhost:${server.config.server.port}/`);
}
