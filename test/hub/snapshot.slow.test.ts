/** @file The client of the hub against a small hub of its own: commits, links, resumed and verified files, who sees the token. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseRepository } from '../../src/hub/repository.ts';
import { type HubSettings, hubSettings } from '../../src/hub/settings.ts';
import { openSnapshot, type SnapshotOptions } from '../../src/hub/snapshot.ts';
import { type HubServer, hubServer, lastAsked, push, sha256Of } from '../support/hub-server.ts';

const weights = (seed: number): Uint8Array =>
  Uint8Array.from({ length: 60_000 }, (_, i) => (i * seed + (i >> 7)) & 255);
const [config, files] = ['config.json', ['config.json', 'model.safetensors']];
const first = { 'config.json': '{"a": 1}', 'model.safetensors': weights(3) };

describe('a snapshot of the hub', () => {
  let [root, hub]: [string, HubServer] = ['', undefined!];
  let settings: HubSettings;
  const fast = { waitMs: 1, stallMs: 200, leastPace: 0 };
  const open = (name: string, o: SnapshotOptions = {}) =>
    openSnapshot(parseRepository(name), files, { settings, ...fast, ...o });
  const pulled = async (name: string, o: SnapshotOptions = {}) => {
    const snapshot = await open(name, o);
    const got = [];
    for (const path of files) got.push(readFileSync((await snapshot.file(path)).path));
    snapshot.close();
    return { commit: snapshot.commit, got };
  };
  const refused = async (run: Promise<unknown>): Promise<string> => {
    const e = await run.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(e).to.be.instanceOf(Error);
    const message = e instanceof Error ? e.message : '';
    expect(message).not.to.contain('\n');
    return message.replaceAll(hub.url, 'HUB').replaceAll(settings.cache, 'CACHE');
  };
  const blobs = (id = 'o--n'): string[] => readdirSync(join(settings.cache, `models--${id}`, 'blobs')).sort();

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'moonlet-hub-'));
    hub = await hubServer();
    settings = hubSettings({ HF_ENDPOINT: hub.url, HF_HOME: root });
  });
  afterEach(async () => {
    await hub.close();
    rmSync(root, { recursive: true, force: true });
  });

  it("lies in the hub's layout: blobs by etag, relative links, the branch's commit", async () => {
    const sha = push(hub, 'o/n', first);
    expect((await pulled('hf:o/n')).got[1]).to.deep.equal(Buffer.from(weights(3)));
    const at = (...path: string[]) => join(root, 'hub', 'models--o--n', ...path);
    expect(readFileSync(at('refs', 'main'), 'utf8')).to.equal(sha);
    const etag = sha256Of(weights(3));
    expect(readlinkSync(at('snapshots', sha, 'model.safetensors'))).to.equal(join('..', '..', 'blobs', etag));
    expect(blobs()).to.have.length(2).and.include(etag);
    const asked = hub.asked.length;
    expect((await pulled(`hf:o/n@${sha}`)).commit).to.equal(sha);
    expect(hub.asked, 'a commit in the cache is asked about no more').to.have.length(asked);
  });

  it('is of one commit though the branch moves between two files', async () => {
    const sha = push(hub, 'o/n', first);
    let moved = '';
    hub.before = ({ method, path }) => {
      if (moved === '' && method === 'GET' && path.endsWith(config))
        moved = push(hub, 'o/n', { 'config.json': '{"a": 2}', 'model.safetensors': weights(5) });
    };
    const { commit, got } = await pulled('hf:o/n');
    expect([commit, String(got[0])]).to.deep.equal([sha, '{"a": 1}']);
    expect(got[1]).to.deep.equal(Buffer.from(weights(3)));
    const after = await pulled('hf:o/n');
    expect([after.commit, String(after.got[0])]).to.deep.equal([moved, '{"a": 2}']);
  });

  it('is named by a branch with a slash, a tag, or a repository that was renamed', async () => {
    push(hub, 'o/n', first);
    const pr = push(hub, 'o/n', { 'config.json': '{}', 'model.safetensors': weights(7) }, 'refs/pr/1');
    hub.renamed.set('old/n', 'o/n');
    expect((await pulled('hf:o/n@refs/pr/1')).commit).to.equal(pr);
    expect((await pulled('hf:old/n')).got[1]).to.deep.equal(Buffer.from(weights(3)));
  });

  it('sends the token to the hub, and not to the other port that it redirects to', async () => {
    push(hub, 'o/n', first);
    settings = hubSettings({ HF_ENDPOINT: hub.url, HF_HOME: root, HF_TOKEN: 'hf_secret' });
    await pulled('hf:o/n');
    const tokens = (port: string) => new Set(hub.asked.flatMap((a) => (a.port === port ? [a.token] : [])));
    expect(tokens('hub')).to.deep.equal(new Set(['Bearer hf_secret']));
    expect(tokens('cdn')).to.deep.equal(new Set([undefined]));
  });

  it('goes on where a connection broke, and where an earlier pull was given up', async () => {
    push(hub, 'o/n', first);
    hub.fail(`GET /${sha256Of(weights(3))}`, { kind: 'die', at: 10_000 }, { kind: 'stall', at: 10_000 });
    expect(await refused(pulled('hf:o/n', { retries: 1 }))).to.match(
      /no data arrived for 0.2 s|bytes arrived/,
    );
    const left = blobs().filter((name) => name.endsWith('.incomplete'));
    expect(left).to.deep.equal([`${sha256Of(weights(3))}.moonlet.incomplete`]);
    expect((await pulled('hf:o/n')).got[1]).to.deep.equal(Buffer.from(weights(3)));
    expect(lastAsked(hub, `GET /${sha256Of(weights(3))}`).range).to.equal('bytes=20000-');
    expect(blobs()).to.have.length(2);
  });

  it('starts again where the server gives no range, and where what was kept is not of the file', async () => {
    push(hub, 'o/n', first);
    const etag = sha256Of(weights(3));
    const part = (bytes: Uint8Array) => {
      mkdirSync(join(root, 'hub', 'models--o--n', 'blobs'), { recursive: true });
      writeFileSync(join(root, 'hub', 'models--o--n', 'blobs', `${etag}.moonlet.incomplete`), bytes);
    };
    part(weights(3).subarray(0, 100));
    hub.fail(`GET /${etag}`, { kind: 'no-range' });
    expect((await pulled('hf:o/n')).got[1]).to.deep.equal(Buffer.from(weights(3)));
    rmSync(join(root, 'hub'), { recursive: true });
    part(new Uint8Array(100).fill(9));
    expect((await pulled('hf:o/n')).got[1]).to.deep.equal(Buffer.from(weights(3)));
    expect(blobs()).to.have.length(2);
  });

  it('is refused where bytes, etag or listing lie, and keeps none of it', async () => {
    const lie = '0'.repeat(64);
    push(hub, 'o/n', first);
    hub.fail(`GET /${sha256Of(weights(3))}`, { kind: 'wrong' });
    expect(await refused(pulled('hf:o/n'))).to.match(
      /model\.safetensors: its sha256 is [0-9a-f]{64}, and its etag says [0-9a-f]{64}; nothing is kept, try again later$/,
    );
    expect(blobs()).to.have.length(1);
    push(hub, 'o/n', { ...first, 'model.safetensors': { bytes: weights(3), lfs: true, etag: lie } });
    expect(await refused(pulled('hf:o/n'))).to.match(
      /its etag is 0+, and the listing of the commit says [0-9a-f]{64}; /,
    );
    push(hub, 'o/n', { ...first, 'config.json': { bytes: Buffer.from('{}'), lfs: false, etag: '../../x' } });
    expect(await refused(pulled('hf:o/n'))).to.match(/the answer has no etag or no size/);
    push(hub, 'o/n', {
      ...first,
      'config.json': { bytes: Buffer.from('{}'), lfs: false, etag: 'md5-of-it' },
    });
    expect(await refused(pulled('hf:o/n'))).to.match(/its etag "md5-of-it" is no hash to verify it by/);
  });

  it('mends a blob of the cache that was damaged', async () => {
    const sha = push(hub, 'o/n', first);
    await pulled('hf:o/n');
    writeFileSync(join(root, 'hub', 'models--o--n', 'blobs', sha256Of(weights(3))), 'damaged');
    settings = { ...settings, offline: true };
    expect(await refused(pulled('hf:o/n'))).to.match(
      /the cache holds other bytes than its name [0-9a-f]{64} says/,
    );
    settings = { ...settings, offline: false };
    expect((await pulled(`hf:o/n@${sha}`)).got[1]).to.deep.equal(Buffer.from(weights(3)));
  });

  it('comes from the cache alone offline, or not', async () => {
    const sha = push(hub, 'o/n', first);
    await pulled('hf:o/n');
    settings = hubSettings({ HF_ENDPOINT: hub.url, HF_HOME: root, HF_HUB_OFFLINE: 'yes' });
    const asked = hub.asked.length;
    expect((await pulled('hf:o/n')).commit).to.equal(sha);
    expect(await refused(pulled('hf:o/n@v2'))).to.equal(
      'o/n: revision "v2" is not in the cache CACHE, and HF_HUB_OFFLINE forbids to ask; unset it, or set HF_HUB_CACHE to a cache that has it',
    );
    expect(await refused(pulled('hf:o/other'))).to.match(/^o\/other: revision "main" is not in the cache/);
    rmSync(join(settings.cache, 'models--o--n', 'snapshots', sha, 'model.safetensors'));
    expect(await refused(pulled('hf:o/n'))).to.match(
      /^o\/n: its model.safetensors at [0-9a-f]{40} is not in the cache/,
    );
    expect(hub.asked).to.have.length(asked);
  });

  it('is one in two pulls at once', async () => {
    push(hub, 'o/n', first);
    hub.fail(`GET /${sha256Of(weights(3))}`, { kind: 'die', at: 30_000 });
    const both = await Promise.all([pulled('hf:o/n'), pulled('hf:o/n')]);
    for (const { got } of both) expect(got[1]).to.deep.equal(Buffer.from(weights(3)));
    expect(blobs()).to.have.length(2);
  });

  it('says how far it is', async () => {
    push(hub, 'o/n', first);
    const said: string[] = [];
    await pulled('hf:o/n', { onProgress: (done, total) => void said.push(`${done}/${total}`) });
    expect([said[0], said.at(-1)]).to.deep.equal(['8/8', '60000/60000']);
  });

  it('is copied into the snapshot where links are not wanted', async () => {
    const sha = push(hub, 'o/n', first);
    settings = { ...settings, symlinks: false };
    await pulled('hf:o/n');
    const file = join(settings.cache, 'models--o--n', 'snapshots', sha, 'model.safetensors');
    expect(() => readlinkSync(file)).to.throw();
    settings = { ...settings, offline: true };
    expect((await pulled('hf:o/n')).got[1]).to.deep.equal(Buffer.from(weights(3)));
  });

  it('waits as a busy hub asks, and says how long where that is too long', async () => {
    push(hub, 'o/n', first);
    const busy = (after: string) =>
      ({ kind: 'status', status: 429, headers: { 'retry-after': after } }) as const;
    hub.fail('GET /api', busy('0'), busy(new Date(0).toUTCString()));
    await pulled('hf:o/n');
    hub.fail('GET /api', busy('3600'));
    expect(await refused(pulled('hf:o/n'))).to.equal(
      'HUB/o/n: rate limited (429) for 3600 s more; try again later, or set HF_TOKEN, which raises the limit',
    );
    hub.fail('GET /api', busy('0'), busy('0'));
    expect(await refused(pulled('hf:o/n', { retries: 1 }))).to.match(
      /: rate limited \(429\), after 2 tries; try again later, or set HF_TOKEN, which raises the limit$/,
    );
    hub.fail('GET /api', busy('1'));
    const start = performance.now();
    await pulled('hf:o/n');
    expect(performance.now() - start).to.be.above(990);
  });

  it('is refused by one line with the remedy', async () => {
    push(hub, 'o/n', { 'config.json': '{}' });
    expect(await refused(pulled('hf:o/no'))).to.equal(
      'o/no: no such repository at HUB, or a private one; check the name, or set HF_TOKEN',
    );
    expect(await refused(pulled('timm/lcnet_050.ra_in1k'))).to.match(
      /, or set HF_TOKEN\. Did you mean "timm\/lcnet_050\.ra2_in1k"\?$/,
    );
    expect(await refused(pulled('hf:o/n@v9'))).to.equal(
      'o/n: no revision "v9"; branches and commits are at HUB/o/n/commits',
    );
    expect(await refused(pulled('hf:o/n'))).to.equal(
      'o/n: no file model.safetensors in revision "main"; see HUB/o/n/tree/main',
    );
    hub.repos.get('o/n')!.gated = true;
    expect(await refused(pulled('hf:o/n'))).to.equal(
      'o/n: gated; accept its conditions at HUB/o/n, and set HF_TOKEN',
    );
    settings = { ...settings, token: 'x' };
    expect(await refused(pulled('hf:o/n'))).to.equal(
      'o/n: gated; accept its conditions at HUB/o/n, and use the token of an account that may read it',
    );
    hub.repos.get('o/n')!.gated = false;
    hub.fail('GET /api', { kind: 'status', status: 401 });
    expect(await refused(pulled('hf:o/n'))).to.equal(
      'o/n: HUB does not accept the token; renew it by "hf auth login" or in HF_TOKEN, or unset it',
    );
    push(hub, 'o/n', first);
    expect(await refused(pulled('hf:o/n', { maxBytes: 1000 }))).to.match(
      /it has 60000 bytes, more than the 1000 allowed$/,
    );
    const closed = { ...settings, endpoint: 'http://127.0.0.1:9' };
    expect(await refused(pulled('hf:o/n', { settings: closed, retries: 1 }))).to.match(
      /^http:.*: the connection broke \(.*\), after 2 tries; try again later, or set HF_HUB_OFFLINE=1 to take what the cache has$/,
    );
    writeFileSync(join(root, 'file'), '');
    settings = { ...settings, cache: join(root, 'file') };
    expect(await refused(pulled('hf:o/n'))).to.match(
      /cannot be written \(ENOTDIR\); free some space, or name another cache by HF_HUB_CACHE$/,
    );
  });
});
