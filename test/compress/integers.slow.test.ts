/** @file The integer net of onnxruntime against its simulation in floats. */

import { expect } from 'chai';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { quantizeByData } from '../../src/compress/index.ts';
import { loadDataset, take } from '../../src/data/index.ts';
import { compile } from '../../src/engine/index.ts';
import type { OpOf } from '../../src/graph/index.ts';
import { foldNorms, graph, init, input, print, pruneWeights, UsageError } from '../../src/index.ts';
import { passes } from '../../src/learn/task/index.ts';
import { encodeModel, int } from '../../src/onnx/index.ts';
import { toOnnx } from '../../src/read/onnx.ts';
import { integerLayers } from '../../src/read/onnx-integer.ts';
import { bytesOf, float, type Net, sparse } from '../../src/weights/index.ts';
import { loadStudent } from '../../zoo/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { calibrated } from '../support/calibrated.ts';
import { examples, fusing, small } from '../support/nets.ts';
import { fc } from '../support/property.ts';
import { runCompiled } from '../support/run.ts';

type Quantize = OpOf<'quantize'>;

/** The net as `forward` defines it, run eagerly: the simulation that the integers are held to. */
async function simulation(net: Net, x: Float32Array): Promise<Float32Array> {
  const runner = await compile(net, { engine: 'wasm' });
  const [values] = [...(await runner.run(x)).values()];
  await runner.release();
  return values as Float32Array;
}

/** The share of outputs that differ by at most an output step. */
async function agreement(net: Net, count: number): Promise<number> {
  const x = examples(net.graph, count);
  const q = await quantizeByData(net, [x], { outputs: true });
  const last = q.graph.nodes.find((n) => n.id === q.graph.outputs[0])?.op as Quantize;
  const [integers, simulated] = [await runCompiled(q, x), await simulation(q, x)];
  const apart = Array.from(integers, (v, i) => Math.abs(v - (simulated[i] as number)) / last.scale);
  return apart.filter((d) => d < 1.001).length / apart.length;
}

