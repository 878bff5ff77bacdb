/**
 * @file What fine-tuning promises: frozen parts, shares of the learning rate, moving averages and patience; and that a stopped run ends the
 * same. tuning-reference.test.ts has the numbers of PyTorch and timm.
 */
import { expect } from 'chai';
import { trace } from '../../src/jit/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { averageAt } from '../../src/learn/train/average.ts';
import { outOfPatience } from '../../src/learn/train/best.ts';
import { type FitOptions, fit, sgd, step } from '../../src/learn/train/index.ts';
import { entries, type Net } from '../../src/weights/index.ts';
import { corners, cornersNet, cornersScale, memoryStore } from '../support/corners.ts';
import { largestDifference } from '../support/nets.ts';
import { line, usage } from '../support/refused.ts';
import { runForward } from '../support/run.ts';

const train = corners(48, 1);
const held = corners(24, 2);
const run = (o: Partial<FitOptions>, net = cornersNet()) =>
  fit(net, train, cornersScale, { steps: 8, batch: 16, seed: 3, rate: 0.1, ...o });

describe('freezing', () => {
  it('costs no backward pass below the first node that is trained', () => {
    const { graph: g } = cornersNet();
    const losses = [crossEntropy()].map((make) => make({ student: g }));
    const counts = (frozen: (node: string) => boolean) => {
      const plan = { graph: g, losses, optimizer: sgd(), batch: 8, trained: (node: string) => !frozen(node) };
      const { fn, specs } = step(plan);
      return trace(fn, specs).nodes;
    };
    const inStem = (node: string): boolean => node.startsWith('stem');
    const [all, later, headAlone] = [
      counts(() => false),
      counts(inStem),
      counts((node) => !node.startsWith('head')),
    ];
    expect(all).to.be.above(later);
    expect(later).to.be.above(headAlone);
    // what a step of the head alone does to the stages is what inference does
    const forward = entries(g).length; // more than the ops of a forward pass of so small a net
    expect(headAlone).to.be.below(all / 2 + forward);
  });

  it('is the same as naming what is trained', async () => {
    const [a, b, c] = [
      await run({ freeze: ['stem', 'stage1'] }),
      await run({ train: ['head'] }),
      await run({ trained: (node) => node.startsWith('head') }),
    ];
    expect([...a.net.weights]).to.deep.equal([...b.net.weights]);
    expect([...a.net.weights]).to.deep.equal([...c.net.weights]);
  });

  it('says how many parameters are trained', async () => {
    const notes: string[] = [];
    await run({ steps: 1, freeze: ['stem'], layerDecay: 0.5, onNotes: (texts) => void notes.push(...texts) });
    expect(notes).to.deep.equal([
      '172 of 216 parameters are trained (frozen: stem)',
      'shares of the learning rate: stage1 0.5, head 1',
    ]);
  });

  it('refuses paths that mean nothing, and to freeze everything', async () => {
    expect(await line(() => run({ freeze: ['stage7'] }))).to.match(/^corners: no node at "stage7"/);
    expect(await usage(() => run({ freeze: ['stem..head'] }))).to.match(
      /^corners: nothing is left to train; /,
    );
  });
});

describe('shares of the learning rate', () => {
  it('multiply the first step of plain SGD exactly', async () => {
    const o = { steps: 1, optimizer: sgd({ momentum: 0 }) };
    const [plain, scaled] = [
      await run(o),
      await run({ ...o, layerDecay: 0.5, rates: [{ paths: ['stem/conv'], scale: 4 }] }),
    ];
    const shares = {
      'stem/conv': 4,
      'stem/norm': 0.25,
      'stage1/conv': 0.5,
      'stage1/norm': 0.5,
      'head/dense': 1,
    };
    const first = cornersNet().weights;
    for (const { key, node, trained } of entries(plain.net.graph)) {
      if (!trained) continue;
      const moved = (net: Net, i: number): number =>
        (net.weights.get(key)?.data[i] ?? 0) - (first.get(key)?.data[i] ?? 0);
      const size = first.get(key)?.data.length ?? 0;
      const share = shares[node as keyof typeof shares];
      for (let i = 0; i < size; i++)
        expect(moved(scaled.net, i), `${key} ${i}`).to.be.closeTo(share * moved(plain.net, i), 3e-7);
    }
  });

  it('are refused out of range, and for nets without stages', async () => {
    expect(await usage(() => run({ layerDecay: 0 }))).to.equal(
      'layerDecay must be a number above 0 up to 1, got 0',
    );
    expect(await usage(() => run({ rates: [{ paths: ['stem'], scale: -1 }] }))).to.match(
      /^the scale of "rates" must be/,
    );
  });
});

