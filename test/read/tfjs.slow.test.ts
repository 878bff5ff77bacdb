/** @file Graphs as tf.layers models and back: laws 1 and 2 on random graphs, and what a model does with our layers. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { graph, input } from '../../src/compose/index.ts';
import {
  forward,
  fromLayers,
  isOpLayer,
  OpLayer,
  toLayers,
  weightTensors,
} from '../../src/read/tfjs/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { messageOf } from '../support/errors.ts';
import { byHand, conv, map, node, relu } from '../support/hand.ts';
import {
  disposeLoaded,
  expectForwardIsPredict,
  expectLaw1,
  expectLaw2,
  expectSame,
  numbered,
  savedAndLoaded,
} from '../support/laws.ts';
import { fc } from '../support/property.ts';
import { expectClose, leakless, useCpu } from '../support/tensors.ts';

const all = (numRuns: number, law: (g: ReturnType<typeof numbered>) => Promise<void>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(arbitraryGraph(), (g) => law(numbered(g))),
    { numRuns },
  );

describe('a random graph as a tf model', () => {
  before(useCpu);

  it('law 1: has the parameters and the shapes of the graph', () =>
    all(100, ({ graph: g }) => expectLaw1(g)));

  it('law 2: goes back to the graph, with the same bytes', () => all(150, expectLaw2));

  it('computes what forward computes', () => all(100, (net) => expectForwardIsPredict(net)));

  it('goes back to the graph after it was saved and loaded, or says that tf took one shared call for another', () =>
    all(60, (net) =>
      leakless(async () => {
        const model = toLayers(net);
        const loaded = await savedAndLoaded(model);
        try {
          expectSame(fromLayers(loaded), net);
        } catch (e) {
          expect((e as Error).message).to.contain(': tf loaded this shared layer to read ');
          expect(net.graph.nodes.filter((n) => n.weightsOf).length).to.be.at.least(1);
        }
        model.dispose();
        disposeLoaded(loaded);
      }),
    ));
});

/** One of each layer of ours, and of shared and padded ones. */
const x = input(6, 6, 4).pipe('stem', (y) => y.conv(8, { kernel: 3, stride: 2, padding: [1, 1, 1, 1] }));
const grouped = x.pipe('a', (y) =>
  y.conv(8, { kernel: 3, groups: 4 }).norm({ scale: false }).act('hardSwish'),
);
const again = grouped.pipe('b', (y) => y.conv(8, { kernel: 3, groups: 4, weightsOf: 'a/conv' }).shuffle(2));
const mixed = graph(
  'mixed',
  again.add(x).pipe('head', (y) => y.dropout(0.5).globalPool().dense(3)),
  grouped,
);

describe('a tf model of a graph', () => {
  before(useCpu);

  it('has stock layers where tf has them, and ours where it has not', () => {
    const model = toLayers(numbered(mixed));
    const kinds = model.layers.map((l) => [l.name, l.getClassName()]);
    expect(kinds).to.deep.include.members([
      ['stem.conv..pad', 'ZeroPadding2D'],
      ['stem.conv', 'Conv2D'],
      ['a.conv', 'MoonletOp'],
      ['a.norm', 'MoonletOp'],
      ['a.act', 'MoonletOp'],
      ['head.dropout', 'Dropout'],
      ['head.dense', 'Dense'],
    ]);
    expect(model.layers.filter((l) => l.name === 'a.conv')).to.have.length(1);
    model.dispose();
  });

  it('saved and loaded computes the same, our layers included', () =>
    leakless(async () => {
      const model = toLayers(numbered(mixed));
      const loaded = await savedAndLoaded(model);
      expect(loaded.layers.some(isOpLayer)).to.equal(true);
      const batch = tf.randomUniform([2, 6, 6, 4], -1, 1, 'float32', 7);
      const [a, b] = [model, loaded].map((m) => {
        const outputs = [m.predict(batch)].flat();
        const values = outputs.map((t) => [...t.dataSync()]);
        tf.dispose(outputs);
        return values;
      });
      expect(a).to.deep.equal(b);
      expectSame(fromLayers(loaded), numbered(mixed));
      model.dispose();
      disposeLoaded(loaded);
      batch.dispose();
    }));

  it('keeps other numbers than the net: training it does not change the net', async () => {
    const net = numbered(graph('g', input(3).dense(1)));
    const before = [...(net.weights.get('dense:kernel')?.data ?? [])];
    const model = toLayers(net);
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    await model.fit(tf.ones([4, 3]), tf.ones([4, 1]), { verbose: 0 });
    expect([...(net.weights.get('dense:kernel')?.data ?? [])]).to.deep.equal(before);
    expect([...(fromLayers(model).weights.get('dense:kernel')?.data ?? [])]).not.to.deep.equal(before);
  });

  it('trains every weight of ours, and moves running statistics unless their norm is frozen', async () => {
    const g = graph(
      'g',
      input(4, 4, 4)
        .pipe('a', (y) => y.conv(4, { kernel: 3, groups: 2 }).norm({ offset: false }))
        .pipe('b', (y) => y.conv(4, { kernel: 3, dilation: 2 }).norm().act('hardSigmoid'))
        .globalPool()
        .dense(2),
    );
    const net = numbered(g);
    const model = toLayers(net, { frozen: (id) => id === 'b/norm' });
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    await model.fit(tf.randomNormal([4, 4, 4, 4], 1, 2, 'float32', 3), tf.ones([4, 2]), { verbose: 0 });
    const after = fromLayers(model).weights;
    for (const [key, { data }] of net.weights) {
      const moved = data.some((v, i) => v !== after.get(key)?.data[i]);
      expect(moved, key).to.equal(!key.startsWith('b/norm'));
    }
    model.dispose();
  });

  it('refuses shared weights under other options, which one tf layer cannot do', () => {
    const a = input(4, 4, 2).conv(2, { kernel: 3 });
    const g = graph('g', a.conv(2, { kernel: 3, stride: 2, weightsOf: a }));
    expect(messageOf(() => toLayers(numbered(g)))).to.equal(
      'conv_2: shares weights with "conv" but has other options; one tf layer cannot do both',
    );
  });

  it('takes several inputs, also one that nothing reads', async () => {
    const g = byHand(
      [
        node('x', map(2, 2, 1)),
        node('y', map(2, 2, 1)),
        node('z', map(2, 2, 1)),
        node('sum', { kind: 'add' }, ['x', 'y']),
      ],
      ['sum'],
    );
    await expectLaw2(numbered(g));
  });

  it('is one that several outputs in another order read, and calls of a shared layer keep their paths', async () => {
    const g = byHand(
      [
        node('x', map(3, 3, 2)),
        node('a', conv(2), ['x']),
        node('mid', relu, ['a']),
        node('b', conv(2), ['mid'], 'a'),
        node('c', conv(2), ['b'], 'a'),
        node('end', relu, ['c']),
      ],
      ['end', 'b', 'a'],
    );
    await expectLaw2(numbered(g));
  });
});

