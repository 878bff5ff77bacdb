/** @file `pull` against registries that stall, truncate, lie and die: the right bytes, or none and a clear line. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { MoonletError, UsageError } from '../../src/errors.ts';
import { zooFolder } from '../../zoo/folders.ts';
import { loadStudent, pull } from '../../zoo/index.ts';
import { makeIndex } from '../../zoo/make-index.ts';
import { fileNames } from '../../zoo/registry.ts';
import { scratch } from '../support/cli.ts';
import { type Fault, type RegistryServer, registryServer } from '../support/registry-server.ts';

const id = 'mnist/wrn-16-1';
const shipped = zooFolder('students');
const weights = readFileSync(join(shipped, id, 'weights.safetensors'));
const expected = fileNames.map((name) => readFileSync(join(shipped, id, name)));
const everything = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort() : [];
const expectWhole = (folder: string): void => {
  expect(everything(folder)).to.deep.equal([...fileNames].sort());
  for (const [i, name] of fileNames.entries())
    expect(readFileSync(join(folder, name)).equals(expected[i] as Buffer), name).to.equal(true);
};
async function refusal(promise: Promise<unknown>, kind = MoonletError): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).to.be.instanceOf(kind);
  return (error as Error).message;
}

describe('pull from a server', () => {
  const path = scratch();
  let server: RegistryServer;
  let round = 0;
  const quick = { stallMs: 100, waitMs: 1 } as const;
  /** A cache and a target of its own for each test. */
  const fresh = (): { readonly cache: string; readonly to: string; readonly from: string } & typeof quick => {
    round++;
    return { cache: path(`cache-${round}`), to: path(`to-${round}`), from: server.url, ...quick };
  };
  const asked = (end: string) => server.asked.filter((a) => a.path.endsWith(end));

  before(() => {
    cpSync(join(shipped, id), path('served', id), { recursive: true });
    writeFileSync(path('served', 'index.json'), JSON.stringify(makeIndex(path('served'))));
  });
  beforeEach(async () => {
    server = await registryServer(path('served'));
  });
  afterEach(() => server.close());

  it('brings the files, the card and nothing else, and leaves no part behind', async () => {
    const o = fresh();
    const { folder, card } = await pull(id, o);
    expect(folder).to.equal(o.to);
    expect(card.id).to.equal(id);
    expectWhole(folder);
    expect(loadStudent(folder).graph.name).to.equal('wrn size=28 channels=1');
    expect(everything(o.cache)).to.deep.equal(['parts']);
  });

  it('without a folder: into the cache, from where the next pull takes it', async () => {
    const { to: _, ...o } = fresh();
    const first = await pull(id, o);
    expect(first.folder.startsWith(join(o.cache, 'nets', 'mnist', 'wrn-16-1'))).to.equal(true);
    expectWhole(first.folder);
    const before = server.asked.length;
    expect((await pull(id, o)).folder).to.equal(first.folder);
    expect(server.asked.slice(before).map((a) => a.path)).to.deep.equal(['/index.json']);
    writeFileSync(join(first.folder, 'graph.json'), 'damaged');
    expectWhole((await pull(id, o)).folder);
  });

  const passing: readonly (readonly [string, Fault])[] = [
    ['stalls', { kind: 'stall', at: 100_000 }],
    ['dies in the middle', { kind: 'die', at: 100_000 }],
    ['ends early', { kind: 'short', at: 100_000 }],
  ];
  for (const [name, fault] of passing) {
    it(`goes on where it was when the server ${name}`, async () => {
      const o = fresh();
      server.fail('weights.safetensors', [fault, fault]);
      expectWhole((await pull(id, o)).folder);
      const [first, second, third] = asked('weights.safetensors');
      expect([first?.range, first?.status]).to.deep.equal([undefined, 200]);
      expect([second?.range, second?.ifRange, second?.status]).to.deep.equal(['bytes=100000-', '"1"', 206]);
      expect([third?.range, third?.status]).to.deep.equal(['bytes=200000-', 206]);
    });

    it(`leaves nothing when the server always ${name}, and a second pull completes`, async () => {
      const o = fresh();
      server.fail('weights.safetensors', [fault], true);
      const said = await refusal(pull(id, { ...o, retries: 1 }));
      expect(said).to.match(
        /^http:.*\/mnist\/wrn-16-1\/weights\.safetensors: (no data arrived for 0\.1 s|the connection broke \(.+\)|the download ended after 200000 of 708888 bytes), after 2 tries; try again later$/,
      );
      expect(existsSync(o.to)).to.equal(false);
      expect(everything(path()).filter((file) => file.includes('.tmp'))).to.deep.equal([]);
      expect(existsSync(join(o.cache, 'nets'))).to.equal(false);
      server.fail('weights.safetensors', []);
      expectWhole((await pull(id, o)).folder);
      expect(asked('weights.safetensors').at(-1)).to.include({ range: 'bytes=200000-', status: 206 });
      expect(asked('graph.json'), 'what was whole is not asked for again').to.have.length(1);
      expect(everything(o.cache)).to.deep.equal(['parts']);
    });
  }

  for (const end of ['index.json', 'weights.safetensors'])
    it(`gives up a server that sends ${end} a byte at a time`, async () => {
      const o = fresh();
      server.fail(end, [{ kind: 'drip', everyMs: 10 }], true);
      expect(await refusal(pull(id, { ...o, retries: 1 }))).to.match(
        /^http:.*: only \d+ bytes arrived in 0\.1 s; the minimum is 1000 per second, after 2 tries; try again later$/,
      );
      expect(existsSync(o.to)).to.equal(false);
      expect(asked(end)).to.have.length(2);
      server.fail(end, []);
      expectWhole((await pull(id, o)).folder);
    });

  it('takes what is slow where that is allowed, up to the limit of the whole, and goes on from there', async () => {
    const o = fresh();
    server.fail('weights.safetensors', [{ kind: 'drip', everyMs: 10 }], true);
    const slow = { ...o, leastPace: 0, limitMs: 600 };
    expect(await refusal(pull(id, slow))).to.equal(
      `${server.url}: not done in the 0.6 s allowed; the downloaded part is kept, and the next pull resumes from it`,
    );
    expect(asked('weights.safetensors'), 'one try').to.have.length(1);
    expect(existsSync(o.to)).to.equal(false);
    server.fail('weights.safetensors', []);
    expectWhole((await pull(id, o)).folder);
    expect(asked('weights.safetensors').at(-1)?.range).to.match(/^bytes=[1-9]/);
  });

  it('tries again when the server is busy, and for the index too', async () => {
    const o = fresh();
    server.fail('index.json', [
      { kind: 'status', status: 503 },
      { kind: 'die', at: 5 },
      { kind: 'stall', at: 5 },
    ]);
    server.fail('graph.json', [{ kind: 'status', status: 429 }]);
    expectWhole((await pull(id, o)).folder);
    expect(asked('index.json')).to.have.length(4);
  });

  it('never returns wrong bytes: none of them is kept, and a second pull completes', async () => {
    const o = fresh();
    server.fail('weights.safetensors', [{ kind: 'wrong' }]);
    expect(await refusal(pull(id, o))).to.match(
      /weights\.safetensors: its sha256 is [0-9a-f]{64}, but the index has a5c87c10[0-9a-f]{56}$/,
    );
    expect(existsSync(o.to)).to.equal(false);
    expect(everything(o.cache).filter((file) => file.includes('a5c87c10'))).to.deep.equal([]);
    expectWhole((await pull(id, o)).folder);
  });

  it('begins again when the rest belongs to another file', async () => {
    const o = fresh();
    server.fail('weights.safetensors', [{ kind: 'die', at: 1000 }, { kind: 'wrong' }]);
    expectWhole((await pull(id, o)).folder);
    expect(asked('weights.safetensors').map((a) => [a.range, a.status])).to.deep.equal([
      [undefined, 200],
      ['bytes=1000-', 206],
      [undefined, 200],
    ]);
  });

  it('takes the whole from a server that knows no ranges, or whose file has changed', async () => {
    const o = fresh();
    server.fail('weights.safetensors', [{ kind: 'die', at: 1000 }, { kind: 'no-range' }]);
    expectWhole((await pull(id, o)).folder);
    expect(asked('weights.safetensors').map((a) => a.status)).to.deep.equal([200, 200]);
    const p = fresh();
    server.fail('weights.safetensors', [
      { kind: 'die', at: 1000 },
      { kind: 'status', status: 404 },
    ]);
    expect(await refusal(pull(id, p))).to.match(
      /weights\.safetensors: the server responded with 404; check the URL$/,
    );
    server.etag = '"2"';
    expectWhole((await pull(id, p)).folder);
  });

  it('asks for a range without a validator where the server gave none', async () => {
    const o = fresh();
    server.etag = undefined;
    server.fail('weights.safetensors', [{ kind: 'die', at: 1000 }]);
    expectWhole((await pull(id, o)).folder);
    expect(asked('weights.safetensors').at(-1)).to.deep.include({
      range: 'bytes=1000-',
      ifRange: undefined,
      status: 206,
    });
  });

  it('takes no more bytes than the index says, and no other number of them', async () => {
    const o = fresh();
    server.fail('weights.safetensors', [{ kind: 'long' }]);
    expect(await refusal(pull(id, o))).to.match(
      /weights\.safetensors: more than the 708888 bytes in the index$/,
    );
    const index = makeIndex(path('served'));
    const files =
      index.nets[0]?.files.map((f) => (f.name === 'graph.json' ? { ...f, bytes: f.bytes + 1 } : f)) ?? [];
    mkdirSync(path('other'), { recursive: true });
    cpSync(path('served', 'mnist'), path('other', 'mnist'), { recursive: true });
    writeFileSync(path('other', 'index.json'), JSON.stringify({ ...index, nets: [{ id, files }] }));
    const other = await registryServer(path('other'));
    expect(await refusal(pull(id, { ...o, from: other.url }))).to.match(
      /graph\.json: it has 6526 bytes, but the index has 6527$/,
    );
    expect(await refusal(pull(id, { ...o, maxBytes: 1000 }))).to.match(
      /index\.json: mnist\/wrn-16-1 has \d+ bytes, more than the 1000 allowed$/,
    );
    expect(existsSync(o.to)).to.equal(false);
    await other.close();
  });

  it('is safe twice at once: each ends with the whole net, and no part is left', async () => {
    const { to: _, ...o } = fresh();
    server.fail('weights.safetensors', [
      { kind: 'die', at: 1000 },
      { kind: 'stall', at: 5000 },
    ]);
    const done = await Promise.all([pull(id, o), pull(id, o), pull(id, o)]);
    expect(new Set(done.map((d) => d.folder)).size).to.equal(1);
    expectWhole(done[0].folder);
    expect(everything(join(o.cache, 'parts'))).to.deep.equal([]);
    const p = fresh();
    await Promise.all([pull(id, p), pull(id, p)]);
    expectWhole(p.to);
  });

  it('stops when told, with nothing left where a net could be', async () => {
    const o = fresh();
    const stop = new AbortController();
    server.fail('weights.safetensors', [{ kind: 'stall', at: 1000 }]);
    const pulling = pull(id, { ...o, stallMs: 60_000, signal: stop.signal }).catch((e: Error) => e.name);
    while (!asked('weights.safetensors').length) await new Promise((done) => setTimeout(done, 5));
    stop.abort();
    expect(await pulling).to.equal('AbortError');
    expect(existsSync(o.to)).to.equal(false);
    expectWhole((await pull(id, o)).folder);
  });

  it('refuses an id that leads elsewhere, before anything is asked', async () => {
    for (const bad of [
      '../up',
      'mnist/..',
      'mnist/../x',
      '/etc/passwd',
      'a/b/c',
      'mnist',
      'mnist/',
      'MNIST/x',
      'a\\b/c',
      '.a/b',
      'a%2f/b',
      'mnist/x\0',
      'mnist/x\n',
      'https://x/y',
    ])
      expect(await refusal(pull(bad, fresh()), UsageError)).to.match(
        / is not the id of a net; expected <dataset>\/<id> /,
      );
    expect(server.asked).to.deep.equal([]);
  });

  it('refuses an index that is damaged, too large, or names other files, and an unknown id with the nearest', async () => {
    const index = makeIndex(path('served'));
    const [net] = index.nets;
    const files = net?.files ?? [];
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      ['{', /index\.json: not JSON \(.*\)$/],
      [{ ...index, version: 2 }, /index\.json: version: /],
      [
        { ...index, nets: [{ id: '../up', files }] },
        /index\.json: nets\[0\]\.id: an id of the form <dataset>\/<id>/,
      ],
      [
        { ...index, nets: [{ id, files: files.map((f) => ({ ...f, name: '../x' })) }] },
        /index\.json: nets\[0\]\.files\[0\]\.name: /,
      ],
      [
        { ...index, nets: [{ id, files: files.map((f) => ({ ...f, name: 'card.json' })) }] },
        /index\.json: mnist\/wrn-16-1 has no graph\.json$/,
      ],
      [' '.repeat(5 * 2 ** 20), /index\.json: larger than the 4194304 bytes allowed for such a file$/],
    ];
    mkdirSync(path('bad'), { recursive: true });
    const bad = await registryServer(path('bad'));
    for (const [content, line] of wrong) {
      writeFileSync(
        path('bad', 'index.json'),
        typeof content === 'string' ? content : JSON.stringify(content),
      );
      expect(await refusal(pull(id, { ...fresh(), from: bad.url }))).to.match(line);
    }
    await bad.close();
    expect(await refusal(pull('mnist/wrn-16-2', fresh()), UsageError)).to.match(
      /index\.json: no net "mnist\/wrn-16-2"\. Did you mean "mnist\/wrn-16-1"\? There: mnist\/wrn-16-1$/,
    );
    expect(await refusal(pull(id, { ...fresh(), from: `${server.url}nowhere/` }))).to.match(
      /nowhere\/index\.json: the server responded with 404; check the URL$/,
    );
    expect(await refusal(pull(id, { ...fresh(), from: 'http://' }), UsageError)).to.equal(
      '--from: "http://" is not a URL',
    );
  });

  it('writes over a folder only when told, and leaves what stands there when it fails', async () => {
    const o = fresh();
    mkdirSync(o.to, { recursive: true });
    expectWhole((await pull(id, o)).folder);
    rmSync(join(o.to, 'card.json'));
    expect(await refusal(pull(id, o))).to.equal(
      `${o.to}: the folder is not empty; choose another, or replace its files with --force (in code, force: true)`,
    );
    server.fail('graph.json', [{ kind: 'wrong' }]);
    await refusal(pull(id, { ...o, force: true }));
    expect(everything(o.to)).to.deep.equal(['graph.json', 'weights.safetensors']);
    expectWhole((await pull(id, { ...o, force: true })).folder);
  });
});

