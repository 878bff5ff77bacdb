/** @file Growth through what is hard to grow through: each graph is a way to get a channel map wrong. */
import { expect } from 'chai';
import { type WidenOptions, widen } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { Refusal } from '../../src/errors.ts';
import { channels, type Graph } from '../../src/graph/index.ts';
import { expectPreserved, layer, made } from '../support/growing.ts';
import { shaken } from '../support/nets.ts';

const cases: Readonly<Record<string, Graph>> = {
  'shared weights that read their channels in another order': made((x) => {
    const a = layer(x, 'a', 6);
    const y = a.conv(6, { kernel: 1 });
    return y.permute([5, 0, 4, 1, 3, 2]).conv(6, { kernel: 1, weightsOf: y }).add(a);
  }),
  'a shared norm, and a shared depthwise conv': made((x) => {
    const a = layer(x, 'a', 4);
    const d = a.depthwise();
    const n = d.norm();
    return a.shuffle(2).norm({ weightsOf: n }).conv(4, { kernel: 3, groups: 4, weightsOf: d }).concat(n);
  }),
  'maxout over a concat whose units straddle the seam': made((x) =>
    layer(x, 'a', 3)
      .concat(layer(x, 'b', 5))
      .maxout(2)
      .conv(4, { kernel: 3 }),
  ),
  'maxout behind a grouped conv whose units straddle two groups': made((x) =>
    layer(x, 'a', 4).conv(6, { kernel: 3, groups: 2 }).maxout(2).conv(3),
  ),
  'a grouped conv in a residual sum, whose input and output are one decision': made((x) => {
    const a = layer(x, 'a', 8);
    return a.add(a.conv(8, { kernel: 3, groups: 2 }).norm());
  }),
  'grouped convs one after another, with shuffles of other groups between': made((x) => {
    const a = layer(x, 'a', 12).conv(12, { groups: 3 }).shuffle(3).conv(12, { groups: 2 });
    return a.shuffle(2).conv(12, { kernel: 3, groups: 12 }).conv(8, { groups: 4 });
  }),
  'a grouped conv over a concat': made((x) =>
    layer(x, 'a', 4)
      .concat(layer(x, 'b', 4))
      .conv(6, { groups: 2 }),
  ),
  'a shift with leftovers': made((x) => layer(x, 'a', 11).shift(3).conv(5)),
  'shifts in a row': made((x) => layer(x, 'a', 18).shift(3).relu().shift(3).conv(4)),
  'a shift over too few channels to move any': made((x) => layer(x, 'a', 4).shift(3).conv(5)),
  'slices of shuffles of slices': made((x) => {
    const y = layer(x, 'a', 12).shuffle(3);
    return y.slice(2, 9).conv(4).concat(y.slice(0, 4).shuffle(2), y.slice(5, 12));
  }),
  'a value beside itself, sliced across the seam': made((x) => {
    const a = layer(x, 'a', 4);
    return a.concat(a).slice(2, 7).conv(3);
  }),
  'a sum of a value and its own shuffle, which makes one class of all': made((x) => {
    const a = layer(x, 'a', 6);
    return a.add(a.shuffle(2)).conv(4);
  }),
  'a gate over a shuffled map': made((x) => {
    const a = layer(x, 'a', 6);
    return a.shuffle(3).mul(a.globalPool().dense(2).relu().dense(6).act('sigmoid')).conv(4);
  }),
  'a depthwise multiplier beside another value, then added': made((x) => {
    const a = layer(x, 'a', 4);
    const many = a.depthwise({ multiplier: 3 });
    return many.concat(a).conv(12).add(many).maxout(3).conv(2);
  }),
  'a depthwise multiplier, grouped': made((x) =>
    layer(x, 'a', 4).depthwise({ multiplier: 2 }).conv(8, { groups: 2 }).shuffle(4).conv(8, { groups: 4 }),
  ),
  'a softmax over channels, between two layers': made((x) =>
    layer(x, 'a', 4).conv(5).act('softmax').conv(6).relu().conv(4),
  ),
  'one channel, which a depthwise conv filters': made((x) => {
    const a = layer(x, 'a', 1);
    return a.depthwise().conv(4).mul(a.globalPool().dense(4)).concat(a);
  }),
  'flatten, then a concat, a slice and a shuffle of the vector': made((x) => {
    const a = layer(x, 'a', 3, { stride: 2 });
    const b = layer(x, 'b', 2, { stride: 2 });
    const flat = a.flatten().concat(b.flatten());
    return flat.slice(4, 39).shuffle(5).dense(4).relu().concat(flat.maxout(3));
  }),
  'the input beside a layer': made((x) =>
    x
      .concat(layer(x, 'a', 4))
      .conv(6, { groups: 1 })
      .add(layer(x, 'b', 6)),
  ),
};

describe('growth through graphs that are hard to grow through', () => {
  before(() => useBackend('wasm'));
  for (const [what, g] of Object.entries(cases)) {
    it(what, () => {
      const net = shaken(g);
      const names = channels(g)
        .variables.filter((v) => !v.frozen)
        .map((v) => v.name);
      let done = 0;
      const attempt = (asked: Parameters<typeof widen>[1], o: WidenOptions = {}): void => {
        try {
          const grown = widen(net, asked, o);
          done++;
          expectPreserved(net, grown);
        } catch (e) {
          if (!(e instanceof Refusal)) throw e;
        }
      };
      for (const [i, factor] of (['x1.5', 'x2', 'x3'] as const).entries()) {
        for (const name of names) attempt({ [name]: factor }, { seed: i });
        attempt(Object.fromEntries(names.map((n) => [n, factor])), { seed: i });
        attempt(Object.fromEntries(names.map((n) => [n, factor])), { seed: i, byGroups: () => true });
      }
      expect(done).to.be.above(3);
    });
  }
});
