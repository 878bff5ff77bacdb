/** @file Stores: a folder, and a bucket behind a server that speaks S3's protocol and checks its signatures. */
import { createHash, createHmac } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { expect } from 'chai';
import { s3Store } from '../../src/sweep/s3.ts';
import { folderStore, openStore, type Store } from '../../src/sweep/store.ts';
import { scratch } from '../support/cli.ts';

const folder = scratch();
const bytes = Uint8Array.from({ length: 3000 }, (_, i) => i % 251);

/** What every store does. */
async function laws(store: Store): Promise<void> {
  const key = 'trials/7/checkpoints/training/last.safetensors';
  expect(await store.get(key)).to.equal(undefined);
  await store.put(key, bytes);
  expect(Buffer.from((await store.get(key)) ?? []).equals(Buffer.from(bytes))).to.equal(true);
  await store.put(key, 'other');
  expect(new TextDecoder().decode(await store.get(key))).to.equal('other');
  await store.remove(key);
  await store.remove(key);
  expect(await store.get(key)).to.equal(undefined);
  expect(await store.create('leases/a', 'one')).to.equal(true);
  expect(await store.create('leases/a', 'two')).to.equal(false);
  expect(new TextDecoder().decode(await store.get('leases/a'))).to.equal('one');
}

describe('a store in a folder', () => {
  it('keeps values', () => laws(folderStore(folder('store'))));

  it('leaves no temporary files, and none half written', async () => {
    const store = await openStore(folder('many'));
    await Promise.all(Array.from({ length: 20 }, () => store.put('a/b', bytes)));
    expect(readdirSync(folder('many', 'a'))).to.deep.equal(['b']);
    expect(existsSync(folder('many', 'a', 'b'))).to.equal(true);
  });

  it('says when it cannot be written', async () => {
    writeFileSync(folder('file'), '');
    const store = folderStore(folder('file'));
    expect(await store.put('a', bytes).catch((e: Error) => e.message)).to.match(/cannot be written/);
  });
});

const [id, secret] = ['AKIDEXAMPLE', 'secret/key'];
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** Whether a request is signed with our key, as AWS Signature Version 4 says. */
function isSigned({ method, url = '', headers }: IncomingMessage): boolean {
  const given =
    /Credential=(\S+?)\/(\d+)\/(\S+?)\/s3\/aws4_request, SignedHeaders=(\S+?), Signature=(\w+)/.exec(
      headers.authorization ?? '',
    );
  const [, who, day = '', region = '', names = '', signature] = given ?? [];
  const { pathname } = new URL(url, 'http://x');
  const canonical = [method, pathname, '', ...names.split(';').map((n) => `${n}:${headers[n]}`), '', names];
  const request = [...canonical, headers['x-amz-content-sha256']].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const hash = createHash('sha256').update(request).digest('hex');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hash].join('\n');
  const key = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(
    (k, part) => hmac(k, part),
    `AWS4${secret}`,
  );
  return who === id && hmac(key, text).toString('hex') === signature;
}

describe('a store in a bucket', () => {
  const values = new Map<string, Buffer>();
  let server: Server;
  let env: NodeJS.ProcessEnv;
  before(async () => {
    server = createServer(async (request, answer) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      const key = request.url ?? '';
      const send = (status: number, body?: Buffer): void => void answer.writeHead(status).end(body);
      if (!isSigned(request)) return send(403);
      if (request.headers['if-none-match'] === '*' && values.has(key)) return send(412);
      if (request.method === 'PUT') values.set(key, Buffer.concat(parts));
      if (request.method === 'DELETE') values.delete(key);
      const found = values.get(key);
      if (request.method === 'GET') return found ? send(200, found) : send(404);
      send(request.method === 'PUT' ? 200 : 204);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    env = {
      AWS_ACCESS_KEY_ID: id,
      AWS_SECRET_ACCESS_KEY: secret,
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    };
  });
  after(() => server.close());

  it('keeps values under its prefix, by signed requests', async () => {
    const store = await s3Store('s3://bucket/sweeps/one', env);
    await laws(store);
    await store.put('a', 'b');
    expect([...values.keys()]).to.have.members(['/bucket/sweeps/one/a', '/bucket/sweeps/one/leases/a']);
  });

  it('says what is refused, and which key is missing', async () => {
    const store = await s3Store('s3://bucket', { ...env, AWS_SECRET_ACCESS_KEY: 'other' });
    expect(await store.get('a').catch((e: Error) => e.message)).to.equal(
      's3://bucket: a was refused (HTTP 403); check the bucket, its region and its keys',
    );
    expect(await s3Store('s3://bucket', {}).catch((e: Error) => e.message)).to.equal(
      's3://bucket: set AWS_ACCESS_KEY_ID in the environment',
    );
  });
});
