/** @file Values that no weight should have are refused in an imported file, or accepted by the name of their kind. */
import { expect } from 'chai';
import { UsageError } from '../../src/errors.ts';
import { type Acceptable, type Imported, importWeights } from '../../src/import/index.ts';
import { materialize, type StoredTensor, writeSafetensors } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';
import { messageOf } from '../support/errors.ts';
import { fileOf } from '../support/packed.ts';
import { dict, pth, tensor } from '../support/pickles.ts';
import { read } from '../support/weight-files.ts';

const graph = compose('mobilenet-v1 width=0.05 size=32 classes=3');
const sound = read(fileOf('mobilenet-v1.safetensors'));
type Change = (values: Float32Array) => StoredTensor['data'];
/** The sound file with one tensor changed. */
function changed(name: string, dtype: StoredTensor['dtype'], change: Change) {
  const tensors = new Map(
    [...sound.tensors]
      .filter(([key]) => !key.endsWith('num_batches_tracked'))
      .map(([key, t]): [string, StoredTensor] => [
        key,
        key === name
          ? { dtype, shape: t.shape, data: change(t.read()) }
          : { dtype: 'F32', shape: t.shape, data: t.read() },
      ]),
  );
  return read(writeSafetensors({ tensors, metadata: { format: 'pt' } }));
}
const at =
  (place: number, value: number): Change =>
  (values) => {
    values[place] = value;
    return values;
  };
const outcome = ({ report, net, hint }: Imported) => ({
  unsound: report.unsound,
  made: net !== undefined,
  hint,
});

describe('an imported file', () => {
  const cases: readonly (readonly [string, string, StoredTensor['dtype'], Change, Acceptable, string])[] = [
    [
      'NaN',
      'conv_stem.weight',
      'F32',
      at(7, Number.NaN),
      'nonfinite',
      'is NaN at index 7, as float32 (F32 in the file)',
    ],
    [
      'Infinity',
      'bn1.bias',
      'F32',
      at(2, -Infinity),
      'nonfinite',
      'is -Infinity at index 2, as float32 (F32 in the file)',
    ],
    [
      'a negative variance',
      'bn1.running_var',
      'F32',
      at(1, -0.5),
      'negative-variances',
      'is a variance, but negative at index 1 (-0.5)',
    ],
    [
      'a kernel of bytes',
      'conv_stem.weight',
      'I8',
      (v) => Int8Array.from(v),
      'integers',
      'contains integers (I8)',
    ],
  ];
  for (const [what, name, dtype, change, kind, said] of cases)
    it(`with ${what} is refused, or accepted by "${kind}"`, () => {
      const file = changed(name, dtype, change);
      const unsound = [`"${name}" ${said}`];
      const hint = `the training may have failed, or the file may be damaged. To import these values unchanged, use --accept ${kind}`;
      expect(outcome(importWeights(graph, file, 'file'))).to.deep.equal({ unsound, made: false, hint });
      const others = (['nonfinite', 'negative-variances', 'integers'] as const).filter((k) => k !== kind);
      expect(importWeights(graph, file, 'file', { accept: others }).net).to.equal(undefined);
      const accepted = importWeights(graph, file, 'file', { accept: [kind] });
      expect(outcome(accepted)).to.deep.equal({ unsound, made: true, hint: undefined });
    });
  it('with a kernel of truth values, or of doubles beyond float32, is refused', () => {
    // the net's own file, with one tensor of a type that writeSafetensors does not have
    const odd = (dtype: string, bytes: Uint8Array) => {
      const view = read(pth(dict({ w: tensor(`${dtype}Storage`, '0', 3, 0, [3], [1]) }), { '0': bytes }));
      const tensors = new Map([...sound.tensors, ['classifier.bias', view.tensors.get('w') as never]]);
      return importWeights(graph, { ...sound, tensors }, 'file').report.unsound;
    };
    expect(odd('Bool', Uint8Array.of(1, 0, 1))).to.deep.equal(['"classifier.bias" contains integers (Bool)']);
    expect(odd('Double', new Uint8Array(Float64Array.of(1, 1e300, 2).buffer))).to.deep.equal([
      '"classifier.bias" is Infinity at index 1, as float32 (Double in the file)',
    ]);
    expect(odd('Double', new Uint8Array(Float64Array.of(1, 1e-300, 2).buffer))).to.deep.equal([]);
  });
  it('whose counter of batches is whole numbers, as it should be, is sound', () =>
    expect(outcome(importWeights(graph, sound, 'file'))).to.deep.equal({
      unsound: [],
      made: true,
      hint: undefined,
    }));
  it('with all of them accepted keeps the values', () => {
    const { net } = importWeights(graph, changed('bn1.running_var', 'F32', at(1, -0.5)), 'file', {
      accept: ['negative-variances'],
    });
    const variance = net?.weights.get('stem/norm:variance');
    expect(variance && materialize(variance)[1]).to.equal(-0.5);
  });
  it('accepts no other kinds', () =>
    expect(
      messageOf(() => importWeights(graph, sound, 'file', { accept: ['all' as never] }), UsageError),
    ).to.equal('accept: nonfinite, negative-variances, integers, checksums can be accepted, not "all"'));
});
