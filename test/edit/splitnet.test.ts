/** @file SplitNet: split layers compute what zeros between the groups do (law 5); penalties against closed forms; training. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type Assignments, betweenGroupsZero, splitLayers } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { Refusal, UsageError } from '../../src/errors.ts';
import { cost, graph, input } from '../../src/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { between, overlap, splitNet } from '../../src/learn/structure/index.ts';
import { fit } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import type { Net } from '../../src/weights/index.ts';
import { signals } from '../support/distilling.ts';
import { expectSame, layer, made } from '../support/growing.ts';
import { shaken } from '../support/nets.ts';

const net = (): Net =>
  shaken(
    graph(
      'split',
      layer(layer(layer(input(6, 6, 3), 'first', 8), 'second', 6), 'third', 8, { bias: true, stride: 2 })
        .globalPool()
        .pipe('head', (x) => x.dense(5)),
    ),
  );
const assigned: Assignments = new Map([
  ['second/conv', { groups: 2, ins: [0, 1, 1, 0, 1, 0, 0, 1], outs: [1, 1, 0, 1, 0, 0] }],
  ['third/conv', { groups: 2, ins: [1, 1, 0, 1, 0, 0], outs: [0, 0, 1, 1, 0, 0, 1, 1] }],
  ['head/dense', { groups: 2, ins: [0, 0, 1, 1, 0, 0, 1, 1], outs: [1, 0, 0, 1, 0] }],
]);

describe('SplitNet', () => {
  before(() => useBackend('wasm'));

  it('splits convs and dense layers; they compute what zeros between the groups do', () => {
    const split = splitLayers(net(), assigned);
    expectSame(betweenGroupsZero(net(), assigned), split);
    expectSame(betweenGroupsZero(net(), assigned), split, true);
    const [before, after] = [cost(net().graph), cost(split.graph)];
    // half of the weights of the two convs; of the head 4 x 3 + 4 x 2 instead of 8 x 5
    expect(before.params - after.params).to.equal((9 * 8 * 6 + 9 * 6 * 8) / 2 + 40 - 20);
    expect(split.graph.nodes.find((n) => n.id === 'second/conv/blocks')?.op).to.include({
      groups: 2,
      out: 6,
    });
    expect(split.graph.outputs).to.deep.equal(net().graph.outputs);
  });
  it('one group is the net', () => {
    const one: Assignments = new Map([
      ['second/conv', { groups: 1, ins: new Array<number>(8).fill(0), outs: new Array<number>(6).fill(0) }],
      ['head/dense', { groups: 1, ins: new Array<number>(8).fill(0), outs: new Array<number>(5).fill(0) }],
    ]);
    expectSame(net(), splitLayers(net(), one));
  });
  it('refuses what cannot be split', () => {
    const refused = (id: string, ins: number[], outs: number[], text: string): void => {
      expect(() => splitLayers(net(), new Map([[id, { groups: 2, ins, outs }]]))).to.throw(Refusal, text);
    };
    refused('first/act', [], [], 'first/act: it cannot be split, since it is no conv or dense layer');
    refused('nowhere', [], [], 'nowhere: it cannot be split, since there is no such layer');
    refused('second/conv', [0], [1], 'second/conv: 1 and 1 channels are assigned, and it has 8 and 6');
    refused(
      'second/conv',
      [0, 0, 0, 0, 0, 1, 1, 1],
      [0, 0, 0, 1, 1, 1],
      'second/conv: its groups would have 5, 3 channels; those of a conv are equal',
    );
    const grouped = shaken(made((x) => layer(layer(x, 'first', 4), 'second', 4, { groups: 2 })));
    expect(() =>
      splitLayers(grouped, new Map([['second/conv', { groups: 2, ins: [0, 0, 1, 1], outs: [0, 0, 1, 1] }]])),
    ).to.throw(Refusal, 'second/conv: it cannot be split, since it has groups already');
  });

  it('penalizes the weights between groups, and nothing within them', () => {
    const hard = tf.tensor2d([
      [1, 0],
      [0, 1],
    ]);
    const value = (kernel: tf.Tensor): number => between(kernel, hard, hard).dataSync()[0] as number;
    expect(
      value(
        tf.tensor2d([
          [3, 0],
          [0, 4],
        ]),
      ),
    ).to.be.below(1e-5);
    // the weights 3 and 4 between the groups stand once in a row and once in a column
    expect(
      value(
        tf.tensor2d([
          [1, 3],
          [4, 1],
        ]),
      ),
    ).to.be.closeTo(2 * (3 + 4), 1e-4);
    // shares of one half: each row and column of each group has half of (half of its norm)
    const even = tf.fill([2, 2], 0.5);
    expect(
      between(
        tf.tensor2d([
          [3, 4],
          [0, 0],
        ]),
        even,
        even,
      ).dataSync()[0],
    ).to.be.closeTo(2 * 0.5 * 0.5 * 5 + 2 * 0.5 * 0.5 * (3 + 4), 1e-4);
    expect(overlap(hard).dataSync()[0]).to.equal(0);
    expect(overlap(even).dataSync()[0]).to.be.closeTo(2 * 0.25, 1e-6);
  });
  it('adds the three penalties up, at equal shares and a net of ones', () => {
    const g = graph('dense', input(4).dense(2, { bias: false }));
    const { loss } = splitNet(g, { groups: 2, layers: ['dense'], disjoint: 3, even: 5 });
    const given = signals({
      weights: { 'dense:kernel': tf.ones([4, 2]) },
      parameters: { split: tf.zeros([6, 2]) },
    });
    const found = loss({ student: g }).compute(given).dataSync()[0];
    const apart = 2 * 0.5 * (4 * 0.5 * Math.sqrt(2) + 2 * 0.5 * 2);
    expect(found).to.be.closeTo(apart + 3 * ((4 - 2) / 2 + (2 - 1) / 2) + 5 * (2 * 2 ** 2 + 2 * 1), 1e-4);
  });

  it('learns groups while the net trains, and gives back a net of grouped layers', async () => {
    const source = random('splitnet test');
    const split = {
      count: 32,
      pixels: Uint8Array.from({ length: 32 * 108 }, () => source.below(256)),
      labels: Uint8Array.from({ length: 32 }, (_, i) => i % 5),
    };
    const scale = { shape: [6, 6, 3] as const, mean: 0.5, std: 0.3 };
    const { form, loss } = splitNet(net().graph, {
      groups: 2,
      layers: ['second/conv', 'third/conv'],
      weight: 0.1,
    });
    const seen: number[] = [];
    const done = await fit(net(), split, scale, {
      steps: 60,
      batch: 16,
      rate: 0.05,
      form,
      losses: [crossEntropy(), loss],
      onStep: ({ losses }) => seen.push(losses['splitnet'] as number),
    });
    expect(seen.at(-1)).to.be.below(0.7 * (seen[0] as number));
    expect(done.net.graph.nodes.filter((n) => n.op.kind === 'conv' && n.op.groups === 2)).to.have.length(2);
    expect(cost(done.net.graph).params).to.equal(cost(net().graph).params - (9 * 8 * 6 + 9 * 6 * 8) / 2);
  });
  it('assigns each channel to its largest share, as far as there is room', () => {
    const g = graph('dense', input(4).dense(2));
    const { assignments } = splitNet(g, { groups: 2, layers: ['dense'] });
    // all four inputs want group 0; the two that want it least go to the other
    const shares = Float32Array.of(5, 0, 1, 0, 4, 0, 0.5, 0, 0, 1, 0, 2);
    expect(assignments(shares).get('dense')).to.deep.equal({ groups: 2, ins: [0, 1, 0, 1], outs: [0, 1] });
  });
  it('needs layers that can be split into so many groups', () => {
    const of = (o: object) => () => splitNet(net().graph, { groups: 2, layers: [], ...o });
    expect(of({})).to.throw(UsageError, 'splitNet: name the layers to split');
    expect(of({ groups: 1 })).to.throw(
      UsageError,
      'splitNet: groups must be a whole number from 2 up, got 1',
    );
    expect(of({ layers: ['secnd/conv'] })).to.throw(
      UsageError,
      'split: no layer "secnd/conv". Did you mean "second/conv"?',
    );
    expect(of({ layers: ['first/norm'] })).to.throw(
      Refusal,
      'first/norm: it cannot be split, since it is no conv or dense layer',
    );
    expect(of({ layers: ['first/conv'], groups: 4 })).to.throw(
      Refusal,
      'split: 3 channels do not make 4 groups; split other layers',
    );
  });
});
