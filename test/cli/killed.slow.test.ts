/**
 * @file Every command that writes, with --force, into a folder that holds an earlier result and files of others, killed at ten
 * places of its writing: the old result or the new one, whole, and what others put there.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { replaceFiles, settle } from '../../src/files/index.ts';
import { init } from '../../src/weights/index.ts';
import { zooFolder } from '../../zoo/folders.ts';
import { compose, filesOf, jsonFile, makeIndex } from '../../zoo/index.ts';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';
import { bury, contents, dyingDisk } from '../support/dying-disk.ts';
import { fileOf } from '../support/packed.ts';

const foreign = {
  'thesis.txt': 'mine',
  'photos/one.png': 'mine too',
  'checkpoints/notes.txt': 'mine as well',
};
const small = 'mobilenet-v1 width=0.05 size=28 channels=1 classes=10';
const at = scratch();
const [student, teacher, old, work] = [at('student'), at('teacher'), at('old'), at('work')] as const;
const out = join(work, 'out');

const put = (path: string, content: string | Uint8Array): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
};

before(() => {
  replaceFiles(student, filesOf(init(compose(small), { seed: 1 })));
  replaceFiles(teacher, filesOf(init(compose(small), { seed: 2 })));
  // what a trained and compressed net leaves
  replaceFiles(old, [
    jsonFile('recipe.json', { data: 'mnist' }),
    { file: 'history.json', content: '{}\n' },
    ...filesOf(init(compose(small), { seed: 3 }), { from: 'here', data: 'mnist' }),
  ]);
  put(join(old, 'checkpoints', 'last.safetensors'), 'an old checkpoint');
  for (const [name, content] of Object.entries(foreign)) put(join(old, name), content);
  put(at('w.safetensors'), fileOf('mobilenet-v1.safetensors'));
  const id = 'mnist/wrn-16-1';
  cpSync(join(zooFolder('students'), id), at('served', id), { recursive: true });
  put(at('served', 'index.json'), JSON.stringify(makeIndex(at('served'))));
  put(
    at('scenes.json'),
    JSON.stringify({
      ...{ task: 'parsing', data: 'mnist', student: 'parser width=2 depth=1' },
      ...{ scenes: 2, test: 2, steps: 1, batch: 2 },
    }),
  );
});

const training = ['--steps', '2', '--batch', '2', '--checkpoint-every', '1'];
const commands: readonly (readonly [name: string, words: () => readonly string[]])[] = [
  ['import', () => ['import', at('w.safetensors'), '--as', 'mobilenet-v1 width=0.05 size=32 classes=3']],
  ['grow', () => ['grow', student, '--deepen', 'stage2=1']],
  ['compress', () => ['compress', student, '--steps', 'half huffman', '--runs', '0']],
  ['export as safetensors', () => ['export', student, '--format', 'safetensors']],
  ['export as source', () => ['export', student, '--format', 'source']],
  ['export as tfjs', () => ['export', student, '--format', 'tfjs']],
  ['export as onnx', () => ['export', student, '--format', 'onnx']],
  ['fit', () => ['fit', ...small.split(' '), ...training]],
  ['distill', () => ['distill', ...small.split(' '), '--teacher', teacher, ...training]],
  ['fit on scenes', () => ['fit', at('scenes.json')]],
  ['pull', () => ['pull', 'mnist/wrn-16-1', '--from', at('served')]],
];

/** Runs the command from the old folder on, cut off at a step; says how many steps there were. */
async function cutOff(words: readonly string[], step: number): Promise<number> {
  rmSync(work, { recursive: true, force: true });
  cpSync(old, out, { recursive: true });
  const disk = dyingDisk(work, step, 'kill');
  try {
    await moonlet(...words, words[0] === 'pull' ? '--to' : '--out', out, '--force');
  } finally {
    disk.revive();
  }
  return disk.steps;
}

