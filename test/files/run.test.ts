/** @file A training run that will replace a result: apart from it until it is finished, and resumable. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Out, withOut, writeAtomically } from '../../src/files/index.ts';
import { scratch } from '../support/cli.ts';
import { contents } from '../support/dying-disk.ts';

const writes = ['graph.json', 'weights.safetensors', 'recipe.json'];
const graph = '{"format":"moonlet-graph"}';
const at = scratch();
let round = 0;

describe('a training run', () => {
  let folder: string;
  const open = <T>(force: boolean, use: (out: Out) => T): Promise<T> =>
    withOut(folder, { force, writes, resumes: true }, use);
  const saves = (name: string) => (out: Out) =>
    writeAtomically(join(out.checkpoints, 'last.safetensors'), name);
  const ends = (name: string) => (out: Out) =>
    out.publish([
      { file: 'weights.safetensors', content: name },
      { file: 'graph.json', content: graph },
    ]);
  const finished = {
    'graph.json': graph,
    'weights.safetensors': 'first',
    'checkpoints/last.safetensors': 'first',
  };

  beforeEach(async () => {
    folder = at(`run-${round++}`);
    await open(false, (out) => {
      saves('first')(out);
      ends('first')(out);
    });
    expect(contents(folder)).to.deep.equal(finished);
  });

  it('without --force is refused beside a finished one', async () => {
    const said = await open(false, () => undefined).catch((e: Error) => e.message);
    expect(said).to.equal(
      `${folder}: the folder is not empty; choose another, or replace its files with --force (in code, force: true)`,
    );
  });

  it('that is forced keeps its checkpoints apart, and replaces all when it ends', async () => {
    writeFileSync(join(folder, 'rows.json'), '[]');
    await open(true, (out) => {
      expect(out.resumes).to.equal(false);
      saves('second')(out);
      expect(contents(folder)).to.deep.equal({ ...finished, 'rows.json': '[]' });
      ends('second')(out);
    });
    expect(contents(folder)).to.deep.equal({
      ...finished,
      'weights.safetensors': 'second',
      'checkpoints/last.safetensors': 'second',
    });
    expect(existsSync(join(folder, '.moonlet-run'))).to.equal(false);
  });

  it('that was forced and stopped is gone on with without --force, and begun anew with it', async () => {
    await open(true, saves('second'));
    expect(contents(folder)).to.deep.equal(finished);
    await open(false, (out) => {
      expect(out.resumes).to.equal(true);
      expect(existsSync(join(out.checkpoints, 'last.safetensors'))).to.equal(true);
    });
    await open(true, (out) => {
      expect([out.resumes, existsSync(out.checkpoints)]).to.deep.equal([false, false]);
      saves('third')(out);
    });
    await open(false, ends('third'));
    expect(contents(folder)).to.include({
      'weights.safetensors': 'third',
      'checkpoints/last.safetensors': 'third',
    });
  });

  it('that was stopped is gone on with where it is; forced, another leaves its checkpoint until it ends', async () => {
    folder = at(`run-${round++}`);
    await open(false, saves('hours of work'));
    await open(true, saves('another'));
    expect(contents(folder)).to.deep.equal({ 'checkpoints/last.safetensors': 'hours of work' });
    folder = at(`run-${round++}`);
    await open(false, saves('first'));
    await open(false, (out) => {
      expect([out.resumes, out.checkpoints]).to.deep.equal([true, join(folder, 'checkpoints')]);
      ends('first')(out);
    });
    expect(contents(folder)).to.deep.equal(finished);
  });

  it('does not replace what lies behind a link', async () => {
    folder = at(`run-${round++}`);
    mkdirSync(at('big-disk'));
    writeFileSync(at('big-disk', 'last.safetensors'), 'theirs');
    mkdirSync(folder);
    writeFileSync(join(folder, 'graph.json'), graph);
    symlinkSync(at('big-disk'), join(folder, 'checkpoints'));
    expect(await open(true, () => undefined).catch((e: Error) => e.message)).to.equal(
      `${join(folder, 'checkpoints')}: it is a link, and --force would replace what lies behind it; choose another folder`,
    );
    expect(contents(at('big-disk'))).to.deep.equal({ 'last.safetensors': 'theirs' });
  });
});
