/** @file `moonlet import` on files of several nets and on unsound ones: what is said, and what the flags take. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { materialize, type StoredTensor, writeSafetensors } from '../../src/weights/index.ts';
import { loadStudent } from '../../zoo/index.ts';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';
import { fileOf } from '../support/packed.ts';
import { read } from '../support/weight-files.ts';

const arch = 'mobilenet-v1 width=0.05 size=32 classes=3';
const folder = scratch();
/** The sound file's tensors under a prefix, the first kernel's first value changed. */
const tensors = (prefix: string, first: number): [string, StoredTensor][] =>
  [...read(fileOf('mobilenet-v1.safetensors')).tensors]
    .filter(([name]) => !name.endsWith('num_batches_tracked'))
    .map(([name, t]) => {
      const data = t.read();
      if (name === 'conv_stem.weight') data[0] = first;
      return [`${prefix}${name}`, { dtype: 'F32', shape: t.shape, data }];
    });
const written = (name: string, ...all: readonly [string, StoredTensor][]): string => {
  mkdirSync(folder(), { recursive: true });
  writeFileSync(folder(name), writeSafetensors({ tensors: new Map(all), metadata: { format: 'pt' } }));
  return folder(name);
};
const imported = (path: string, out: string, ...more: string[]) =>
  moonlet('import', path, '--as', arch, '--out', folder(out), ...more);
const firstValue = (out: string): number => {
  const weight = loadStudent(folder(out)).weights.get('stem/conv:kernel');
  return weight ? (materialize(weight)[0] as number) : Number.NaN;
};

describe('import of a file with several nets', () => {
  const both = () => written('both.safetensors', ...tensors('model.', 1), ...tensors('model_ema.module.', 2));

  it('says which it takes, and the others', async () => {
    const { code, stdout } = await imported(both(), 'average');
    expect([code, firstValue('average')]).to.deep.equal([0, 2]);
    expect(stdout).to.match(
      /^the net "model_ema" of the file; it also holds "model" \(--net\)\nnames as timm writes them, after "module\."\n/,
    );
    const card = JSON.parse(readFileSync(folder('average/card.json'), 'utf8'));
    expect(card.imported.net).to.equal('model_ema');
  });
  it('takes the one that --net names', async () => {
    const { code, stdout } = await imported(both(), 'model', '--net', 'model', '--json');
    expect([code, firstValue('model')]).to.deep.equal([0, 1]);
    expect(JSON.parse(stdout)).to.include({ net: 'model', prefix: '', complete: true });
    expect(JSON.parse(stdout).otherNets).to.deep.equal(['model_ema']);
  });
  it('refuses another name', () =>
    expectRefusal(
      ['import', both(), '--as', arch, '--out', folder('no'), '--net', 'ema'],
      2,
      `${folder('both.safetensors')}: contains "model_ema", "model", not "ema".`,
    ));
});

describe('import of an unsound file', () => {
  const broken = () => written('nan.safetensors', ...tensors('', Number.NaN));

  it('saves nothing, says what is wrong and the flag', async () => {
    const { code, stdout, stderr } = await imported(broken(), 'no');
    expect([code, stderr]).to.deep.equal([
      1,
      `moonlet: ${folder('nan.safetensors')}: 1 tensor has values that no weight should have ("conv_stem.weight" is NaN at index 0, as float32 (F32 in the file)): the training may have failed, or the file may be damaged. To import these values unchanged, use --accept nonfinite; nothing is saved\n`,
    ]);
    expect(stdout).to.match(/values that no weight should have:\n {2}"conv_stem\.weight" is NaN at index 0/);
  });
  it('takes what --accept names', async () => {
    const { code } = await imported(broken(), 'accepted', '--accept', 'negative-variances,nonfinite');
    expect([code, firstValue('accepted')]).to.deep.equal([0, Number.NaN]);
  });
  it('refuses other words, and limits that are none', async () => {
    const words = ['import', broken(), '--as', arch, '--out', folder('no')];
    await expectRefusal(
      [...words, '--accept', 'nonfinit'],
      2,
      '--accept: nonfinite, negative-variances, integers, checksums can be accepted, not "nonfinit". Did you mean "nonfinite"?',
    );
    await expectRefusal(
      [...words, '--max-bytes', '1k'],
      2,
      '--max-bytes takes a whole number of bytes from 1 up, got "1k"',
    );
    await expectRefusal(
      [...words, '--max-bytes', '1000'],
      1,
      /would take more than 1000 bytes of memory; if that is meant, raise maxBytes\n$/,
    );
  });
});
