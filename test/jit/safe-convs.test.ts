/** @file Convs that a runtime computes wrongly, as onnxruntime-web's WebGPU does, are written in other forms, of the same values. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type Flow, graph, input } from '../../src/compose/index.ts';
import { compile } from '../../src/engine/index.ts';
import { onlyOutput } from '../../src/graph/index.ts';
import { loadRuntime, needsSafeConvs, type Runtime } from '../../src/jit/runtime.ts';
import { type ConvGeometry, conv } from '../../src/kernels/index.ts';
import {
  decodeModel,
  ints,
  type OnnxModel,
  paddedForm,
  repeatedFilters,
  summands,
} from '../../src/onnx/index.ts';
import { zeroChannels } from '../../src/onnx/safe-convs.ts';
import { lenet5 } from '../../zoo/architectures/index.ts';
import { largestDifference, noise, shaken, sizeOf } from '../support/nets.ts';
import { both, distance, numbers, withGradients } from './agree.ts';

const isProbe = ({ name, nodes }: OnnxModel): boolean => name === 'probe' && nodes[0]?.opType === 'Conv';

/** onnxruntime without blocks, which answers the question about convs with zeros; and the models that it was given. */
async function fake(): Promise<Runtime & { readonly models: OnnxModel[] }> {
  const ort = await loadRuntime();
  const models: OnnxModel[] = [];
  const create = async (bytes: Uint8Array, options: object) => {
    const model = decodeModel(bytes);
    if (model.domains?.['com.microsoft.nchwc'] !== undefined) throw new Error('no such kernel');
    const session = await ort.InferenceSession.create(bytes, options);
    if (!isProbe(model)) models.push(model);
    const run = async (feeds: Parameters<typeof session.run>[0]) => {
      const results = await session.run(feeds);
      const { y } = results;
      if (isProbe(model) && y?.data instanceof Float32Array) y.data.fill(0);
      return results;
    };
    return { run, release: () => session.release() };
  };
  return { Tensor: ort.Tensor, InferenceSession: { create }, models } as never;
}
const kinds = (models: readonly OnnxModel[], kind: string): number =>
  models.flatMap(({ nodes }) => nodes).filter(({ opType }) => opType === kind).length;