describe('pull from a folder and from the package', () => {
  const path = scratch();
  before(() => cpSync(join(shipped, id), path('served', id), { recursive: true }));

  it('needs no network from the package', async () => {
    const { fetch } = globalThis;
    globalThis.fetch = () => Promise.reject(new Error('the network is off'));
    try {
      expect((await pull(id)).folder).to.equal(join(shipped, id));
      expectWhole((await pull(id, { to: path('copy') })).folder);
    } finally {
      globalThis.fetch = fetch;
    }
  });

  it('says how to make an index where there is none', async () => {
    expect(await refusal(pull(id, { from: path('served'), cache: path('cache') }), UsageError)).to.equal(
      `--from ${path('served')}: it has no index.json; create one with npm run zoo -- index ${path('served')}`,
    );
  });

  it('verifies what it copies', async () => {
    writeFileSync(path('served', 'index.json'), JSON.stringify(makeIndex(path('served'))));
    expectWhole((await pull(id, { from: path('served'), cache: path('cache') })).folder);
    const bent = Uint8Array.from(weights);
    bent[500_000] = (bent[500_000] as number) ^ 1;
    writeFileSync(path('served', id, 'weights.safetensors'), bent);
    expect(await refusal(pull(id, { from: path('served'), to: path('to'), cache: path('cache') }))).to.match(
      /weights\.safetensors: its sha256 is [0-9a-f]{64}, but the index has a5c87c10/,
    );
    expect(existsSync(path('to'))).to.equal(false);
    rmSync(path('served', id, 'weights.safetensors'));
    expect(await refusal(pull(id, { from: path('served'), to: path('to'), cache: path('cache') }))).to.match(
      /weights\.safetensors: cannot be read \(ENOENT\)$/,
    );
  });

  it("refuses a card that is another net's or speaks of other files, though the index agrees", async () => {
    const card = JSON.parse(readFileSync(path('served', id, 'card.json'), 'utf8')) as { sha256: object };
    const serve = (changed: object): void => {
      cpSync(join(shipped, id), path('served', id), { recursive: true });
      writeFileSync(path('served', id, 'card.json'), JSON.stringify(changed));
      writeFileSync(path('served', 'index.json'), JSON.stringify(makeIndex(path('served'))));
    };
    const o = { from: path('served'), to: path('to'), cache: path('cache') };
    serve({ ...card, id: 'mnist/other' });
    expect(await refusal(pull(id, o))).to.match(
      /card\.json: this is the card of mnist\/other, not of mnist\/wrn-16-1$/,
    );
    serve({ ...card, sha256: { ...card.sha256, 'graph.json': 'x' } });
    expect(await refusal(pull(id, o))).to.match(
      /card\.json: its sha256 of graph\.json differs from the index$/,
    );
    serve({ ...card, accuracy: 2 });
    expect(await refusal(pull(id, o))).to.match(/card\.json: accuracy: /);
    expect(existsSync(path('to'))).to.equal(false);
  });
});
