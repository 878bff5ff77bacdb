/** @file tf models that other hands made: read as what they compute, with their weights. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { select } from '../../src/graph/index.ts';
import { fromLayers } from '../../src/read/tfjs/index.ts';
import { kindsOf, normal, on, read, some } from '../support/foreign.ts';
import { useCpu } from '../support/tensors.ts';

const { layers: l } = tfl;
type Symbol = tfl.SymbolicTensor;

describe('a foreign tf model', () => {
  before(useCpu);
  let scope: number;
  beforeEach(() => {
    scope = tf.memory().numTensors;
    tf.engine().startScope();
  });
  afterEach(() => {
    tf.engine().endScope();
    expect(tf.memory().numTensors).to.be.at.least(scope); // models of these tests keep their weights
  });

  it('with convs that add biases and activate', () => {
    const x = tfl.input({ shape: [6, 6, 3], name: 'image' });
    const a = on(
      l.conv2d({
        ...some(),
        name: 'first',
        filters: 4,
        kernelSize: 3,
        strides: 2,
        padding: 'same',
        activation: 'relu',
      }),
      x,
    );
    const b = on(
      l.conv2d({
        ...some(),
        name: 'second',
        filters: 5,
        kernelSize: [2, 1],
        padding: 'valid',
        activation: 'tanh',
        useBias: false,
      }),
      a,
    );
    const net = read(tfl.model({ inputs: x, outputs: b, name: 'convs' }));
    expect(net.graph.name).to.equal('convs');
    expect(net.graph.nodes.map((n) => n.id)).to.deep.equal([
      'image',
      'first',
      'first/act',
      'second',
      'second/act',
    ]);
    expect([...net.weights.keys()]).to.deep.equal(['first:kernel', 'first:bias', 'second:kernel']);
  });

  it('with separable and depthwise convs, with multipliers and strides', () => {
    const x = tfl.input({ shape: [8, 8, 3] });
    const a = on(
      l.separableConv2d({
        biasInitializer: normal(90),
        filters: 6,
        kernelSize: 3,
        depthMultiplier: 2,
        strides: [2, 2],
        padding: 'same',
        depthwiseInitializer: normal(91),
        pointwiseInitializer: normal(92),
        activation: 'relu6',
      }),
      x,
    );
    const b = on(
      l.depthwiseConv2d({
        name: 'dw',
        kernelSize: 3,
        depthMultiplier: 2,
        padding: 'same',
        depthwiseInitializer: normal(93),
        activation: 'sigmoid',
      }),
      a,
    );
    const net = read(tfl.model({ inputs: x, outputs: b }));
    expect(kindsOf(net)).to.deep.equal(['input', 'conv', 'conv', 'act', 'conv', 'act']);
    expect(
      net.graph.nodes.flatMap((n) => (n.op.kind === 'conv' ? [[n.op.out, n.op.groups, n.op.bias]] : [])),
    ).to.deep.equal([
      [6, 3, false],
      [6, 1, true],
      [12, 6, true],
    ]);
  });

  it('with zeros padded before convs, also before two of them', () => {
    const x = tfl.input({ shape: [5, 6, 2] });
    const padded = on(
      l.zeroPadding2d({
        padding: [
          [1, 2],
          [0, 3],
        ],
        name: 'zeros',
      }),
      x,
    );
    const a = on(l.conv2d({ ...some(), name: 'a', filters: 3, kernelSize: 3, strides: 2 }), padded);
    const b = on(
      l.depthwiseConv2d({ name: 'b', kernelSize: 3, strides: 2, depthwiseInitializer: normal(94) }),
      padded,
    );
    const net = read(tfl.model({ inputs: x, outputs: [a, b] }));
    expect(
      select(net.graph)
        .kind('conv')
        .nodes.map((n) => n.op.kind === 'conv' && n.op.padding),
    ).to.deep.equal([
      [1, 3, 2, 0],
      [1, 3, 2, 0],
    ]);
    expect(
      select(net.graph)
        .kind('conv')
        .nodes.map((n) => n.inputs.length),
    ).to.deep.equal([1, 1]);
  });

  it('with branches, norms, pools, concat, flatten, dropout and dense layers', () => {
    const x = tfl.input({ shape: [8, 8, 3] });
    const norm = on(
      l.batchNormalization({
        gammaInitializer: normal(95),
        betaInitializer: normal(96),
        movingMeanInitializer: normal(97),
        movingVarianceInitializer: tfl.initializers.randomUniform({ minval: 0.5, maxval: 2, seed: 3 }),
        epsilon: 0.01,
        momentum: 0.8,
      }),
      x,
    );
    const bare = on(l.batchNormalization({ scale: false, center: false, axis: 3 }), norm);
    const a = on(l.maxPooling2d({ poolSize: 2 }), norm);
    const b = on(l.averagePooling2d({ poolSize: [3, 3], strides: [2, 2], padding: 'same' }), bare);
    const sum = on(l.add(), a, b);
    const product = on(l.multiply(), a, sum);
    const both = on(l.upSampling2d({ size: [2, 2] }), on(l.concatenate({ axis: -1 }), sum, product));
    const vectors = [l.globalAveragePooling2d({}), l.globalMaxPooling2d({}), l.flatten()].map((layer) =>
      on(layer, both),
    );
    const v = on(l.dropout({ rate: 0.3 }), on(l.concatenate(), ...vectors));
    const y = on(l.dense({ ...some(), units: 4, activation: 'softmax', name: 'probabilities' }), v);
    const net = read(tfl.model({ inputs: x, outputs: [y, sum] }));
    expect(new Set(kindsOf(net)).size).to.equal(12);
    expect(net.graph.outputs).to.have.length(2);
  });

  it('with upsampling by two factors, and between pixels', () => {
    const x = tfl.input({ shape: [3, 5, 2] });
    const ends = (['nearest', 'bilinear'] as const).map((interpolation) =>
      on(
        l.upSampling2d({ size: [3, 2], interpolation }),
        on(l.conv2d({ ...some(), filters: 2, kernelSize: 1 }), x),
      ),
    );
    const whole = on(l.upSampling2d({ size: [2, 2], interpolation: 'bilinear' }), x);
    const net = read(tfl.model({ inputs: x, outputs: [...ends, whole] }));
    expect(kindsOf(net).filter((kind) => kind === 'resize')).to.have.length(3);
  });

  it('with every activation that is also ours, as a layer or within one', () => {
    const names = ['relu', 'relu6', 'sigmoid', 'softmax', 'tanh', 'swish', 'gelu'] as const;
    const x = tfl.input({ shape: [6] });
    const ends = names.map((activation) => on(l.activation({ activation }), x));
    const more = [
      l.reLU({}),
      l.reLU({ maxValue: 6 }),
      l.softmax({}),
      l.activation({ activation: 'linear' }),
    ].map((layer) => on(layer, x));
    const net = read(tfl.model({ inputs: x, outputs: [...ends, ...more.slice(0, 3)] }));
    expect(kindsOf(net)).to.deep.equal(['input', ...Array.from({ length: 10 }, () => 'act')]);
    const linear = read(tfl.model({ inputs: x, outputs: on(l.dense({ units: 2 }), more[3] as Symbol) }));
    expect(kindsOf(linear)).to.deep.equal(['input', 'dense']);
  });

  it('that is sequential', () => {
    const model = tfl.sequential({
      layers: [
        l.conv2d({ ...some(), inputShape: [6, 6, 1], filters: 2, kernelSize: 3, activation: 'relu' }),
        l.flatten(),
        l.dense({ ...some(), units: 3 }),
      ],
    });
    expect(kindsOf(read(model))).to.deep.equal(['input', 'conv', 'act', 'flatten', 'dense']);
  });

  it('with norms whose axis is a list, as Keras 2 writes it', () => {
    const x = tfl.input({ shape: [4, 4, 3] });
    // what tf.layers has in memory when model.json says "axis": [3]
    const norm = l.batchNormalization({ axis: [3] as unknown as number, movingMeanInitializer: normal(80) });
    expect(norm.getConfig()['axis']).to.deep.equal([3]);
    expect(kindsOf(read(tfl.model({ inputs: x, outputs: on(norm, x) })))).to.deep.equal(['input', 'norm']);
  });

  it('that holds a model, which may be called twice', () => {
    const inside = tfl.input({ shape: [6, 6, 2] });
    const base = tfl.model({
      inputs: inside,
      outputs: on(l.conv2d({ ...some(), name: 'c', filters: 2, kernelSize: 3, padding: 'same' }), inside),
      name: 'base',
    });
    const x = tfl.input({ shape: [6, 6, 2], name: 'x' });
    const once = on(base as unknown as tfl.layers.Layer, x);
    const twice = on(base as unknown as tfl.layers.Layer, on(l.reLU({ name: 'r' }), once));
    const net = read(tfl.model({ inputs: x, outputs: on(l.globalAveragePooling2d({ name: 'g' }), twice) }));
    expect(net.graph.nodes.map((n) => [n.id, n.weightsOf])).to.deep.equal([
      ['x', undefined],
      ['base/c', undefined],
      ['r', undefined],
      ['base/c_call2', 'base/c'],
      ['g', undefined],
    ]);
    const padded = on(base as unknown as tfl.layers.Layer, on(l.zeroPadding2d({ name: 'z' }), x));
    expect(kindsOf(read(tfl.model({ inputs: x, outputs: padded })))).to.deep.equal(['input', 'pad', 'conv']);
  });

  it('with pixels scaled, a gate of 1x1 convs over a pooled map, and a classifier of a 1x1 conv', () => {
    const x = tfl.input({ shape: [6, 6, 3] });
    const scaled = on(l.rescaling({ scale: 0.5, offset: -1, name: 'pixels' }), x);
    const map = on(l.conv2d({ ...some(), name: 'c', filters: 4, kernelSize: 3 }), scaled);
    const pooled = on(l.reshape({ targetShape: [1, 1, 4] }), on(l.globalAveragePooling2d({}), map));
    const gate = on(
      l.conv2d({ ...some(), name: 'expand', filters: 4, kernelSize: 1, activation: 'sigmoid' }),
      on(l.conv2d({ ...some(), name: 'reduce', filters: 2, kernelSize: 1, activation: 'relu' }), pooled),
    );
    const gated = on(l.multiply({ name: 'gated' }), map, gate);
    const place = on(l.reshape({ targetShape: [1, 1, 4] }), on(l.globalMaxPooling2d({}), gated));
    const logits = on(l.conv2d({ ...some(), name: 'logits', filters: 3, kernelSize: 1 }), place);
    const net = read(tfl.model({ inputs: x, outputs: on(l.reshape({ targetShape: [3] }), logits) }));
    expect(net.graph.outputs).to.deep.equal(['logits']);
    const dense = net.graph.nodes.flatMap((n) => (n.op.kind === 'dense' ? [n.id] : []));
    expect(dense).to.deep.equal(['reduce', 'expand', 'logits']);
  });

  it('that calls one layer on two values shares its weights', () => {
    const [x, y] = [
      tfl.input({ shape: [4, 4, 2], name: 'x' }),
      on(l.reLU({ name: 'r' }), tfl.input({ shape: [4, 4, 2], name: 'y' })),
    ];
    const shared = l.conv2d({ ...some(), name: 'twin', filters: 2, kernelSize: 1 });
    const model = tfl.model({
      inputs: [x, tfl.input({ shape: [1], name: 'z' })],
      outputs: [on(shared, x), on(shared, on(shared, x))],
    });
    const { graph } = fromLayers(model);
    expect(graph.nodes.map((n) => [n.id, n.weightsOf])).to.deep.include.members([
      ['twin', undefined],
      ['twin_call3', 'twin'],
    ]);
    expect(y).to.not.equal(undefined);
  });

  it('whose layers have names that are no paths gets paths', () => {
    const x = tfl.input({ shape: [2], name: 'x.0' });
    const net = read(tfl.model({ inputs: x, outputs: on(l.dense({ units: 1, name: 'a/c..d' }), x) }));
    expect(net.graph.nodes.map((n) => n.id)).to.deep.equal(['x/0', 'a/c/d']);
  });
});
