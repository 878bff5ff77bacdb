/** @file Processes that are killed in the middle of writing, two with one folder, and output that cannot be written. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync } from 'node:fs';
import { expect } from 'chai';
import { init } from '../../src/weights/index.ts';
import { compose, loadStudent, saveNet } from '../../zoo/index.ts';
import { moonlet, scratch } from '../support/cli.ts';
import { contents } from '../support/dying-disk.ts';

const [small, other] = ['mobilenet-v1', 'mobilenet-v2'].map(
  (name) => `${name} width=0.05 size=28 channels=1 classes=10`,
) as [string, string];

describe('processes', () => {
  const at = scratch();
  const node = (file: string, ...words: readonly string[]): ChildProcess =>
    spawn(process.execPath, ['--import', 'tsx', file, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = async (
    child: ChildProcess,
  ): Promise<{ code: number | null; signal: string | null; said: string }> => {
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    return { code, signal, said };
  };
  const exported = ['export', at('student'), '--format', 'safetensors', '--out'];
  before(async () => {
    saveNet(at('student'), init(compose(small)));
    expect((await moonlet(...exported, at('whole'))).code).to.equal(0);
    expect(loadStudent(at('whole')).weights).to.deep.equal(loadStudent(at('student')).weights);
  });

  const kills: readonly (readonly [when: string, step: number, left: RegExp])[] = [
    ['before it is decided', 9, /^mobilenet-v2/],
    ['after it is decided', 14, /^mobilenet-v1/],
  ];
  for (const [when, step, left] of kills)
    it(`killed by SIGKILL ${when} leave a whole net, and the next command cleans up`, async () => {
      const folder = at(`killed-${step}`);
      saveNet(`${folder}/out`, init(compose(other)));
      const words = [...exported, `${folder}/out`, '--force'];
      const end = await ended(node('test/support/killed-command.ts', folder, String(step), ...words));
      expect(end).to.deep.equal({ code: null, signal: 'SIGKILL', said: '' });
      expect(loadStudent(`${folder}/out`).graph.name).to.match(left);
      expect((await moonlet(...words)).code).to.equal(0);
      expect(contents(`${folder}/out`)).to.deep.equal(contents(at('whole')));
      expect(readdirSync(folder)).to.deep.equal(['out']);
      expect(readdirSync(`${folder}/out`).sort()).to.deep.equal(['graph.json', 'weights.safetensors']);
    }).timeout(60_000);

  it('two at once with one folder: one writes, the other is refused by one line', async () => {
    const ends = await Promise.all([1, 2].map(() => ended(node('src/cli/main.ts', ...exported, at('both')))));
    expect(ends.map(({ code }) => code).sort()).to.deep.equal([0, 1]);
    expect(ends.find(({ code }) => code === 1)?.said).to.match(
      /^moonlet: .*\/both: (process \d+ is writing there; wait for it, or choose another folder|the folder is not empty; choose another, or replace its files with --force \(in code, force: true\))\n$/,
    );
    expect(contents(at('both'))).to.deep.equal(contents(at('whole')));
  });

  it('whose output goes to a full device fail by one line', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'cost', 'wrn', '--json'], {
      stdio: ['ignore', full, 'pipe'],
    });
    expect(await ended(child)).to.deep.equal({
      code: 1,
      signal: null,
      said: 'moonlet: the output cannot be written (ENOSPC); free some space\n',
    });
  });
});
