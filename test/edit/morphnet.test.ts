/** @file MorphNet: the penalty against its formula, shrinking what came to nothing (law 5), expanding to a budget (law 3). */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { expand, shrink, verifyCertificate } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { Refusal, UsageError } from '../../src/errors.ts';
import { cost, graph, input } from '../../src/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { morphnet } from '../../src/learn/structure/index.ts';
import { fit } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { float, materialize, type Net, type Weight } from '../../src/weights/index.ts';
import { signals } from '../support/distilling.ts';
import { expectSame, layer, made } from '../support/growing.ts';
import { shaken, small } from '../support/nets.ts';

const withScales = (net: Net, scales: Readonly<Record<string, readonly number[]>>): Net => ({
  ...net,
  weights: new Map(
    [...net.weights].map(([key, w]) => {
      const found = scales[key.replace(':gamma', '')];
      return [key, found && key.endsWith(':gamma') ? float(w.shape, Float32Array.from(found)) : w];
    }),
  ),
});
const scalesOf = ({ weights }: Net): Record<string, tf.Tensor> =>
  Object.fromEntries(
    [...weights].flatMap(([key, w]) => (key.endsWith(':gamma') ? [[key, tf.tensor1d(materialize(w))]] : [])),
  );
const value = (net: Net, o: Parameters<typeof morphnet>[0] = {}): number =>
  tf.tidy(
    () =>
      morphnet(o)({ student: net.graph })
        .compute(signals({ weights: scalesOf(net) }))
        .dataSync()[0] as number,
  );

describe('MorphNet', () => {
  before(() => useBackend('wasm'));
  // 3 -> 4 -> 2 channels at 6 x 6 places, then 3 classes
  const net = shaken(made((x) => layer(layer(x, 'first', 4), 'second', 2)));

  it('penalizes what living channels cost, in multiply-adds', () => {
    const a = [0.5, -2, 0.001, 1];
    const b = [0.25, 1.5];
    const [sumA, aliveA, sumB, aliveB] = [3.501, 3, 1.75, 2];
    const first = 36 * 9 * (3 * sumA); // the image lives and has no scale
    const second = 36 * 9 * (sumA * aliveB + aliveA * sumB);
    const head = 3 * sumB; // and so do the classes
    const whole = 36 * 9 * (3 * 4 + 4 * 2) + 2 * 3;
    expect(value(withScales(net, { 'first/norm': a, 'second/norm': b }))).to.be.closeTo(
      (first + second + head) / whole,
      1e-5,
    );
  });
  it('or in parameters, where places do not count', () => {
    const ones = withScales(net, { 'first/norm': [1, 1, 1, 1], 'second/norm': [1, 1] });
    const whole = 9 * (3 * 4 + 4 * 2) + 2 * 3;
    expect(value(ones, { resource: 'params' })).to.be.closeTo(
      (9 * (3 * 4 + 2 * 4 * 2) + 2 * 3) / whole,
      1e-5,
    );
  });
  it('takes the largest scale of channels that are added up', () => {
    const residual = shaken(
      graph(
        'residual',
        layer(input(4, 4, 2), 'stem', 2)
          .residual((x) => layer(x, 'body', 2))
          .globalPool()
          .dense(1),
      ),
    );
    const one = withScales(residual, { 'stem/norm': [0.5, 0.2], 'body/norm': [0.1, 0.7] });
    // stem: 2 inputs that live always; body: both sides the same classes; head
    const sum = 0.5 + 0.7;
    const whole = 16 * 9 * (2 * 2 + 2 * 2) + 2;
    expect(value(one)).to.be.closeTo((16 * 9 * (2 * sum + 2 * (sum * 2)) + sum) / whole, 1e-5);
  });
  it('has a gradient, and scales fall under it while a net trains', async () => {
    const source = random('morphnet');
    const split = {
      count: 32,
      pixels: Uint8Array.from({ length: 32 * 108 }, () => source.below(256)),
      labels: Uint8Array.from({ length: 32 }, (_, i) => i % 3),
    };
    const scale = { shape: [6, 6, 3] as const, mean: 0.5, std: 0.3 };
    const o = { steps: 20, batch: 16, rate: 0.05 };
    const sum = async (lambda: number): Promise<number> => {
      const losses = [crossEntropy(), morphnet({ weight: lambda })];
      const { net: done } = await fit(net, split, scale, { ...o, losses });
      return materialize(done.weights.get('first/norm:gamma') as Weight).reduce((s, g) => s + Math.abs(g), 0);
    };
    expect(await sum(0.5)).to.be.below(0.8 * (await sum(0)));
  });

  it('shrinks to the living channels, and computes what the masked net does', () => {
    const tiny = withScales(net, { 'first/norm': [0.5, -0.01, 2, 0.005], 'second/norm': [1, 1] });
    const pruned = shrink(tiny);
    expect(pruned.gone.size).to.equal(2);
    expect(verifyCertificate(pruned.masked(), pruned.net, pruned.maps)).to.deep.equal([]);
    expectSame(pruned.masked(), pruned.net);
    // scales and offsets of exactly zero: nothing is lost at all (law 5)
    const zeros = withScales(net, { 'first/norm': [0.5, 0, 2, 0], 'second/norm': [1, 1] });
    const weights = new Map(zeros.weights).set(
      'first/norm:beta',
      float([4], Float32Array.of(0.1, 0, 0.2, 0)),
    );
    expectSame({ ...zeros, weights }, shrink({ ...zeros, weights }).net);
  });
  it('keeps a channel of a layer that died, and groups equal', () => {
    const dead = withScales(net, { 'first/norm': [0, 0, 0, 0], 'second/norm': [1, 1] });
    expect(shrink(dead).gone.size).to.equal(3);
    const grouped = shaken(made((x) => layer(layer(x, 'first', 4), 'second', 4, { groups: 2 })));
    const uneven = withScales(grouped, { 'first/norm': [0, 0, 0, 1] });
    expect(shrink(uneven).gone.size).to.equal(2);
  });
  it('refuses a net in which all live, and one without scales', () => {
    expect(() => shrink(shaken(made((x) => layer(x, 'first', 4))))).to.throw(
      Refusal,
      'made: no channel has all its norm scales within 0.01; train longer or with a larger penalty',
    );
    expect(() => morphnet()({ student: graph('bare', input(2).dense(2)) })).to.throw(
      Refusal,
      'bare: morphnet needs batch norms with a scale, and it has none',
    );
  });

  for (const name of ['wrn', 'mobilenet-v2', 'shufflenet-v2'])
    it(`${name}: expands by one factor to the budget, and computes the same`, () => {
      const start = shaken(small(name));
      const most = 2 * cost(start.graph).macs;
      const grown = expand(start, { macs: most });
      expect(verifyCertificate(start, grown.net, grown.maps)).to.deep.equal([]);
      expectSame(start, grown.net);
      expect(cost(grown.net.graph).macs).to.be.within(1.5 * cost(start.graph).macs, most);
    });
  it('refuses a budget that is full', () => {
    const { params } = cost(net.graph);
    expect(() => expand(net, { params })).to.throw(
      Refusal,
      `made: no wider net fits within ${params} params; it has ${params} now`,
    );
    expect(() => expand(net, { macs: 0 })).to.throw(
      UsageError,
      'expand: macs must be a number above 0, got 0',
    );
  });
});
