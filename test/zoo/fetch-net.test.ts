/** @file `fetchNet` against registries: a net and its card in memory, or none and a clear line. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { MoonletError, UsageError } from '../../src/errors.ts';
import { zooFolder } from '../../zoo/folders.ts';
import { fetchNet, loadStudent, readCard } from '../../zoo/index.ts';
import { makeIndex } from '../../zoo/make-index.ts';
import { scratch } from '../support/cli.ts';
import { type RegistryServer, registryServer } from '../support/registry-server.ts';

const id = 'mnist/wrn-16-1';

async function refusal(
  promise: Promise<unknown>,
  kind: abstract new (...args: never[]) => Error = MoonletError,
): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).to.be.instanceOf(kind);
  return error instanceof Error ? error.message : '';
}

describe('fetchNet', () => {
  const path = scratch();
  let server: RegistryServer;
  const quick = { stallMs: 100, waitMs: 1, retries: 1 } as const;
  before(async () => {
    cpSync(join(zooFolder('students'), id), path('served', id), { recursive: true });
    writeFileSync(path('served', 'index.json'), JSON.stringify(makeIndex(path('served'))));
    server = await registryServer(path('served'));
  });
  after(() => server.close());

  it('gives the net and the card, with or without a slash behind the address', async () => {
    for (const from of [server.url, `${server.url}/`]) {
      const { net, card } = await fetchNet(id, { from, ...quick });
      expect(card).to.deep.equal(readCard(id));
      expect(net).to.deep.equal(loadStudent(id));
    }
  });

  it('asks by the function that it is given', async () => {
    const asked: string[] = [];
    const send = (url: string): Promise<Response> => {
      asked.push(url.slice(server.url.length));
      return fetch(url);
    };
    await fetchNet(id, { from: server.url, fetch: send });
    expect(asked.sort()).to.deep.equal(
      [
        'index.json',
        ...['card.json', 'graph.json', 'weights.safetensors'].map((name) => `${id}/${name}`),
      ].sort(),
    );
  });

  it('refuses bytes that are not those of the index', async () => {
    const file = path('served', id, 'graph.json');
    const right = readFileSync(file, 'utf8');
    try {
      writeFileSync(file, right.replace('wrn', 'wrm'));
      expect(await refusal(fetchNet(id, { from: server.url, ...quick }))).to.match(
        /graph\.json: its sha256 is [0-9a-f]{64}, but the index has [0-9a-f]{64}$/,
      );
      writeFileSync(file, right.slice(1));
      expect(await refusal(fetchNet(id, { from: server.url, ...quick }))).to.match(
        new RegExp(`graph\\.json: it has ${right.length - 1} bytes, but the index has ${right.length}$`),
      );
      writeFileSync(file, `${right} `);
      expect(await refusal(fetchNet(id, { from: server.url, ...quick }))).to.match(
        new RegExp(`graph\\.json: larger than the ${right.length} bytes allowed for such a file$`),
      );
    } finally {
      writeFileSync(file, right);
    }
  });

  it('refuses other ids, what is too large, and what is no address', async () => {
    const o = { from: server.url, ...quick };
    expect(await refusal(fetchNet('mnist/wrn-16-2', o), UsageError)).to.include('mnist/wrn-16-1');
    expect(await refusal(fetchNet('../wrn', o), UsageError)).to.include('is not the id of a net');
    expect(await refusal(fetchNet(id, { ...o, maxBytes: 1000 }))).to.match(
      /weighs \d+ bytes, and maxBytes is 1000$/,
    );
    expect(await refusal(fetchNet(id, { ...o, from: '/nets' }), UsageError)).to.equal(
      'fetchNet: "/nets" is no address; give one that begins with https:// or http://',
    );
  });
});
