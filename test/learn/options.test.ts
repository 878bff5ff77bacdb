/** @file Options that are no such numbers, and batches that are too small, are refused in one line, before any work. */

import { expect } from 'chai';
import { type Flow, graph, init, input } from '../../src/index.ts';
import { darkRank, dist, distill, noiseSplit, softTargets } from '../../src/learn/distill/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { gradients, reestimateNorms } from '../../src/learn/structure/index.ts';
import { batches, classification, evaluate, passes, type Scale } from '../../src/learn/task/index.ts';
import { adam, type FitOptions, fit, sgd } from '../../src/learn/train/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { line, usage } from '../support/refused.ts';
import { good, made, net, scale } from '../support/rows.ts';

const o: FitOptions = { steps: 2, batch: 4, rate: 0.01, engine: 'wasm' };

describe('options that are no such numbers', () => {
  const wrong = [-1, 0, 1.5, Number.NaN, Number.POSITIVE_INFINITY];
  for (const name of ['batch', 'steps', 'evaluateEvery', 'checkpointEvery', 'views'] as const) {
    it(`${name} of a run`, async () => {
      for (const value of wrong)
        expect(await usage(() => fit(net(), good, scale, { ...o, [name]: value }))).to.equal(
          `${name} must be a whole number from 1 up, got ${value}`,
        );
    });
  }
  it('batch elsewhere', async () => {
    for (const batch of wrong) {
      const said = `batch must be a whole number from 1 up, got ${batch}`;
      for (const work of [
        () => evaluate(net(), good, scale, { batch }),
        () => distill(net(), good, scale, { ...o, batch, teacher: net() }),
        () => gradients(net(), classification(good, scale), { batch }),
        () => batches(good, scale, { batch, seed: 1 }),
        () => [...passes(good, scale, batch)],
      ])
        expect(await usage(work)).to.equal(said);
    }
  });
  for (const [what, change, said] of [
    ['seed', { seed: 0.5 }, 'seed must be a whole number, got 0.5'],
    ['shift', { augment: { shift: -1 } }, 'augment.shift must be a whole number from 0 up, got -1'],
    ['view seed', { viewSeed: Number.NaN }, 'viewSeed must be a whole number, got NaN'],
    ['keep', { keep: 'worst' }, 'keep must be "last" or "best", got "worst"'],
    ['growth', { growth: [{ at: 2, plan: [] }] }, 'growth: "at" must be a whole number from 0 to 1, got 2'],
    ['losses', { losses: [] }, 'losses: give one at least, or leave them out for cross-entropy'],
    ['rate', { rate: Number.NaN }, 'step 1: the rate must be a finite number, 0 or more, got NaN'],
    ['negative rate', { rate: -0.1 }, 'step 1: the rate must be a finite number, 0 or more, got -0.1'],
    [
      'rate of a later step',
      { rate: (step: number) => 0.1 / (1 - step) },
      'step 2: the rate must be a finite number, 0 or more, got Infinity',
    ],
    [
      'rate by name',
      { rate: 'one-cycle' } as object,
      'rate must be a number or a function of the step, as oneCycle() gives, got "one-cycle"',
    ],
    [
      'optimizer by name',
      { optimizer: 'adam' } as object,
      'optimizer must be what sgd() or adam() give, got "adam"',
    ],
    [
      'loss by name',
      { losses: ['cross-entropy'] } as object,
      'losses must be what losses.crossEntropy() and others give; a recipe takes names',
    ],
    [
      'augmentation',
      { augment: { shfit: 2 } } as object,
      'augment: no option "shfit". Did you mean "shift"? Known: resizedCrop, colorJitter, randAugment, shift, flip, erasing, mix',
    ],
    [
      'augmentation of a part',
      { augment: { erasing: { share: 0.5 } } } as object,
      'augment.erasing: no option "share". Known: probability, mode, area, ratio, count',
    ],
    [
      'weight of a loss',
      { losses: [crossEntropy({ weight: Number.NaN })] },
      'step 1: the weight of cross-entropy must be a finite number, got NaN',
    ],
    [
      'temperature',
      { teacher: net(), losses: [softTargets({ temperature: 0 })] },
      'temperature must be a number above 0, got 0',
    ],
    [
      'temperature that ends at 0',
      { teacher: net(), losses: [softTargets({ temperature: (step: number) => 1 - step })] },
      'step 2: temperature of soft-targets must be a number above 0, got 0',
    ],
    [
      'weight of a part that ends below 0',
      { teacher: net(), losses: [dist({ gamma: (step: number) => -step })] },
      'step 2: gamma of dist must be a number of 0 or more, got -1',
    ],
    [
      'weight of a part',
      { teacher: net(), losses: [dist({ gamma: -1 })] },
      'gamma must be a number of 0 or more, got -1',
    ],
    [
      'label smoothing',
      { losses: [crossEntropy({ labelSmoothing: 2 })] },
      'labelSmoothing must be a number from 0 to 1, got 2',
    ],
  ] as const) {
    it(`${what} of a run`, async () => {
      expect(
        await usage(() => fit(net(), good, scale, { ...o, ...(change as Partial<FitOptions>) })),
      ).to.equal(said);
    });
  }
  it('of optimizers and of images that are made', async () => {
    for (const momentum of [Number.NaN, 2])
      expect(await usage(() => sgd({ momentum }))).to.equal(
        `momentum must be a number from 0 to 1, got ${momentum}`,
      );
    for (const name of ['beta1', 'beta2'])
      for (const value of [1, 1.5, -0.1, Number.NaN])
        expect(await usage(() => adam({ [name]: value }))).to.equal(
          `${name} must be a number from 0 up and below 1, got ${value}`,
        );
    expect(await usage(() => adam({ eps: 0 }))).to.equal('eps must be a number above 0, got 0');
    expect(await usage(() => noiseSplit(scale, -1, 3))).to.equal(
      'images must be a whole number from 1 up, got -1',
    );
  });
});

