/** @file Stages that are not named are inferred from where maps get smaller, and growing and pruning by stage use them. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { rename, shapes, stagePaths, stages } from '../../src/graph/index.ts';
import {
  cost,
  deepen,
  enlarge,
  type Graph,
  graph,
  grow,
  init,
  input,
  type Net,
  net as netOf,
  pruneChannels,
  pruneWeights,
  sparsityOf,
  verifyCertificate,
  widen,
} from '../../src/index.ts';
import { fromLayers } from '../../src/read/tfjs/index.ts';
import { small } from '../support/nets.ts';
import { useCpu } from '../support/tensors.ts';

/** The same graph under paths that say nothing. */
const nameless = (g: Graph): Graph => rename(g, new Map(g.nodes.map((n, i) => [n.id, `n${i}`])));
const sizesOf = (g: Graph): readonly string[] => {
  const all = shapes(g);
  return stages(g).map(({ end }) => `${all.get(end)}`);
};
const endsAs = (g: Graph): readonly string[] => {
  const index = new Map(g.nodes.map((n, i) => [`n${i}`, n.id]));
  return stages(nameless(g)).map(({ end }) => index.get(end) ?? '');
};

describe('stages', () => {
  it('that are named are those', () => {
    const g = small('wrn');
    expect(stages(g).map((s) => s.name)).to.deep.equal(['stage1', 'stage2', 'stage3']);
    expect(stages(g).map((s) => s.end)).to.deep.equal(['stage1/0/add', 'stage2/0/add', 'stage3/0/add']);
    expect(stagePaths(g).size).to.equal(0);
  });
  // the ends of the named stages, but for what follows the last one, which no stride tells from it
  for (const [name, same] of [
    ['resnet-18', 4],
    ['mobilenet-v1', 5],
    ['squeezenet', 2],
    ['resnet-cifar', 3],
  ] as const)
    it(`of ${name} without names are those that it names`, () => {
      const g = small(name, 64);
      const named = stages(g).map((s) => s.end);
      expect(endsAs(g).slice(0, same)).to.deep.equal(named.slice(0, same));
    });
  it('of inverted residuals end before the expansion that a strided depthwise conv reads', () => {
    const ends = endsAs(small('mobilenet-v2', 64));
    expect(ends.slice(0, 4)).to.deep.equal(['stage1/0/add', 'stage2/1/add', 'stage3/2/add', 'stage5/2/add']);
  });
  it('of a net of vectors are one; of nets with skips from end to end none', () => {
    const mlp = graph('mlp', input(10).dense(16).act('relu').dense(12).act('relu').dense(3));
    expect(stages(mlp).map((s) => s.end)).to.deep.equal(['act_2']);
    const x = input(8, 8, 3);
    const skipped = graph('u', x.conv(8, { kernel: 3, stride: 2 }).conv(3).upsample(2).add(x));
    expect(stages(skipped)).to.deep.equal([]);
  });
  it('have paths: a stage is pruned, thinned, deepened and enlarged by its name', () => {
    const g = nameless(small('resnet-cifar', 16));
    const net = init(g);
    const own = new Set(stages(g)[1]?.nodes.map((n) => n.id));
    const changed = (after: Net): readonly string[] =>
      after.graph.nodes.flatMap(({ id, op }) => {
        const was = g.nodes.find((n) => n.id === id)?.op;
        return op.kind === 'conv' && was && JSON.stringify(was) !== JSON.stringify(op) ? [id] : [];
      });
    const inStage = (ids: readonly string[]): void => {
      expect(ids).to.not.deep.equal([]);
      for (const id of ids) expect(own.has(id), id).to.equal(true);
    };
    inStage(changed(enlarge(net, 'stage2', 5).net));
    const thin = pruneWeights(net, 0.5, { only: ['stage2/**'] });
    const zeros = [...thin.weights].filter(
      ([key]) => key.endsWith(':kernel') && sparsityOf(thin, [key]) > 0.4,
    );
    inStage(zeros.map(([key]) => key.slice(0, -':kernel'.length)));
    expect(deepen(net, 'stage2').preserves).to.equal('both');
    // a layer that loses channels has readers that lose inputs, which are in the next stage too
    const pruned = pruneChannels(net, { ratio: 0.5 }, { only: ['stage2'], roundTo: 1 });
    inStage(changed(pruned.net));
    const wide = widen(net, { stage2: 'x1.5' });
    expect([sizesOf(g)[1], sizesOf(wide.net.graph)[1]]).to.deep.equal(['8,8,32', '8,8,48']);
  });
});

describe('growth to a cost where no stage is named', () => {
  before(useCpu);
  const reached = (net: Net): void => {
    const grown = grow(net, { macs: 1.5 });
    const ratio = cost(grown.net.graph).macs / cost(net.graph).macs;
    expect(ratio).to.be.above(1.2);
    expect(ratio).to.be.at.most(1.5);
    expect(verifyCertificate(net, grown.net, grown.maps)).to.deep.equal([]);
  };
  it('a model of tf.layers', () => {
    tf.engine().startScope();
    const conv = (filters: number, strides = 1): tfl.layers.Layer =>
      tfl.layers.conv2d({ filters, kernelSize: 3, strides, padding: 'same', activation: 'relu' });
    const x = tfl.input({ shape: [16, 16, 3] });
    let y = conv(16).apply(x) as tfl.SymbolicTensor;
    y = conv(32, 2).apply(y) as tfl.SymbolicTensor;
    y = conv(32).apply(y) as tfl.SymbolicTensor;
    y = tfl.layers.maxPooling2d({ poolSize: 2 }).apply(y) as tfl.SymbolicTensor;
    y = conv(64).apply(y) as tfl.SymbolicTensor;
    y = tfl.layers.globalAveragePooling2d({}).apply(y) as tfl.SymbolicTensor;
    y = tfl.layers.dense({ units: 10 }).apply(y) as tfl.SymbolicTensor;
    const model = tfl.model({ inputs: x, outputs: y });
    const net = fromLayers(model);
    tf.engine().endScope();
    expect(stages(net.graph).map((s) => s.name)).to.deep.equal(['stage1', 'stage2', 'stage3']);
    reached(net);
  });
  it('a net of vectors', () => {
    reached(init(graph('mlp', input(10).dense(16).act('relu').dense(12).act('relu').dense(3))));
  });
  it('a net with skips from end to end, by all its widths', () => {
    const x = input(8, 8, 3);
    const down = x.conv(16, { kernel: 3, stride: 2 }).act('relu').conv(16, { kernel: 3 }).act('relu');
    reached(init(graph('u', down.conv(3).upsample(2).add(x))));
  });
  for (const name of ['mobilenet-v2', 'resnet-cifar', 'densenet-cifar'])
    it(`${name} under other names`, () => {
      const net = init(nameless(small(name, 32)));
      reached(netOf(net.graph, net.weights));
    });
});
