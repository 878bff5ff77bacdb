/** @file Kernels of few bits in ONNX files: two codes in a byte, the same outputs, and the same kernels when read again. */
import { expect } from 'chai';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { fromOnnx } from '../../src/import/index.ts';
import { graph, input, quantize } from '../../src/index.ts';
import { toOnnx } from '../../src/export/index.ts';
import { decodeModel, encodeModel } from '../../src/onnx/index.ts';
import { int4Bytes, packedInt4, unpackedInt4 } from '../../src/onnx/int4.ts';
import { codesOf, init, type Net } from '../../src/weights/index.ts';
import { examples, largestDifference } from '../support/nets.ts';
import { fc } from '../support/property.ts';
import { runCompiled } from '../support/run.ts';

const g = graph(
  'few',
  input(6, 6, 3)
    .pipe('stem', (x) => x.conv(9, { kernel: 3 }).relu())
    .pipe('body', (x) => x.conv(9, { kernel: 3, groups: 3 }).relu())
    .pipe('head', (x) => x.globalPool().dense(5)),
);
const ranges = new Map(g.nodes.map((n) => [n.id, [-2, 2] as const]));
const kernels = (net: Net): Record<string, [number, number[]]> =>
  Object.fromEntries(
    [...net.weights].flatMap(([key, w]) =>
      w.encoding === 'quantized' ? [[key, [w.bits, [...codesOf(w)]]]] : [],
    ),
  );

describe('int4', () => {
  it('keeps codes, two in a byte', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -8, max: 7 })), (codes) => {
        const bytes = packedInt4(codes);
        expect(bytes.length).to.equal(int4Bytes(codes.length));
        expect([...unpackedInt4(bytes, codes.length)]).to.deep.equal(codes);
      }),
    );
    expect([...packedInt4([1, -1, 7])]).to.deep.equal([0xf1, 0x07]);
  });

  for (const [what, o] of [
    ['kernels alone', { weights: 4 }],
    ['kernels of 3 bits', { weights: 3 }],
    ['values of 8 bits', { weights: 4, activations: 8, ranges }],
    ['values of 4 bits', { weights: 2, activations: 4, ranges }],
  ] as const) {
    it(`of ${what}: the outputs of the simulation, and the kernels again`, async () => {
      const net = quantize(init(g, { seed: 3 }), o);
      const file = toOnnx(net);
      const model = decodeModel(file);
      expect(model.opset).to.equal(21);
      expect(model.initializers.filter((t) => t.dtype === 'int4').length).to.equal(3);
      expect(file.length).to.be.below(toOnnx(net, { int4: false }).length);
      expect(decodeModel(encodeModel(model)).initializers.map((t) => [...t.data])).to.deep.equal(
        model.initializers.map((t) => [...t.data]),
      );
      const x = examples(g, 4);
      const session = await InferenceSession.create(file);
      const outputs = await session.run({ input: new Tensor('float32', x, [4, 6, 6, 3]) });
      await session.release();
      const got = outputs[net.graph.outputs[0] ?? '']?.data;
      expect(largestDifference(got as Float32Array, await runCompiled(net, x))).to.be.below(1e-5);
      expect(kernels(fromOnnx(file))).to.deep.equal(kernels(net));
    });
  }
});