describe('the integer net', () => {
  for (const name of [
    ...['wrn', 'mobilenet-v2', 'mobilenet-v3-small', 'shufflenet-v1', 'shufflenet-v2', 'squeezenet'],
    ...['ghostnet', 'igcv3', 'resnet-cifar', 'fitnet-1', 'snn', 'lenet-5', 'lcnet', 'densenet-cifar'],
  ]) {
    for (const seed of [1, 2, 3]) {
      it(`of ${name}, ${seed}, is its simulation in onnxruntime, within a step for 99 % of the outputs`, async () => {
        expect(await agreement(await calibrated(small(name), seed), 20)).to.be.at.least(0.99);
      });
    }
  }

  it('of the shipped teacher tells the same of real digits', async () => {
    const data = await loadDataset('mnist');
    const net = loadStudent('mnist/wrn-16-1');
    const seen = [...passes(take(data.train, 128, 1), data, 64)].map((b) => b.x);
    const q = await quantizeByData(net, seen, { outputs: true });
    const last = q.graph.nodes.find((n) => n.id === q.graph.outputs[0])?.op as Quantize;
    const [batch] = [...passes(take(data.test, 64, 1), data, 64)];
    const x = batch?.x as Float32Array;
    const [integers, simulated] = [await runCompiled(q, x), await simulation(q, x)];
    const near = integers.filter((v, i) => Math.abs(v - (simulated[i] as number)) < 1.001 * last.scale);
    expect(near.length / integers.length).to.be.at.least(0.99);
  });

  it('of a random net is its simulation', async () => {
    const graphs = fc.sample(arbitraryGraph({ steps: 8, classes: 4 }), 12);
    for (const g of graphs) {
      expect(await agreement(await calibrated(g), 40), print(g)).to.be.at.least(0.99);
    }
  });

  it('is of whole numbers where zeros are left out, too', async () => {
    const net = await calibrated(fusing);
    const x = examples(fusing, 8);
    const thin = pruneWeights(foldNorms(net), 0.6);
    const q = await quantizeByData(thin, [x]);
    const weights = new Map(q.weights);
    for (const [key, w] of q.weights) if (w.encoding === 'quantized') weights.set(key, sparse(w));
    const stored = { ...q, weights };
    expect(bytesOf(stored)).to.be.below(bytesOf(q));
    expect(toOnnx(stored)).to.deep.equal(toOnnx(q));
  });

  it('of all codes has unsigned kernels where pairs leave 16 bits, with the same numbers', async () => {
    const net = await calibrated(fusing);
    const x = examples(fusing, 8);
    const layers = async (form: 'paired' | 'full') => {
      const q = await quantizeByData(net, [x], { form, outputs: true });
      const last = q.graph.nodes.find((n) => n.id === q.graph.outputs[0])?.op as Quantize;
      const [integers, simulated] = [await runCompiled(q, x), await simulation(q, x)];
      const far = Math.max(...integers.map((v, i) => Math.abs(v - (simulated[i] as number)))) / last.scale;
      expect(far).to.be.below(1.001);
      return integerLayers(toOnnx(q));
    };
    expect(await layers('paired')).to.deep.equal({ signed: 4, unsigned: 0 }); // three layers and a norm
    expect((await layers('full')).unsigned).to.be.at.least(1);
  });

  it('has integers of fewer bits, and float kernels that no runtime rounds unasked', async () => {
    // large weights that cancel each other, and small ones that make the output: with one scale of 8 bits they are all 0
    const g = graph(
      'small',
      input(4).pipe('a', (x) => x.dense(2, { bias: false })),
    );
    const kernel = float([4, 2], Float32Array.of(1, 1, -1, -1, 0.003, -0.002, 0.001, 0.003));
    const net: Net = { graph: g, weights: new Map([['a/dense:kernel', kernel]]) };
    const x = Float32Array.from({ length: 80 }, (_, i) => ((i % 4 < 2 ? i >> 2 : (7 * i) % 20) - 10) / 10);
    for (const o of [{ weights: 7 }, { keep: () => true }]) {
      const q = await quantizeByData(net, [x], { ...o, outputs: true });
      const last = q.graph.nodes.find((n) => n.id === q.graph.outputs[0])?.op as Quantize;
      const [integers, simulated] = [await runCompiled(q, x), await simulation(q, x)];
      const far = Math.max(...integers.map((v, i) => Math.abs(v - (simulated[i] as number)))) / last.scale;
      expect(far, Object.keys(o).join()).to.be.below(1.001);
    }
    expect(integerLayers(toOnnx(await quantizeByData(net, [x], { weights: 3 }))).signed).to.equal(1);
  });

  it('has whole kernels and whole biases in its ONNX form', async () => {
    const net = await calibrated(fusing);
    const q = await quantizeByData(net, [examples(fusing, 8)]);
    const model = toOnnx(q);
    const kinds = model.initializers.map((t) => t.dtype);
    expect(kinds.filter((k) => k === 'int32')).to.have.length(3 * 2); // bias and its zero-points, of a norm too
    expect(model.nodes.filter((n) => n.opType === 'QuantizeLinear')).to.have.length(7);
    expect(encodeModel(model).length).to.be.below(encodeModel(toOnnx(foldNorms(net))).length);
    // no kernel is left in float
    const floats = model.initializers.filter((t) => t.dtype === 'float32').map((t) => t.data.length);
    expect(Math.max(...floats)).to.equal(8);
  });

  it('has norms of integers before convs, with the numbers of the simulation for any scales and offsets', async () => {
    const g = graph(
      'preactivated',
      input(6, 6, 3)
        .conv(8, { kernel: 3 })
        .residual((x) => x.norm().relu().conv(8, { kernel: 3 }).norm().relu().conv(8))
        .norm()
        .relu()
        .globalPool()
        .dense(4),
    );
    const whole = await calibrated(g);
    const weights = new Map(whole.weights);
    // the first norm is neither folded nor plain: negative, zero and tiny scales, one of them with a large offset
    const [first = ''] = g.nodes.filter((n) => n.op.kind === 'norm').map((n) => n.id);
    weights.set(`${first}:gamma`, float([8], Float32Array.of(1, -1, 0, 1e-9, 0.3, -2, 1e-3, 5)));
    weights.set(`${first}:beta`, float([8], Float32Array.of(0, 0.5, 0.7, 3, -0.2, 0.1, 1, -1)));
    const net = { graph: g, weights };
    const x = examples(g, 32);
    for (const form of ['paired', 'full'] as const) {
      const q = await quantizeByData(net, [x], { outputs: true, form });
      expect(toOnnx(q).nodes.map((n) => n.opType)).to.not.include('BatchNormalization');
      const last = q.graph.nodes.find((n) => n.id === q.graph.outputs[0])?.op as Quantize;
      const [integers, simulated] = [await runCompiled(q, x), await simulation(q, x)];
      const far = Math.max(...integers.map((v, i) => Math.abs(v - (simulated[i] as number)))) / last.scale;
      expect(far, form).to.be.below(1.001);
    }
    // a norm whose result is read as a float stays one
    const floats = toOnnx(await quantizeByData(net, [x]), { values: [first] });
    expect(floats.nodes.map((n) => n.opType)).to.include('BatchNormalization');
  });

  it('has norms of integers that share their weights, at steps of their own', async () => {
    const one = graph(
      'sharing',
      input(6, 6, 3)
        .conv(8, { kernel: 3 })
        .residual((x) => x.norm().relu().conv(8, { kernel: 3 }))
        .residual((x) => x.norm().relu().conv(8, { kernel: 3 }))
        .globalPool()
        .dense(4),
    );
    const [owner = '', other = ''] = one.nodes.filter((n) => n.op.kind === 'norm').map((n) => n.id);
    const nodes = one.nodes.map((n) => (n.id === other ? { ...n, weightsOf: owner } : n));
    const net = await calibrated({ ...one, nodes });
    const x = examples(net.graph, 32);
    const q = await quantizeByData(net, [x], { outputs: true });
    expect(toOnnx(q).nodes.map((n) => n.opType)).to.not.include('BatchNormalization');
    const last = q.graph.nodes.find((n) => n.id === q.graph.outputs[0])?.op as Quantize;
    const [integers, simulated] = [await runCompiled(q, x), await simulation(q, x)];
    const far = Math.max(...integers.map((v, i) => Math.abs(v - (simulated[i] as number)))) / last.scale;
    expect(far).to.be.below(1.001);
  });

  it('has the same codes where small groups are joined', async () => {
    expect(() => toOnnx(init(fusing), { joinGroups: 0.5 })).to.throw(
      UsageError,
      'joinGroups must be a whole number from 1 up, got 0.5',
    );
    // channels, groups, filters, and the groups that are left for at most 16 and at most 32 channels
    for (const [channels, groups, out, ...left] of [
      ...([
        [8, 4, 8, 1, 1],
        [9, 3, 9, 1, 1],
        [10, 10, 20, 2, 1],
        [32, 8, 64, 4, 2],
      ] as const),
      ...([
        [12, 4, 8, 1, 1],
        [40, 2, 40, 2, 2],
        [6, 6, 6, 6, 6],
      ] as const),
    ]) {
      const g = graph('grouped', input(5, 5, channels).conv(out, { kernel: 3, groups }).relu().conv(4));
      const net = await calibrated(g);
      const x = examples(g, 4);
      for (const form of ['paired', 'full'] as const) {
        const q = await quantizeByData(net, [x], { outputs: true, form });
        const found: number[][] = [];
        for (const [i, joinGroups] of [1, 16, 32].entries()) {
          const model = toOnnx(q, { joinGroups });
          const conv = model.nodes.find((n) => n.opType === 'Conv');
          expect(conv?.attributes?.['group']).to.deep.equal(int([groups, ...left][i] ?? 0));
          const session = await InferenceSession.create(encodeModel(model));
          const feeds = { [g.nodes[0]?.id ?? '']: new Tensor('float32', x, [4, 5, 5, channels]) };
          const values = Object.values(await session.run(feeds));
          found.push(values.flatMap(({ data }) => [...(data as Float32Array)]));
          await session.release();
        }
        expect(found[1]).to.deep.equal(found[0]);
        expect(found[2]).to.deep.equal(found[0]);
      }
    }
  });
});
