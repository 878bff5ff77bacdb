/** @file `moonlet web`: what the server of the page gives, and what it refuses. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { dataFiles } from '../../src/cli/web-data.ts';
import { missingIn } from '../../src/cli/web-missing.ts';
import { servePage } from '../../src/cli/web-server.ts';

describe('the server of the page', () => {
  const folder = mkdtempSync(join(tmpdir(), 'moonlet-web-'));
  let server: Server;
  let url = '';
  before(async () => {
    writeFileSync(join(folder, 'index.html'), '<!doctype html>');
    mkdirSync(join(folder, 'assets'));
    writeFileSync(join(folder, 'assets', 'index-1.js'), 'export {};');
    server = await servePage(folder, '127.0.0.1', 0);
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });

  it('gives the page, isolated, and scripts that need not be asked for again', async () => {
    const page = await fetch(`${url}/`);
    expect([page.status, page.headers.get('content-type')]).to.deep.equal([200, 'text/html; charset=utf-8']);
    expect(page.headers.get('cross-origin-embedder-policy')).to.equal('require-corp');
    expect(page.headers.get('cache-control')).to.equal('no-cache');
    expect((await fetch(`${url}/assets/index-1.js`)).headers.get('cache-control')).to.include('immutable');
  });

  it('gives nets of the zoo, WebAssembly of the runtime and data that are installed', async () => {
    const index = (await (await fetch(`${url}/nets/index.json`)).json()) as { format: string };
    expect(index.format).to.equal('moonlet-registry');
    const wasm = await fetch(`${url}/wasm/ort-wasm-simd-threaded.wasm`, { method: 'HEAD' });
    expect([wasm.status, wasm.headers.get('content-type')]).to.deep.equal([200, 'application/wasm']);
    const info = (await (await fetch(`${url}/data/mnist/info.json`)).json()) as { test: number };
    expect(info.test).to.equal(10_000);
    const packed = await (await fetch(`${url}/data/mnist/test-labels.gz`)).arrayBuffer();
    expect([...gunzipSync(Buffer.from(packed)).subarray(0, 5)]).to.deep.equal([7, 2, 1, 0, 4]);
    expect(dataFiles('mnist')).to.include('mnist/train-pixels.gz');
  });

  it('gives nothing from elsewhere', async () => {
    for (const path of [
      '/package.json',
      '/nets/../package.json',
      '/%2e%2e/package.json',
      '/nets/%2e%2e%2fzoo.ts',
      '/data/mnist/x',
      '/wasm',
    ])
      expect((await fetch(`${url}${path}`)).status, path).to.equal(404);
    expect((await fetch(`${url}/%ff`)).status).to.equal(400);
  });

  it('says which port to take when one is in use', async () => {
    const { port } = server.address() as AddressInfo;
    const message = await servePage(folder, '127.0.0.1', port).catch((e: Error) => e.message);
    expect(message).to.equal(`web: port ${port} is in use; choose another, such as --port ${port + 1}`);
  });

  it('lacks nothing in a checkout', () => {
    expect(missingIn(folder)).to.deep.equal([]);
  });
});
