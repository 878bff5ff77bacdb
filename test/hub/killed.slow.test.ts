/** @file A pull from a hub as a process: killed in its middle, and two at once. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { hubSettings, pullFromHub } from '../../src/hub/index.ts';
import { type HubServer, hubServer, lastAsked, push, sha256Of } from '../support/hub-server.ts';
import { timmWeights } from '../support/timm-files.ts';

const id = 'hf:o/n';
const config = { architecture: 'lcnet_035', num_classes: 2, pretrained_cfg: { input_size: [3, 32, 32] } };

describe('a pull from a hub as a process', () => {
  const weights = timmWeights('lcnet width=0.35 classes=2 size=32');
  const etag = sha256Of(weights);
  let [root, hub]: [string, HubServer] = ['', undefined!];
  const start = (to: string, home: string): ChildProcess =>
    spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'pull', id, '--to', join(root, to)], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, HF_ENDPOINT: hub.url, HF_HOME: join(root, home), HF_HUB_OFFLINE: '' },
    });
  const pull = (to: string, home: string) => {
    const settings = hubSettings({ HF_ENDPOINT: hub.url, HF_HOME: join(root, home) });
    return pullFromHub(id, { settings, to: join(root, to) });
  };
  const ended = async (child: ChildProcess) => {
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const [code] = await once(child, 'close');
    return [code, said];
  };
  const blobs = (home: string) => {
    const folder = join(root, home, 'hub', 'models--o--n', 'blobs');
    return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  };
  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'moonlet-hub-'));
    hub = await hubServer();
    push(hub, 'o/n', { 'config.json': JSON.stringify(config), 'model.safetensors': weights });
  });
  after(async () => {
    await hub.close();
    rmSync(root, { recursive: true, force: true });
  });

  it('killed in its middle, it leaves no folder and no blob, and the next goes on to the same bytes', async () => {
    hub.fail(`GET /${etag}`, { kind: 'stall', at: 1_000_000 });
    const child = start('killed', 'one');
    const unfinished = () => blobs('one').find((name) => name.includes(etag));
    const size = (name: string | undefined) => (name === undefined ? 0 : statSync(name).size);
    while (size(unfinished()) < 1_000_000) await new Promise((done) => setTimeout(done, 10));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(join(root, 'killed'))).to.equal(false);
    expect(unfinished()).to.match(/\.moonlet-[0-9a-f]{8}-\d+-\d+\.incomplete$/);
    await pull('killed', 'one');
    expect(lastAsked(hub, `GET /${etag}`).range).to.equal('bytes=1000000-');
    await pull('whole', 'other');
    for (const file of ['graph.json', 'weights.safetensors', 'card.json'])
      expect(
        readFileSync(join(root, 'killed', file)).equals(readFileSync(join(root, 'whole', file))),
        file,
      ).to.equal(true);
    expect(blobs('one').map((name) => name.replace(/.*blobs./, '')))
      .to.include(etag)
      .and.have.length(2);
  });

  it('is safe in two processes at once', async () => {
    let [asking, open] = [0, (): void => {}];
    const both = new Promise<void>((done) => {
      open = done;
    });
    hub.before = ({ path }) => {
      if (path !== `/${etag}`) return undefined;
      if (++asking === 2) open(); // neither has the file before the other asks for it
      return both;
    };
    hub.fail(`GET /${etag}`, { kind: 'die', at: 1_000_000 });
    const [end] = await Promise.all([ended(start('both1', 'both')), pull('both2', 'both')]);
    expect(end).to.deep.equal([0, '']);
    expect(blobs('both')).to.have.length(2);
    for (const folder of ['both1', 'both2'])
      expect(existsSync(join(root, folder, 'graph.json'))).to.equal(true);
  });
});
