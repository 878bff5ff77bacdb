/** @file `moonlet pull` as processes: its words, its exit codes, two at once, one killed in its middle. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { zooFolder } from '../../zoo/folders.ts';
import { loadStudent, makeIndex, pull } from '../../zoo/index.ts';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';
import { type RegistryServer, registryServer } from '../support/registry-server.ts';

const id = 'mnist/wrn-16-1';

describe('moonlet pull', () => {
  const path = scratch();
  let server: RegistryServer;
  const start = (to: string, cache: string): ChildProcess =>
    spawn(
      process.execPath,
      ['--import', 'tsx', 'src/cli/main.ts', 'pull', id, '--from', server.url, '--to', to],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, MOONLET_CACHE: cache } },
    );
  before(async () => {
    cpSync(join(zooFolder('students'), id), path('served', id), { recursive: true });
    writeFileSync(path('served', 'index.json'), JSON.stringify(makeIndex(path('served'))));
    server = await registryServer(path('served'));
  });
  after(() => server.close());

  it('says where the net is, in a line or in JSON', async () => {
    const shipped = join(zooFolder('students'), id);
    const said = await moonlet('pull', id);
    expect([said.code, said.stdout]).to.deep.equal([
      0,
      `${id}: 99.56 % of 10,000 test images of mnist; in ${shipped}\n`,
    ]);
    const { stdout } = await moonlet('pull', id, '--to', path('json'), '--json');
    expect(JSON.parse(stdout)).to.deep.include({ id, folder: path('json') });
    expect(JSON.parse(stdout)).to.have.nested.property('card.accuracy', 0.9956);
  });

  it('fails by one line: 2 for a wrong call, 1 for a registry that does not deliver', async () => {
    await expectRefusal(
      ['pull', 'mnist/../x'],
      2,
      /^moonlet: "mnist\/\.\.\/x" is not the id of a net; expected /,
    );
    await expectRefusal(
      ['pull', 'mnist/wrn-16-l'],
      2,
      /no net "mnist\/wrn-16-l"\. Did you mean "mnist\/wrn-16-1"\?/,
    );
    await expectRefusal(
      ['pull', id, '--to', path('json')],
      1,
      `${path('json')}: the folder is not empty; choose another, or replace its files with --force (in code, force: true)`,
    );
    await expectRefusal(
      ['pull', id, '--from', `${server.url}no`],
      1,
      /no\/index\.json: the server responded with 404; check the URL$/m,
    );
  });

  it('is safe in two processes at once', async () => {
    server.gather('index.json', 2); // both have seen that the folder is free before either fills it
    const children = [1, 2].map(() => start(path('both'), path('cache-both')));
    const ends = await Promise.all(
      children.map(async (child) => {
        let said = '';
        child.stderr?.on('data', (chunk: Buffer) => {
          said += chunk.toString();
        });
        return [(await once(child, 'exit'))[0] as number, said] as const;
      }),
    );
    expect(ends).to.deep.equal([
      [0, ''],
      [0, ''],
    ]);
    expect(loadStudent(path('both')).graph.outputs).to.have.length(1);
    expect(readdirSync(path('cache-both', 'parts'))).to.deep.equal([]);
  });

  it('killed in its middle, it leaves no folder, and the next goes on from there', async () => {
    const [to, cache] = [path('killed'), path('cache-killed')];
    server.fail('weights.safetensors', [{ kind: 'stall', at: 100_000 }]);
    const from = server.asked.length;
    const child = start(to, cache);
    const asked = (): typeof server.asked =>
      server.asked.slice(from).filter((a) => a.path.endsWith('.safetensors'));
    const grown = (): boolean =>
      asked().length > 0 &&
      readdirSync(path('cache-killed', 'parts')).some(
        (part) => existsSync(path('cache-killed', 'parts', part, 'etag')) && part.startsWith('a5c87c10'),
      );
    while (!grown()) await new Promise((done) => setTimeout(done, 10));
    await new Promise((done) => setTimeout(done, 100));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(to)).to.equal(false);
    // what a process that died while moving into place would have left
    mkdirSync(path(`.killed.${2 ** 30}-0.tmp`));
    await pull(id, { from: server.url, to, cache });
    expect(loadStudent(to).graph.outputs).to.have.length(1);
    expect(asked().at(-1)?.range).to.match(/^bytes=[1-9]\d*-$/);
    expect(readdirSync(path()).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
    expect(readdirSync(path('cache-killed', 'parts'))).to.deep.equal([]);
  });
});