describe('a moving average', () => {
  it('has the shares that the formula says', () => {
    expect([1, 2, 8, 27].map((t) => averageAt({ decay: 0.85, warmup: true }, t))).to.deep.equal([
      0,
      1 - 2 ** (-2 / 3),
      1 - 8 ** (-2 / 3),
      0.85,
    ]);
    expect([1, 2, 3].map((t) => averageAt(0.99, t))).to.deep.equal([0, 0.99, 0.99]);
  });

  it('begins with the weights after the first step, is what is measured, and changes no step', async () => {
    const [plain, one] = [await run({ steps: 1 }), await run({ steps: 1, ema: 0.9 })];
    expect([...one.net.weights]).to.deep.equal([...plain.net.weights]);
    const measured: number[] = [];
    const [whole, averaged] = [
      await run({}),
      await run({
        ema: 0.999,
        validation: held,
        evaluateEvery: 8,
        onValidation: (_, m) => void measured.push(m),
      }),
    ];
    expect([...(averaged.raw?.weights ?? [])]).to.deep.equal([...whole.net.weights]);
    expect(averaged.history.loss).to.deep.equal(whole.history.loss);
    // 0.999 hardly leaves the weights of the first step
    const first = (await run({ steps: 1 })).net.weights.get('head/dense:kernel');
    const last = averaged.net.weights.get('head/dense:kernel');
    const raw = averaged.raw?.weights.get('head/dense:kernel');
    const far = (a: typeof first, b: typeof first): number =>
      Math.max(...(a?.data ?? []).map((v, i) => Math.abs(v - (b?.data[i] ?? 0))));
    expect(far(first, last)).to.be.below(0.02 * far(first, raw));
    expect(measured).to.have.length(1);
  });

  it('grows along: the averaged net computes what it would have computed without growth', async () => {
    // after growth the weights stay, and the average goes on towards them
    const o = { ema: 0.9, rate: (at: number) => (at < 4 ? 0.1 : 0), optimizer: sgd({ momentum: 0 }) };
    const plan = [{ widen: { stage1: 'x1.5' } }] as const;
    const [plain, grown] = [await run(o), await run({ ...o, growth: [{ at: 4, plan }] })];
    expect(grown.net.weights.get('stage1/conv:kernel')?.shape).to.deep.equal([3, 3, 4, 6]);
    const x = Float32Array.from({ length: 4 * 36 }, (_, k) => Math.sin(k));
    const [before, after, raw] = [
      await runForward(plain.net, x),
      await runForward(grown.net, x),
      await runForward(grown.raw ?? grown.net, x),
    ];
    const scale = Math.max(...before.map(Math.abs));
    expect(largestDifference(before, after) / scale).to.be.below(1e-5);
    expect(largestDifference(before, raw) / scale).to.be.above(1e-2);
    const zero = await run({ ema: 0, growth: [{ at: 4, plan }] });
    expect([...zero.net.weights]).to.deep.equal([...(zero.raw?.weights ?? [])]);
  });

  it('refuses decays that are none', async () => {
    for (const decay of [1, -0.1, Number.NaN])
      expect(await usage(() => run({ ema: decay }))).to.match(/^ema must be a number from 0/);
  });
});

describe('patience', () => {
  const history = (...measures: number[]) => ({
    loss: [],
    validation: measures.map((m, i): [number, number] => [(i + 1) * 10, m]),
  });
  it('ends after so many evaluations that were not better, counted after the last growth', () => {
    expect(outOfPatience(history(0.1, 0.3, 0.2), { patience: 2 })).to.equal(false);
    expect(outOfPatience(history(0.1, 0.3, 0.2, 0.3), { patience: 2 })).to.equal(true);
    expect(outOfPatience(history(0.1, 0.3, 0.2, 0.4), { patience: 2 })).to.equal(false);
    expect(outOfPatience(history(0.1, 0.3, 0.2, 0.3), {})).to.equal(false);
    expect(outOfPatience(history(0.9, 0.3, 0.2, 0.1), { patience: 2, growth: [{ at: 20 }] })).to.equal(false);
    expect(outOfPatience(history(0.9, 0.3, 0.2, 0.1, 0.2), { patience: 2, growth: [{ at: 20 }] })).to.equal(
      true,
    );
  });

  it('needs held-out examples', async () => {
    expect(await usage(() => run({ patience: 2 }))).to.equal(
      'patience needs held-out examples ("validation"), whose measure ends the run',
    );
  });
});

describe('a run that is fine-tuned in all these ways', () => {
  const whole: Partial<FitOptions> = {
    steps: 40,
    rate: (at) => (at < 10 ? 0.1 : 1e-9), // nothing gets better after the first steps
    ...{ freeze: ['stem'], layerDecay: 0.5, ema: { decay: 0.8, warmup: true } },
    ...{ validation: held, evaluateEvery: 2, patience: 3, keep: 'best', checkpointEvery: 3 },
  };
  it('ends early, and ends the same when it is stopped in between or begun again at its end', async () => {
    const unbroken = await run(whole);
    expect([unbroken.finished, unbroken.endedEarly]).to.deep.equal([true, true]);
    const end = unbroken.history.loss.length;
    expect(end).to.be.within(8, 38);
    const checkpoints = memoryStore();
    for (const stopAt of [5, 8]) {
      const stop = new AbortController();
      await run({
        ...whole,
        checkpoints,
        signal: stop.signal,
        onStep: ({ step: at }) => at === stopAt && stop.abort(),
      });
    }
    for (const again of [await run({ ...whole, checkpoints }), await run({ ...whole, checkpoints })]) {
      expect(again.history).to.deep.equal(unbroken.history);
      expect([...again.net.weights]).to.deep.equal([...unbroken.net.weights]);
      expect(again.endedEarly).to.equal(true);
    }
  });

  it('is another run where one of them differs', async () => {
    const checkpoints = memoryStore();
    await run({ ...whole, steps: 4, checkpoints });
    for (const [name, o] of Object.entries({
      ema: { ema: 0.8 },
      patience: { patience: 4 },
      rates: { layerDecay: 0.6 },
      trained: { freeze: ['stem/conv'] },
    }))
      expect(await line(() => run({ ...whole, steps: 4, checkpoints, ...o }))).to.include(
        `another recipe (${name}`,
      );
  });
});
