/** @file Neuron selection: the energy's choice, copies, the loss over the chosen alone, law 6. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { graph, input } from '../../../src/compose/index.ts';
import { useBackend } from '../../../src/engine/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import { chooseNeurons, neuronSelection, selectNeurons } from '../../../src/learn/distill/index.ts';
import { crossEntropy, type Signals } from '../../../src/learn/loss/index.ts';
import { classification } from '../../../src/learn/task/index.ts';
import { random } from '../../../src/random.ts';
import { init } from '../../../src/weights/index.ts';
import { expectTaskStepAgrees } from '../../support/task-steps.ts';

const value = (t: tf.Tensor): number => (t.dataSync() as Float32Array)[0] as number;
const noise = (seed: number, n = 400): Float64Array => {
  const source = random('neurons', seed);
  return Float64Array.from({ length: n }, source.normal);
};
const mixed = (a: Float64Array, b: Float64Array, share: number): Float64Array =>
  a.map((v, i) => share * v + (1 - share) * (b[i] as number));
const net = (units: number) =>
  graph(
    `net${units}`,
    input(4, 4, 1)
      .pipe('stem', (x) => x.conv(units, { kernel: 3 }).norm().relu())
      .pipe('head', (x) => x.globalPool().dense(3)),
  );

describe('which neurons are chosen (Luo et al.)', () => {
  const [a, b] = [noise(1), noise(2)];

  it('those that an attribute explains, not noise', () => {
    const neurons = [mixed(a, noise(3), 0.7), noise(4), mixed(b, noise(5), 0.7), noise(6)];
    const { neurons: chosen, explained } = selectNeurons(neurons, [a, b]);
    expect(chosen).to.deep.equal([0, 2]);
    // 0.7 a + 0.3 noise: 0.49 / 0.58 of the variance, up to sampling
    expect(explained[0]).to.be.closeTo(0.49 / 0.58, 0.05);
  });
  it('never one beside its copy, whatever its sign and scale; a copy never raises the count', () =>
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 5 }), (seed, which) => {
        const neurons = Array.from({ length: 6 }, (_, i) =>
          mixed(i % 2 ? a : b, noise(seed * 10 + i), 0.3 + 0.1 * i),
        );
        const first = selectNeurons(neurons, [a, b]).neurons;
        const copy = (neurons[which] as Float64Array).map((v) => -3 * v + 1);
        const second = selectNeurons([...neurons, copy], [a, b]).neurons;
        expect(second.length).to.be.at.most(first.length);
        expect(second.includes(which) && second.includes(6)).to.equal(false);
      }),
      { numRuns: 40 },
    ));
  it('the energy is that of the choice: unary parts and pairs', () => {
    const neurons = [mixed(a, noise(3), 0.7), mixed(a, noise(8), 0.7)];
    const { neurons: chosen, energy, explained } = selectNeurons(neurons, [a], { lambda: 0.1, cost: 0.1 });
    expect(chosen).to.deep.equal([0, 1]);
    const center = (x: Float64Array): Float64Array => {
      const mean = x.reduce((s, v) => s + v, 0) / x.length;
      return x.map((v) => v - mean);
    };
    const [x, y] = neurons.map(center) as [Float64Array, Float64Array];
    const dot = (p: Float64Array, q: Float64Array): number =>
      p.reduce((s, v, i) => s + v * (q[i] as number), 0);
    const r = dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
    expect(energy).to.be.closeTo(0.2 - (explained[0] ?? 0) - (explained[1] ?? 0) + 0.1 * r ** 4, 1e-9);
  });
  it('a larger lambda chooses no more of neurons alike', () => {
    const alike = Array.from({ length: 5 }, (_, i) => mixed(a, noise(20 + i), 0.8));
    const counts = [0, 0.5, 1, 5].map((lambda) => selectNeurons(alike, [a], { lambda }).neurons.length);
    expect(counts).to.deep.equal([...counts].sort((p, q) => q - p));
    expect(counts[0]).to.equal(5);
    expect(counts.at(-1)).to.equal(1);
  });
  it('says when none is worth it', () => {
    expect(() => selectNeurons([noise(4)], [a])).to.throw(
      MoonletError,
      /^neuron-selection: no neuron has 0\.1 of its variance explained by an attribute \(the most is 0\.0\d\d\); lower "cost"$/,
    );
  });
});

describe('distilling from neurons', () => {
  before(() => useBackend('wasm'));
  const chosen = { neurons: [1, 3], mean: [2, 0], deviation: [4, 1] };

  it('is half of the mean square over the chosen alone, standardized', () =>
    tf.tidy(() => {
      const loss = neuronSelection(chosen)({ student: net(3), teacher: net(5) });
      const at = (s: number[], t: number[]): number =>
        value(
          loss.compute({
            student: () => tf.tensor2d([s]),
            teacher: () => tf.tensor2d([t]),
          } as unknown as Signals),
        );
      expect(at([1, 3], [9, 6, 9, 3, 9])).to.equal(0); // (6 - 2) / 4 = 1
      expect(at([0, 0], [9, 6, 9, 3, 9])).to.equal((1 + 9) / 4);
      expect(at([0, 0], [-5, 6, 100, 3, 7])).to.equal((1 + 9) / 4); // the others do not matter
    }));
  it('puts a dense layer beside the student, as wide as the choice', () => {
    const loss = neuronSelection(chosen)({ student: net(3), teacher: net(5) });
    expect(loss.beside).to.deep.equal([
      {
        id: 'adapter/neuron-selection/dense',
        op: { kind: 'dense', out: 2, bias: true },
        inputs: ['head/globalPool'],
      },
    ]);
    expect(loss.teacher).to.deep.equal(['head/globalPool']);
    expect(loss.notes).to.deep.equal(['neuron-selection: 2 of 5 neurons of head/globalPool']);
  });
  it('refuses neurons that are not there, maps, and no teacher', () => {
    const make = neuronSelection({ ...chosen, neurons: [1, 5] });
    expect(() => make({ student: net(3), teacher: net(5) })).to.throw(
      MoonletError,
      'neuron-selection: no neuron 5 in head/globalPool; it has 5, from 0',
    );
    expect(() => make({ student: net(3) })).to.throw(MoonletError, 'neuron-selection: needs a teacher');
    const map = neuronSelection({ ...chosen, pair: ['stem', 'stem'] });
    expect(() => map({ student: net(3), teacher: net(5) })).to.throw(
      MoonletError,
      'neuron-selection: stem/act is a map; choose a vector',
    );
  });

  const source = random('images', 1);
  const split = {
    count: 24,
    pixels: Uint8Array.from({ length: 24 * 16 }, () => source.below(256)),
    labels: Uint8Array.from({ length: 24 }, (_, i) => i % 3),
  };
  const scale = { shape: [4, 4, 1] as const, mean: 0.5, std: 0.3 };

  it('chooses by what the teacher says of images, with the means and deviations of these', async () => {
    const brightness = Array.from({ length: 24 }, (_, i) =>
      split.pixels.subarray(i * 16, (i + 1) * 16).reduce((s, v) => s + v, 0),
    );
    const found = await chooseNeurons(init(net(5), { seed: 2 }), split, scale, [brightness]);
    expect(found.neurons.length).to.be.within(1, 5);
    for (const d of found.deviation) expect(d).to.be.above(0);
    expect(found.mean).to.have.length(found.neurons.length);
  });
  it('law 6', () =>
    expectTaskStepAgrees(init(net(3), { seed: 1 }), classification(split, scale), {
      losses: [crossEntropy(), neuronSelection(chosen)],
      teacher: init(net(5), { seed: 2 }),
      batch: 8,
    }));
});
