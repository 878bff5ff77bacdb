/** @file A set of files that replaces another, cut off at each of its steps: the old set or the new one, whole. */
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { MoonletError } from '../../src/errors.ts';
import { type NewFile, settle, withOut } from '../../src/files/index.ts';
import { scratch } from '../support/cli.ts';
import { bury, contents, dyingDisk } from '../support/dying-disk.ts';
import { messageOf } from '../support/errors.ts';

const graph = (name: string): string => `{"format":"moonlet-graph","name":"${name}"}`;
const oldSet = {
  'graph.json': graph('old'),
  'weights.safetensors': 'old weights',
  'steps.json': 'old steps',
  'checkpoints/last.safetensors': 'old checkpoint',
};
const foreign = {
  'thesis.txt': 'mine',
  'checkpoints/notes.txt': 'mine too',
  'data/photo.png': 'mine as well',
};
const newSet = { 'weights.safetensors': 'new weights', 'card.json': 'new card', 'graph.json': graph('new') };
const files = Object.entries(newSet).map(([file, content]): NewFile => ({ file, content }));
const writes = Object.keys(newSet);

const fill = (folder: string, set: Readonly<Record<string, string>>): void => {
  for (const [name, content] of Object.entries(set)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
};
const publish = (folder: string, force: boolean): Promise<void> =>
  withOut(folder, { force, writes }, (out) => out.publish(files));
/** Hidden files that were left in a folder or beside it. */
const leftovers = (folder: string): readonly string[] =>
  [folder, dirname(folder)]
    .flatMap((at) => (existsSync(at) ? readdirSync(at) : []))
    .filter((name) => /moonlet-|\.tmp$/.test(name));

const beginnings: readonly (readonly [name: string, set: Readonly<Record<string, string>> | undefined])[] = [
  ['a folder that is not there', undefined],
  ['an empty folder', {}],
  ['a folder with a result and files of others', { ...oldSet, ...foreign }],
  ['a folder with files of others alone', foreign],
];

describe('a set of files', () => {
  const at = scratch();
  let round = 0;
  const begin = (set: Readonly<Record<string, string>> | undefined): string => {
    const folder = at(`round-${round++}`, 'out');
    mkdirSync(dirname(folder));
    if (set) mkdirSync(folder);
    fill(folder, set ?? {});
    return folder;
  };

  for (const [name, set] of beginnings) {
    const before = set ?? {};
    const others = Object.fromEntries(Object.entries(before).filter(([file]) => file in foreign));
    const after = { ...others, ...newSet };

    it(`killed at each step into ${name}: the old one or the new one, and nothing of others is lost`, async () => {
      for (let k = 1; ; k++) {
        const folder = begin(set);
        const disk = dyingDisk(dirname(folder), k, 'kill');
        const done = await publish(folder, true).catch((e: Error) => e);
        disk.revive();
        const raw = contents(folder);
        for (const [file, content] of Object.entries(others))
          expect(raw[file], `${file} at ${k}`).to.equal(content);
        // who looks without finishing what was begun sees no mixture
        if ('graph.json' in raw) expect(raw, `at ${k}`).to.be.deep.oneOf([before, after]);
        if (set === undefined || !Object.keys(set).length)
          expect(raw, `at ${k}`).to.be.deep.oneOf([{}, after]);
        bury(dirname(folder));
        settle(folder);
        expect(contents(folder), `at ${k}`).to.be.deep.oneOf([before, after]);
        await publish(folder, true);
        expect(contents(folder)).to.deep.equal(after);
        expect(leftovers(folder), `at ${k}`).to.deep.equal([]);
        if (done === undefined && disk.steps < k) break;
      }
    });

    it(`on a disk that fills up at each step into ${name}: one line, and the old one`, async () => {
      for (let k = 2; ; k++) {
        const folder = begin(set);
        const disk = dyingDisk(dirname(folder), k, 'full');
        const done = await publish(folder, true).catch((e: unknown) => e);
        disk.revive();
        if (done === undefined) {
          expect(contents(folder)).to.deep.equal(after);
          if (disk.steps < k) break;
          continue;
        }
        expect(done).to.be.instanceOf(MoonletError);
        expect((done as Error).message).to.match(
          /^\/.*\/out: cannot be written \(ENOSPC\); free some space, or choose another folder$/,
        );
        expect(contents(folder)).to.deep.equal(before);
        expect(leftovers(folder)).to.deep.equal([]);
      }
    });
  }

  it('replaces what is ours and stale with it, by name and by content', async () => {
    const folder = begin({
      ...oldSet,
      'model.json': '{"convertedBy":"TensorFlow.js Converter v4"}',
      'model.onnx': 'pytorch',
    });
    await publish(folder, true);
    expect(Object.keys(contents(folder)).sort()).to.deep.equal([
      'card.json',
      'graph.json',
      'model.json',
      'model.onnx',
      'weights.safetensors',
    ]);
  });

  it('goes through a link to the folder, and leaves what links in it lead to', async () => {
    const folder = begin({ ...oldSet });
    const elsewhere = at('elsewhere');
    fill(elsewhere, { 'card.json': 'a card of others', 'last.safetensors': 'kept' });
    symlinkSync(join(elsewhere, 'card.json'), join(folder, 'card.json'));
    symlinkSync(folder, at('link'));
    await publish(at('link'), true);
    expect(contents(folder)).to.deep.equal(newSet);
    expect(contents(elsewhere)).to.deep.equal({
      'card.json': 'a card of others',
      'last.safetensors': 'kept',
    });
    symlinkSync(at('nothing'), at('dangling'));
    expect(((await publish(at('dangling'), true).catch((e: unknown) => e)) as Error).message).to.equal(
      `${at('dangling')}: cannot be written (ENOENT); choose another folder`,
    );
  });

  it('into the current directory stays in it', async () => {
    const folder = begin({});
    const here = process.cwd();
    process.chdir(folder);
    try {
      await publish('.', false);
      expect(readdirSync('.').sort()).to.deep.equal([...writes].sort());
      fill(folder, foreign);
      await publish('.', true);
      expect(contents(folder)).to.deep.equal({ ...foreign, ...newSet });
    } finally {
      process.chdir(here);
    }
  });

  it('is refused where a folder has the name of a file, and where files stand without --force', async () => {
    const folder = begin({ 'card.json/x': 'mine' });
    const message = async (force: boolean): Promise<string> =>
      ((await publish(folder, force).catch((e: unknown) => e)) as Error).message;
    expect(await message(true)).to.equal(
      `${join(folder, 'card.json')}: a folder stands there; choose another folder`,
    );
    expect(await message(false)).to.equal(
      `${folder}: the folder is not empty; choose another, or replace its files with --force (in code, force: true)`,
    );
    expect(contents(folder)).to.deep.equal({ 'card.json/x': 'mine' });
  });

  it('of which a file is what the command reads is refused; other inputs in the folder stay', async () => {
    const folder = begin({ ...oldSet, 'w.pth': 'weights' });
    cpSync(folder, at('copy'), { recursive: true });
    const out = (inputs: readonly string[], names: readonly string[]): Promise<unknown> =>
      withOut(folder, { force: true, writes: names, inputs }, (o) =>
        o.publish(names.map((file) => ({ file, content: 'x' }))),
      ).catch((e: unknown) => e);
    symlinkSync(folder, at('same'));
    for (const inputs of [[at('same')], [join(folder, 'graph.json')], [at('same', 'graph.json')]])
      expect(((await out(inputs, ['graph.json'])) as Error).message).to.equal(
        `${join(folder, 'graph.json')}: the command reads this file, and its result would take its place; choose another folder`,
      );
    expect(contents(folder)).to.deep.equal({ ...oldSet, 'w.pth': 'weights' });
    await out([join(folder, 'w.pth'), join(folder, 'steps.json')], ['model.onnx']);
    expect(contents(folder)).to.deep.equal({
      'model.onnx': 'x',
      'steps.json': 'old steps',
      'w.pth': 'weights',
    });
    cpSync(at('copy'), folder, { recursive: true });
    await out([folder], ['model.onnx']);
    expect(contents(folder)).to.deep.equal({ ...oldSet, 'model.onnx': 'x', 'w.pth': 'weights' });
  });

  it('leaves no folder behind when nothing is published', async () => {
    const folder = at('a', 'b', 'c');
    await withOut(folder, { force: false, writes }, () => {});
    expect(existsSync(at('a'))).to.equal(false);
  });

  it('whose journal speaks of other files is refused', () => {
    for (const journal of [
      '{"moves":[],"removes":["../thesis.txt"]}',
      '{"moves":[{"from":".moonlet-commit/graph.json","to":"/etc/x"}],"removes":[]}',
      '{"moves":[{"from":"thesis.txt","to":"graph.json"}],"removes":[]}',
      '{"moves":1}',
      'null',
      '{',
    ]) {
      const folder = begin({ ...foreign, '.moonlet-commit/journal.json': journal });
      expect(messageOf(() => settle(folder))).to.equal(
        `${join(folder, '.moonlet-commit', 'journal.json')}: it is damaged; remove ${join(folder, '.moonlet-commit')} and write the files again`,
      );
      expect(contents(folder)).to.deep.equal(foreign);
    }
  });
});