describe('killed at ten places, the result is the old one or the new one:', () => {
  for (const [name, words] of commands)
    describe(name, () => {
      let [steps, whole] = [0, {} as Readonly<Record<string, string>>];
      it('undisturbed, replaces what is ours alone', async () => {
        steps = await cutOff(words(), Number.POSITIVE_INFINITY);
        whole = contents(out);
        expect(whole).to.include(foreign);
        expect(whole).not.to.deep.equal(contents(old));
        expect(steps).to.be.greaterThan(5);
        for (const stale of ['history.json', 'recipe.json'])
          if (!['fit', 'distill'].includes(words()[0] ?? '')) expect(whole).not.to.have.property(stale);
        expect(readdirSync(work)).to.deep.equal(['out']);
      });
      for (let place = 0; place < 10; place++)
        it(`at place ${place + 1}`, async () => {
          await cutOff(words(), 1 + Math.floor((place * (steps - 1)) / 9));
          const raw = contents(out);
          expect(raw).to.include(foreign);
          if ('graph.json' in raw && existsSync(join(out, 'card.json')))
            expect(raw).to.be.deep.oneOf([contents(old), whole]);
          bury(work);
          settle(out);
          expect(contents(out)).to.be.deep.oneOf([contents(old), whole]);
        });
    });

  it('show --svg: the old picture or the new one', async () => {
    const file = join(work, 'net.svg');
    for (let k = 1, done = false; !done; k++) {
      put(file, 'old');
      const disk = dyingDisk(work, k, 'kill');
      await moonlet('show', student, '--svg', file);
      disk.revive();
      done = disk.steps < k;
      const now = readFileSync(file, 'utf8');
      expect(now === 'old' || /^<svg[\s\S]*<\/svg>\s*$/.test(now), `at ${k}: ${now.slice(0, 40)}`).to.equal(
        true,
      );
    }
  });
});

describe('an input', () => {
  beforeEach(() => {
    rmSync(work, { recursive: true, force: true });
    cpSync(student, out, { recursive: true });
  });
  const reads = (name: string): string =>
    `${join(out, name)}: the command reads this file, and its result would take its place; choose another folder`;

  it('beside the result is kept: import X/w.safetensors --out X --force', async () => {
    put(join(out, 'w.safetensors'), fileOf('mobilenet-v1.safetensors'));
    const as = 'mobilenet-v1 width=0.05 size=32 classes=3';
    const { code } = await moonlet('import', join(out, 'w.safetensors'), '--as', as, '--out', out, '--force');
    expect(code).to.equal(0);
    expect(readdirSync(out).sort()).to.deep.equal([
      'card.json',
      'graph.json',
      'w.safetensors',
      'weights.safetensors',
    ]);
  });

  it('that the result would replace is refused before any work, and stays', async () => {
    const before = contents(out);
    const forced = ['--out', out, '--force'];
    await expectRefusal(
      ['compress', out, '--steps', 'half', '--runs', '0', ...forced],
      1,
      reads('graph.json'),
    );
    await expectRefusal(['compress', out, '--max-bytes', '1', ...forced], 1, reads('graph.json'));
    await expectRefusal(['grow', out, '--deepen', 'stage2=1', ...forced], 1, reads('graph.json'));
    await expectRefusal(
      ['export', out, '--format', 'safetensors', ...forced],
      1,
      reads('weights.safetensors'),
    );
    await expectRefusal(['export', out, '--format', 'source', ...forced], 1, reads('weights.safetensors'));
    put(join(out, 'recipe.json'), JSON.stringify({ student: small, data: 'mnist', steps: 1 }));
    await expectRefusal(['fit', join(out, 'recipe.json'), ...forced], 1, reads('recipe.json'));
    rmSync(join(out, 'recipe.json'));
    expect(contents(out)).to.deep.equal(before);
    await expectRefusal(
      ['show', out, '--svg', join(out, 'graph.json')],
      1,
      reads('graph.json').replace(/folder$/, 'file'),
    );
    expect(contents(out)).to.deep.equal(before);
  });

  it('stays beside a result of another format', async () => {
    const { code } = await moonlet('export', out, '--format', 'onnx', '--out', out, '--force');
    expect(code).to.equal(0);
    expect(Object.keys(contents(out))).to.deep.equal(['graph.json', 'model.onnx', 'weights.safetensors']);
  });
});