describe('a loaded tf model', () => {
  before(useCpu);

  it('is refused where tf took one call of a shared layer for another', async () => {
    // the second call is further from the outputs, so that tf meets it first
    const padded = conv(2, { padding: [0, 0, 0, 0] });
    const g = byHand(
      [
        node('x', map(3, 3, 1)),
        node('twin', padded, ['x']),
        node('act', relu, ['x']),
        node('again', padded, ['act'], 'twin'),
        node('end', conv(1), ['again']),
      ],
      ['end', 'twin'],
    );
    const net = numbered(g);
    await expectLaw2(net);
    const model = toLayers(net);
    const loaded = await savedAndLoaded(model);
    expect(messageOf(() => fromLayers(loaded))).to.equal(
      'twin: tf loaded this shared layer to read "act" where "x" was saved, and so computes something else; ' +
        'keep the net as graph.json and weights.safetensors',
    );
    model.dispose();
    disposeLoaded(loaded);
  });
});

describe('an OpLayer', () => {
  it('refuses a config that holds no op', () => {
    const args = { name: 'bad', op: { kind: 'shuffle' } } as unknown as ConstructorParameters<
      typeof OpLayer
    >[0];
    expect(messageOf(() => new OpLayer(args))).to.match(/^bad: op groups: Invalid input/);
  });

  it('takes its place in a model made by hand', () => {
    const symbol = tfl.input({ shape: [4, 4, 6] });
    const layer = new OpLayer({ op: { kind: 'shuffle', groups: 3 }, name: 'mix' });
    const model = tfl.model({ inputs: symbol, outputs: layer.apply(symbol) as tfl.SymbolicTensor });
    expect(fromLayers(model).graph.nodes[1]?.op).to.deep.equal({ kind: 'shuffle', groups: 3 });
  });
});

describe('forward', () => {
  before(useCpu);
  const dropping = graph('g', input(2, 2, 3).norm().dropout(0.5).flatten().dense(2));
  const net = numbered(dropping);
  const run = (use: (weights: ReturnType<typeof weightTensors>) => void): void =>
    tf.tidy(() => use(weightTensors(net.weights)));
  const batch = (): tf.Tensor => tf.ones([2, 2, 2, 3]);

  it('gives the values that are asked for, and computes no others', () => {
    run((weights) => {
      const { values, statistics } = forward(dropping, weights, batch(), { values: ['norm'] });
      expect([...values.keys()]).to.deep.equal(['norm']);
      expect(statistics.size).to.equal(0);
      expect(() => forward(dropping, {}, batch(), { values: ['input'] })).not.to.throw();
    });
  });

  it('in training gives new statistics, except of frozen norms', () => {
    run((weights) => {
      const noise = (_: string, shape: readonly number[]): tf.Tensor => tf.ones([...shape]);
      const { statistics } = forward(dropping, weights, batch(), { training: true, noise });
      expect([...statistics.keys()]).to.deep.equal(['norm:mean', 'norm:variance']);
      const old = net.weights.get('norm:mean')?.data ?? [];
      expectClose(
        statistics.get('norm:mean')?.dataSync() ?? [],
        [...old].map((v) => 0.9 * v + 0.1),
        1e-6,
      );
      const frozen = forward(dropping, weights, batch(), { training: true, noise, frozen: () => true });
      expect(frozen.statistics.size).to.equal(0);
    });
  });

  it('refuses training that drops without noise, and batches that do not fit', () => {
    run((weights) => {
      expect(messageOf(() => forward(dropping, weights, batch(), { training: true }))).to.equal(
        'dropout: a dropout in training needs noise; pass the option "noise"',
      );
      expect(messageOf(() => forward(dropping, weights, tf.ones([2, 3, 2, 3])))).to.equal(
        'input: expects a batch of [2, 2, 3], got [2, 3, 2, 3]',
      );
      expect(messageOf(() => forward(dropping, weights, {}))).to.equal(
        'input: no batch was given for this input',
      );
    });
  });
});