describe('convs that WebGPU computes wrongly', () => {
  before(() => tf.setBackend('cpu'));

  it('are those of a multiple of 3 channels, not of 4, from 6 up, to a multiple of 4 in one group', () => {
    const zeros = (channels: number, filters = 4, groups = 1): number =>
      zeroChannels({ channels, filters, groups });
    expect([1, 2, 3, 4, 6, 9, 12, 15, 16, 18, 30].map((channels) => zeros(channels))).to.deep.equal([
      0, 0, 0, 0, 2, 3, 0, 1, 0, 2, 2,
    ]);
    expect([zeros(6, 6), zeros(6, 7), zeros(6, 8), zeros(6, 8, 2)]).to.deep.equal([0, 0, 2, 0]);
  });

  it('are those whose groups make numbers of filters that vectors of all filters do not divide', () => {
    const wrong = (groups: number): number[] =>
      Array.from({ length: 12 }, (_, i) => i + 1).filter(
        (makes) => repeatedFilters({ channels: groups, filters: groups * makes, groups }) !== undefined,
      );
    expect([1, 2, 3, 4].map(wrong)).to.deep.equal([[], [5, 6, 7, 9, 10, 11], [], [5, 6, 7, 9, 10, 11]]);
    expect(repeatedFilters({ channels: 2, filters: 10, groups: 2 })).to.deep.equal({
      filters: [0, 1, 2, 3, 4, 4, 4, 4, 5, 6, 7, 8, 9, 9, 9, 9],
      wanted: [0, 1, 2, 3, 4, 8, 9, 10, 11, 12],
    });
  });

  it('are transposed ones whose groups make one channel of an even number', () => {
    const of = (reads: number, makes: number, groups: number): number =>
      summands({ channels: groups * reads, filters: groups * makes, groups });
    expect([of(1, 1, 3), of(2, 1, 3), of(3, 1, 3), of(4, 1, 2), of(4, 2, 2), of(4, 1, 1)]).to.deep.equal([
      1, 2, 1, 4, 1, 1,
    ]);
  });

  it('are right on this machine, and wrong on the made-up one', async () => {
    expect(await needsSafeConvs(await loadRuntime())).to.equal(false);
    expect(await needsSafeConvs(await fake())).to.equal(true);
  });

  it('are padded behind and not before, in one group and at stride 1', () => {
    const behind = (pads: readonly number[], strides = [1, 1], groups = 1): readonly number[] | undefined =>
      paddedForm({ channels: 4, filters: 4, groups }, { pads: ints(pads), strides: ints(strides) })?.image;
    expect(behind([0, 0, 1, 2])).to.deep.equal([0, 0, 0, 0, 0, 0, 1, 2]);
    for (const right of [behind([0, 0, 0, 0]), behind([1, 0, 1, 1]), behind([0, 0, 1, 1], [2, 2])])
      expect(right).to.equal(undefined);
    expect(behind([0, 0, 1, 1], [1, 1], 2)).to.equal(undefined);
  });

  for (const [batch, channels, filters, groups, plus, counts] of [
    [2, 6, 8, 1, {}, { Pad: 2 }],
    [6, 3, 4, 1, {}, { Pad: 2 }], // the gradient of a kernel of few channels is a conv over the batch
    [4, 3, 4, 1, {}, { Pad: 0 }],
    [9, 9, 12, 1, { stride: [2, 2] }, { Pad: 2 }],
    [3, 15, 4, 1, { dilation: [2, 1] }, { Pad: 2 }],
    [2, 4, 12, 2, {}, { Gather: 3 }], // one turns the kernel for the gradient of the image
    [5, 4, 8, 4, { stride: [2, 3] }, { ConvTranspose: 2 }],
    [2, 3, 5, 1, { pads: { top: 0, bottom: 2, left: 0, right: 1 } }, { Pad: 2 }], // and the gradient of its kernel
  ] as const)
    it(`give the same, and the same gradients: batch ${batch}, ${channels} to ${filters} channels in ${groups}`, async () => {
      const geometry: ConvGeometry = {
        ...{ stride: [1, 1], dilation: [1, 1], groups },
        ...{ pads: { top: 1, bottom: 0, left: 2, right: 1 }, ...plus },
      };
      const fn = withGradients((x, k) => conv(x as tf.Tensor4D, k as tf.Tensor4D, geometry), 2);
      const image = [batch, 9, 7, channels] as [number, number, number, number];
      const kernel = [3, 3, channels / groups, filters] as [number, number, number, number];
      const runtime = await fake();
      const values = [
        tf.tensor4d(numbers(sizeOf(image), 1), image),
        tf.tensor4d(numbers(sizeOf(kernel), 2), kernel),
      ];
      const { traced, eager } = await both(fn, values, true, runtime);
      for (const [i, right] of eager.entries()) expect(distance(right, traced[i] ?? [])).to.be.below(1e-5);
      for (const [kind, count] of Object.entries(counts))
        expect(kinds(runtime.models, kind), kind).to.equal(count);
    });

  const grouped = (x: Flow<'map'>): Flow<'map'> =>
    x.conv(12, { kernel: 3, groups: 2, bias: true }).convTranspose(6, { kernel: 3, groups: 6, bias: true });
  for (const [name, made, counts] of [
    ['lenet-5', lenet5(), { Pad: 2 }],
    ['groups', graph('groups', grouped(input(9, 7, 4))), { Gather: 3, ConvTranspose: 2, Sum: 1 }],
  ] as const)
    it(`are in other forms in a compiled net: ${name}`, async () => {
      const net = shaken(made);
      const [first] = made.nodes;
      const x = noise(2 * (first?.op.kind === 'input' ? sizeOf(first.op.shape) : 0), 'safe');
      const values = async (runtime?: Runtime): Promise<Float32Array> => {
        const compiled = await compile(net, runtime ? { runtime } : {});
        const found = (await compiled.run(x)).get(onlyOutput(made));
        await compiled.release();
        return found as Float32Array;
      };
      const runtime = await fake();
      expect(largestDifference(await values(runtime), await values())).to.be.below(1e-6);
      for (const [kind, count] of Object.entries(counts))
        expect(kinds(runtime.models, kind), kind).to.equal(count);
    });
});
