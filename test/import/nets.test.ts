/** @file Which net of a file is taken, and names with what training put before them. */
import { expect } from 'chai';
import fc from 'fast-check';
import { UsageError } from '../../src/errors.ts';
import { expected } from '../../src/import/expect.ts';
import { importWeights, type WeightFile } from '../../src/import/index.ts';
import { chosen, unwrapped } from '../../src/import/nets.ts';
import { materialize, type StoredTensor, writeSafetensors } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';
import { messageOf } from '../support/errors.ts';
import { sizeOf } from '../support/nets.ts';
import { fileOf } from '../support/packed.ts';
import { read, shown } from '../support/weight-files.ts';

const graph = compose('lcnet width=0.25 classes=2 size=64');
const names = expected(graph, 'timm', 'safetensors');
/** All weights are this value. */
const filled = (value: number, before = ''): (readonly [string, StoredTensor])[] =>
  names.map(({ name, foreignShape: shape }) => [
    `${before}${name}`,
    { dtype: 'F32', shape, data: new Float32Array(sizeOf(shape)).fill(value) },
  ]);
const counter = { dtype: 'F32', shape: [1], data: new Float32Array(1) } as const;
const fileWith = (...tensors: readonly (readonly [string, StoredTensor])[]): WeightFile =>
  read(writeSafetensors({ tensors: new Map(tensors), metadata: { format: 'pt' } }));
const valueIn = ({ net }: ReturnType<typeof importWeights>): number | undefined => {
  const weight = net?.weights.get('stem/conv:kernel');
  return weight && materialize(weight)[0];
};

describe('prefixes of wrappers are taken off:', () => {
  for (const prefix of [
    '',
    'module.',
    '_orig_mod.',
    '_orig_mod.module.',
    'module._orig_mod.',
    'module.module.',
  ])
    it(JSON.stringify(prefix), () => {
      const done = importWeights(graph, fileWith(...filled(3, prefix)), 'file');
      expect([valueIn(done), done.report.prefix]).to.deep.equal([3, prefix]);
    });
  it('"module." of a running average, which counts its updates beside', () => {
    const done = importWeights(graph, fileWith(['n_averaged', counter], ...filled(3, 'module.')), 'file');
    expect([valueIn(done), done.report.skipped]).to.deep.equal([3, ['n_averaged']]);
  });
  it('those within a name, of parts that were compiled or sharded alone', () => {
    const inner = filled(3).map(
      ([name, tensor]) =>
        [name.replace(/^blocks\.(\d)/, '_orig_mod.blocks.$1._fsdp_wrapped_module'), tensor] as const,
    );
    expect(valueIn(importWeights(graph, fileWith(...inner), 'file'))).to.equal(3);
  });
  it('not one that only some names have, nor where two names would become one', () => {
    const some = filled(3).map(([name, t], i) => [i ? `module.${name}` : name, t] as const);
    expect(
      importWeights(graph, fileWith(...some), 'file', { source: 'timm' }).report.missing.length,
    ).to.equal(names.length - 1);
    const twice = fileWith(['a.b', counter], ['_orig_mod.a.b', counter]);
    expect([...unwrapped(twice.tensors).tensors.keys()]).to.deep.equal(['a.b', '_orig_mod.a.b']);
  });
  it('of any wrappers around each other', () => {
    const wrapper = fc.constantFrom('module.', '_orig_mod.', '_fsdp_wrapped_module.');
    fc.assert(
      fc.property(fc.array(wrapper, { maxLength: 5 }), (wrappers) => {
        const { tensors, prefix } = unwrapped(fileWith(...filled(1, wrappers.join(''))).tensors);
        expect([...tensors.keys()].sort()).to.deep.equal(names.map((e) => e.name).sort());
        expect(prefix).to.equal(wrappers.join(''));
      }),
      { numRuns: 50 },
    );
  });
});

describe('of a file with several nets', () => {
  for (const file of ['checkpoint-averaged.pth', 'checkpoint-averaged-legacy.pth'])
    it(`${file}, as torchvision's training script writes it, the average is taken, or the one that is named`, () => {
      const checkpoint = read(fileOf(file));
      const taken = (net?: string) => {
        const { tensors, others } = chosen(checkpoint, net, 'file');
        return [shown({ ...checkpoint, tensors: unwrapped(tensors).tensors }), others];
      };
      const average = {
        n_averaged: [[], 'Long', 2],
        'fc.weight': [[1, 2], 'Float', 1.5, 1.5],
        'fc.bias': [[1], 'Float', -1.5],
      };
      expect(taken()).to.deep.equal([average, ['model']]);
      expect(taken('model_ema')).to.deep.equal([average, ['model']]);
      const [bias] = new Float32Array([-2 - 1 / 3]);
      expect(taken('model')).to.deep.equal([
        { 'fc.weight': [[1, 2], 'Float', 2, 2], 'fc.bias': [[1], 'Float', bias] },
        ['model_ema'],
      ]);
    });

  const flat = fileWith(
    ...filled(1, 'model.'),
    ['model_ema.n_averaged', counter],
    ...filled(2, 'model_ema.module.'),
  );
  it('whose names begin with those of the nets, one is taken and said', () => {
    const done = importWeights(graph, flat, 'file');
    const { net, otherNets, prefix } = done.report;
    expect([valueIn(done), net, otherNets, prefix]).to.deep.equal([2, 'model_ema', ['model'], 'module.']);
    expect(valueIn(importWeights(graph, flat, 'file', { net: 'model' }))).to.equal(1);
  });
  it('a name that is not there is refused', () => {
    const said = (file: WeightFile, net: string): string =>
      messageOf(() => importWeights(graph, file, 'file', { net }), UsageError);
    expect(said(flat, 'model_emma')).to.equal(
      'file: contains "model_ema", "model", not "model_emma". Did you mean "model_ema"?',
    );
    expect(said(fileWith(...filled(1)), 'model')).to.equal(
      'file: contains one net without a name, not "model".',
    );
  });
});
