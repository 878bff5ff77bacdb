/** @file PAD-Net's modules: what passes between tasks, what its gate does, and its loss. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../../src/engine/index.ts';
import { parsingLoss } from '../../../src/learn/distill/index.ts';
import { cost } from '../../../src/read/index.ts';
import { forward, weightTensors } from '../../../src/read/tfjs/index.ts';
import { float, type Net, type WeightKey } from '../../../src/weights/index.ts';
import { padNet, parser } from '../../../zoo/architectures/index.ts';
import { expectForwardIsPredict, expectLaw1, expectLaw2, numbered } from '../../support/laws.ts';
import { useCpu } from '../../support/tensors.ts';

const value = (t: tf.Tensor): number => (t.dataSync() as Float32Array)[0] as number;
const net = (module: 'none' | 'A' | 'B' | 'C'): Net =>
  numbered(padNet({ module, width: 2, depth: 1, size: 16, classes: 3 }));
/** The same net with every message weight W_t at zero. */
const silent = (n: Net): Net => ({
  ...n,
  weights: new Map(
    [...n.weights].map(([key, w]) => [
      key as WeightKey,
      /distill\/.*\/from-|distill\/.*\/mix/.test(key) || /\/from-/.test(key)
        ? float(w.shape, new Float32Array(w.data.length))
        : w,
    ]),
  ),
});
const values = (n: Net, ids: readonly string[]): Map<string, Float32Array> => {
  const x = tf.randomNormal([1, 16, 16, 1], 0, 1, 'float32', 5);
  const run = forward(n.graph, weightTensors(n.weights), x, { values: ids });
  return new Map([...run.values].map(([id, t]) => [id, t.dataSync() as Float32Array]));
};
const finals = (n: Net): readonly string[] => n.graph.outputs.slice(0, 2);

describe('prediction and distillation (Xu et al.)', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  for (const module of ['B', 'C'] as const) {
    it(`module ${module} is the identity when its messages are zero`, () => {
      const n = silent(net(module));
      const features = n.graph.nodes.find((m) => m.id === 'first/depth/features/act')?.id as string;
      const added = n.graph.nodes.find((m) => m.id.startsWith('distill/depth/add'))?.id as string;
      const found = values(n, [features, added]);
      expect([...(found.get(added) ?? [])]).to.deep.equal([...(found.get(features) ?? [])]);
    });
    it(`module ${module} passes messages on: the final depth hears the features of segmentation`, () => {
      const loud = values(net(module), finals(net(module)));
      const mute = values(silent(net(module)), finals(net(module)));
      for (const id of finals(net(module))) expect(loud.get(id)).not.to.deep.equal(mute.get(id));
    });
  }
  it('module C gates by values strictly between 0 and 1', () => {
    const gates = net('C').graph.nodes.filter((n) => n.op.kind === 'act' && n.op.fn === 'sigmoid');
    expect(gates.map((g) => g.id)).to.deep.equal(['distill/segmentation/gate/act', 'distill/depth/gate/act']);
    for (const [, gate] of values(
      net('C'),
      gates.map((g) => g.id),
    ))
      for (const v of gate) expect(v).to.be.within(1e-6, 1 - 1e-6);
  });
  it('costs what its convs cost: none < A < B < C', () => {
    const params = (module: 'none' | 'A' | 'B' | 'C'): number => cost(padNet({ module })).params;
    const conv = 9 * 16 * 16 + 16;
    expect(params('A') - params('none')).to.equal(2 * (9 * 48 * 16 + 16));
    expect(params('B') - params('none')).to.equal(2 * 2 * conv);
    expect(params('C') - params('B')).to.equal(2 * conv);
  });
  it('has a loss of all heads: log of the classes, log 2, and the mean square, when it says nothing', () => {
    const graph = padNet({ width: 2, depth: 1, size: 16, classes: 3 });
    const at = (loss: ReturnType<ReturnType<typeof parsingLoss>>): number =>
      value(
        loss.compute({
          student: (id: string) => tf.zeros([2, 8, 8, id.includes('segmentation') ? 4 : 1]),
          target: (name: string) =>
            name === 'segmentation'
              ? tf.zeros([2, 8, 8], 'int32')
              : tf.fill([2, 8, 8], name === 'depth' ? 3 : 1),
        } as never),
      );
    const all = parsingLoss({ classes: 3 })({ student: graph });
    expect(at(all)).to.be.closeTo(2 * Math.log(4) + 2 * 9 + Math.log(2), 1e-4);
    const last = parsingLoss({ classes: 3, first: false, tasks: { depth: 0.5 } })({ student: graph });
    expect(at(last)).to.be.closeTo(Math.log(4) + 0.5 * 9, 1e-4);
    expect(last.student).to.deep.equal(graph.outputs.slice(0, 2));
  });
});

describe('parsers as tf models', () => {
  before(useCpu);
  const graphs = [
    padNet({ width: 1, depth: 1, size: 16 }),
    padNet({ module: 'A', width: 1, depth: 1, size: 16 }),
    parser({ width: 1, depth: 1, size: 16 }),
  ];
  for (const graph of graphs) {
    it(`${graph.name}: laws 1 and 2, and predict is forward`, async () => {
      await expectLaw1(graph);
      await expectLaw2(numbered(graph));
      await expectForwardIsPredict(numbered(graph), 1);
    });
  }
});
