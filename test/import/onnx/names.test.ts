/** @file Paths and names of tensors on the way through fromOnnx and toOnnx. */
import { expect } from 'chai';
import { quantizeByData } from '../../../src/compress/index.ts';
import { foldBranches, widen } from '../../../src/edit/index.ts';
import { tensorNames, toOnnx } from '../../../src/export/index.ts';
import { codeRange } from '../../../src/graph/index.ts';
import { fromOnnx } from '../../../src/import/index.ts';
import { decodeModel, ints } from '../../../src/onnx/index.ts';
import { float, init, materialize, type Net } from '../../../src/weights/index.ts';
import { noise, small } from '../../support/nets.ts';
import { modelOf, op, real } from '../../support/onnx-build.ts';

const idsOf = (net: Net): readonly string[] =>
  net.graph.nodes.filter(({ op: { kind } }) => kind !== 'dropout' && kind !== 'dropPath').map(({ id }) => id);
const pads = { pads: ints([1, 1, 1, 1]) };
/** A net of another exporter. */
const theirs = {
  ...modelOf(
    ['n', 3, 8, 8],
    [
      {
        ...op('Conv', ['x', 'features.0.weight', 'features.0.bias'], 'a', pads),
        name: '/features/features.0/Conv',
      },
      { ...op('Relu', ['a'], 'b'), name: '/features/features.1/Relu' },
      { ...op('Conv', ['b', 'features.2.weight'], 'c', pads), name: '/features/features.2/Conv' },
      { ...op('GlobalAveragePool', ['c'], 'd'), name: '/pool/GlobalAveragePool' },
      { ...op('Flatten', ['d'], 'e'), name: '/Flatten' },
      {
        ...op('Gemm', ['e', 'classifier.weight'], 'y', { transB: { kind: 'int', value: 1 } }),
        name: '/classifier/Gemm',
      },
    ],
    [
      real('features.0.weight', [4, 3, 3, 3]),
      real('features.0.bias', [4]),
      real('features.2.weight', [6, 4, 3, 3]),
      real('classifier.weight', [5, 6]),
    ],
  ),
  producer: 'pytorch',
};
const initializersOf = (bytes: Uint8Array): readonly string[] =>
  decodeModel(bytes)
    .initializers.map(({ name }) => name)
    .filter((name) => !name.startsWith('#'));

describe('names of our own ONNX files', () => {
  for (const name of ['mobilenet-v3-small', 'shufflenet-v1', 'densenet-cifar', 'squeezenet', 'wrn'])
    it(`are the paths of ${name}`, () => {
      const net = init(small(name));
      expect(idsOf(fromOnnx(toOnnx(net)))).to.have.members(idsOf(foldBranches(net)));
    });

  it('come with the weights of the net, by their paths', () => {
    const back = fromOnnx(toOnnx(init(small('wrn'))));
    for (const [key, name] of back.report.tensors) expect(name).to.equal(key);
    expect(back.report.tensors.size).to.equal(back.weights.size);
  });

  it('keep paths and codes of 4 bits, which are written as float ops', async () => {
    const net = init(small('resnet-cifar'));
    const x = noise(4 * 32 * 32 * 3, 'images');
    const rounded = await quantizeByData(net, [x], { activations: 4, weights: 4 });
    const back = fromOnnx(toOnnx(rounded));
    const quantizers = (of: Net) => of.graph.nodes.filter(({ op: { kind } }) => kind === 'quantize');
    expect(quantizers(rounded).length).to.be.above(5);
    const found = new Map(quantizers(back).map(({ id, op: o }) => [id, o]));
    for (const { id, op: before } of quantizers(rounded)) {
      const after = found.get(id);
      if (before.kind !== 'quantize' || after?.kind !== 'quantize') throw new Error(`${id} is lost`);
      // codes from -8 to 7 around 0 are those from 0 to 15 around 8
      const around = (o: typeof before): readonly number[] => codeRange(o).map((code) => code - o.zero);
      expect(around(after), id).to.deep.equal(around(before));
      expect(after.bits).to.equal(4);
      expect(after.scale).to.be.closeTo(before.scale, 1e-6 * before.scale);
    }
  });
});

describe('names of the tensors of an imported file', () => {
  const net = fromOnnx(theirs);

  it('are those of its exporter again', () => {
    const names = initializersOf(toOnnx(net, { tensors: tensorNames(net) }));
    expect(names).to.have.members(theirs.initializers.map(({ name }) => name));
    expect(initializersOf(toOnnx(net))).to.include('features/0:kernel');
  });

  it('stay only with weights that are the same', () => {
    const grown = widen(net, { 'features/0': 6 }).net;
    const names = initializersOf(toOnnx(grown, { tensors: tensorNames(net) }));
    expect(names).to.include('classifier.weight');
    expect(names).to.not.include('features.0.weight');
    expect(names).to.not.include('features.2.weight');
    const weights = new Map(net.weights);
    const bias = materialize(net.weights.get('features/0:bias') ?? float([0], new Float32Array())).slice();
    bias[0] = (bias[0] ?? 0) + 1e-6;
    weights.set('features/0:bias', float([4], bias));
    const others = initializersOf(toOnnx({ graph: net.graph, weights }, { tensors: tensorNames(net) }));
    expect(others).to.include('features/0:bias').and.to.include('features.0.weight');
    expect(others).to.not.include('features.0.bias');
  });

  it('never take the name of an input or output', () => {
    const tensors = { ...tensorNames(net) };
    const [, sum = ''] = tensors['classifier:kernel'] ?? [];
    const bytes = toOnnx(net, { tensors: { ...tensors, 'classifier:kernel': ['x', sum] } });
    expect(initializersOf(bytes)).to.not.include('x');
    expect(fromOnnx(bytes).graph.nodes.length).to.equal(net.graph.nodes.length);
  });
});