describe('batches that are too small', () => {
  const blocks = (build: (x: Flow<'map'>) => Flow<'vec'>): Net =>
    init(graph('small', build(input(2, 2, 1)).dense(3)));
  const small: Scale = { ...scale, shape: [2, 2, 1] };
  const split = made([0, 1, 2, 0], 4);
  const vectors = blocks((x) => x.globalPool().norm());
  it('a batch norm over one value is refused before the first step, and says where', async () => {
    const said = (what: string) =>
      `small: the batch norm ${what} sees one value a channel in a batch of 1, and one value has no variance; take a batch of 2 or more`;
    const one = { ...o, batch: 1 };
    expect(await line(() => fit(vectors, split, small, one))).to.equal(said('norm [1]'));
    const maps = blocks((x) => x.conv(2, { kernel: 2, padding: 'valid' }).norm().globalPool());
    expect(await line(() => fit(maps, split, small, one))).to.equal(said('norm [1, 1, 2]'));
    expect(await line(() => reestimateNorms(vectors, [new Float32Array(4)]))).to.equal(said('norm [1]'));
    expect((await fit(vectors, split, small, { ...o, batch: 2 })).finished).to.equal(true);
  });
  it('a norm of four values, one that is not trained and one that no loss reads are not refused', async () => {
    const wide = blocks((x) => x.conv(2).norm().globalPool());
    expect((await fit(wide, split, small, { ...o, batch: 1 })).finished).to.equal(true);
    const trained = (id: string): boolean => id === 'dense';
    expect((await fit(vectors, split, small, { ...o, batch: 1, trained })).finished).to.equal(true);
    expect((await evaluate(vectors, split, small, { batch: 1, engine: 'wasm' })).n).to.equal(4);
  });
  it('a loss that compares more examples than a batch has', async () => {
    const teacher = net();
    expect(await line(() => fit(net(), good, scale, { ...o, teacher, losses: [darkRank()] }))).to.equal(
      'the loss darkrank compares 5 examples of a batch, and a batch has 4; take a larger one',
    );
  });
});
