/** @file NestedNet: masks lie within each other, what is cut out is the masked net (law 5), levels train together. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type Level, nestChannels, nestWeights, sparsityOf } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { UsageError } from '../../src/errors.ts';
import { cost } from '../../src/index.ts';
import { crossEntropy, crossEntropyOf } from '../../src/learn/loss/index.ts';
import { nestedNet } from '../../src/learn/structure/index.ts';
import { fit } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { forward, weightTensors } from '../../src/read/tfjs/index.ts';
import { materialize, type Net, type Weight } from '../../src/weights/index.ts';
import { signals } from '../support/distilling.ts';
import { expectSame, layer, made } from '../support/growing.ts';
import { noise, shaken, small } from '../support/nets.ts';

const net = (): Net => shaken(made((x) => layer(layer(x, 'first', 8), 'second', 8)));
const ratios = [0.75, 0.5, 0];

/** Every weight of a level is one of the next. */
function expectNested(levels: readonly Level[]): void {
  for (const [i, { masks }] of levels.slice(0, -1).entries())
    for (const [key, mask] of masks) {
      const next = levels[i + 1]?.masks.get(key);
      // one claim a kernel: one for each of a million weights takes seconds
      expect(next?.length, key).to.equal(mask.length);
      expect(
        mask.findIndex((m, k) => m > (next?.[k] as number)),
        key,
      ).to.equal(-1);
    }
}

describe('nested nets', () => {
  before(() => useBackend('wasm'));

  it('by weights lie within each other; the last is the whole net', () => {
    const levels = nestWeights(net(), ratios);
    expectNested(levels);
    for (const level of levels) expect(sparsityOf(level.cut(net()))).to.be.closeTo(level.ratio, 0.02);
    expectSame(net(), (levels.at(-1) as Level).cut(net()));
  });
  for (const start of [net(), shaken(small('shufflenet-v2')), shaken(small('mobilenet-v3-small'))]) {
    it(`${start.graph.name}: by channels lie within each other, and the last is the whole net`, () => {
      const levels = nestChannels(start, ratios);
      expectNested(levels);
      const sizes = levels.map((level) => cost(level.cut(start).graph).params);
      expect(sizes).to.deep.equal([...sizes].sort((a, b) => a - b));
      expect(sizes.at(-1)).to.equal(cost(start.graph).params);
    });
    for (const [i, ratio] of ratios.entries())
      it(`${start.graph.name} without ${ratio} of its channels computes what its masks do`, () => {
        const level = nestChannels(start, ratios)[i] as Level;
        expectSame(level.masked(start), level.cut(start));
      });
  }

  it('add up the losses of what is cut out', () => {
    const levels = nestChannels(net(), ratios);
    const [x, labels] = [tf.tensor(noise(8 * 108, 'nested'), [8, 6, 6, 3]), [0, 1, 2, 0, 1, 2, 0, 1]];
    const given = signals({ x, labels, weights: weightTensors(net().weights) });
    const value = nestedNet(levels)({ student: net().graph }).compute(given).dataSync()[0] as number;
    const sum = levels.slice(0, -1).reduce((total, level) => {
      const { graph, weights } = level.cut(net());
      const { values } = forward(graph, weightTensors(weights), x, { training: true });
      const logits = values.get(graph.outputs[0] as string) as tf.Tensor2D;
      return total + (crossEntropyOf(logits, tf.tensor1d(labels, 'int32'), 3).dataSync()[0] as number);
    }, 0);
    expect(value).to.be.closeTo(sum, 1e-5);
  });

  it('train together: every level learns, and the levels stay nested', async () => {
    const source = random('nested');
    const pixels = Uint8Array.from({ length: 48 * 108 }, (_, i) =>
      Math.min(255, 70 * (Math.floor(i / 108) % 3) + source.below(60)),
    );
    const split = { count: 48, pixels, labels: Uint8Array.from({ length: 48 }, (_, i) => i % 3) };
    const scale = { shape: [6, 6, 3] as const, mean: 0.4, std: 0.3 };
    const levels = nestWeights(net(), ratios);
    let [first, last] = [0, 0];
    const { net: trained } = await fit(net(), split, scale, {
      steps: 40,
      batch: 16,
      rate: 0.05,
      losses: [crossEntropy(), nestedNet(levels)],
      onStep: ({ step, losses }) => {
        if (step === 1) first = losses['nested'] as number;
        last = losses['nested'] as number;
      },
    });
    expect(last).to.be.below(0.6 * first);
    const [core, , whole] = levels.map((l) => l.cut(trained)) as [Net, Net, Net];
    const kernel = (n: Net): Float32Array => materialize(n.weights.get('second/conv:kernel') as Weight);
    kernel(core).forEach((w, i) => {
      expect(w === 0 || w === kernel(whole)[i]).to.equal(true);
    });
  });

  it('need ratios that fall', () => {
    for (const [wrong, said] of [
      [[0.5, 0.7], '0.5, 0.7'],
      [[1], '1'],
      [[], 'none'],
    ] as const)
      expect(() => nestWeights(net(), wrong)).to.throw(
        UsageError,
        `nested nets need ratios from 0 up and below 1 that fall, the sparsest first, got ${said}`,
      );
  });
});
