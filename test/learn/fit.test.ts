/** @file The training loop: it learns, resumes to the same numbers, keeps what it is told, and refuses what cannot work. */

import { expect } from 'chai';
import { graph, init, input, MoonletError, UsageError } from '../../src/index.ts';
import { distill, softTargets } from '../../src/learn/distill/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { evaluate, type Scale } from '../../src/learn/task/index.ts';
import { type CheckpointStore, type FitOptions, fit } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { parseRecipe } from '../../src/run/index.ts';

const scale: Scale = { shape: [6, 6, 1], mean: 0.2, std: 0.4 };
/** Bright in one of four corners, with noise: the class is the corner. */
function corners(count: number, seed: number) {
  const source = random('corners', seed);
  const pixels = new Uint8Array(count * 36);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const label = i % 4;
    labels[i] = label;
    for (let k = 0; k < 36; k++) {
      const [row, column] = [Math.floor(k / 6), k % 6];
      const inside = row < 3 === label < 2 && column < 3 === (label % 2 === 0);
      pixels[i * 36 + k] = Math.min(255, (inside ? 100 : 20) + source.below(100));
    }
  }
  return { count, pixels, labels };
}
const train = corners(160, 1);
const test = corners(80, 2);
const net = (seed = 1, drops = 0.2) =>
  init(
    graph(
      'corners',
      input(6, 6, 1)
        .pipe('stem', (x) => x.conv(8, { kernel: 3 }).norm().relu())
        .pipe('stage1', (x) =>
          x
            .depthwise({ stride: 2 })
            .norm()
            .act('hardSwish')
            .dropPath(drops / 2),
        )
        .pipe('head', (x) => x.globalPool().dropout(drops).dense(4)),
    ),
    { seed },
  );
const options: FitOptions = { steps: 40, batch: 16, seed: 3, rate: 0.1 };

/** Checkpoints in memory. */
function memory(): CheckpointStore & { readonly files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>();
  return {
    files,
    load: async (name) => files.get(name),
    save: async (name, bytes) => void files.set(name, Uint8Array.from(bytes)),
  };
}

describe('fit', () => {
  it('learns: the loss falls and unseen examples are told apart', async () => {
    const { net: trained, history } = await fit(net(), train, scale, { ...options, steps: 80 });
    expect(history.loss).to.have.length(80);
    expect(history.loss.at(-1)).to.be.below((history.loss[0] as number) / 2);
    const { accuracy, n, confusion } = await evaluate(trained, test, scale, { batch: 32 });
    expect(n).to.equal(80);
    expect(accuracy).to.be.above(0.9);
    expect(confusion.flat().reduce((a, b) => a + b, 0)).to.equal(80);
  });

  it('gives the same numbers for the same seed, and others for another (law 7)', async () => {
    const [a, b, c] = [
      await fit(net(), train, scale, options),
      await fit(net(), train, scale, options),
      await fit(net(), train, scale, { ...options, seed: 4 }),
    ];
    expect(a?.history).to.deep.equal(b?.history);
    expect([...(a?.net.weights ?? [])]).to.deep.equal([...(b?.net.weights ?? [])]);
    expect(a?.history).not.to.deep.equal(c?.history);
  });

  it('resumes after a stop, and ends with exactly the weights and losses of an unbroken run (law 7)', async () => {
    const whole = await fit(net(), train, scale, options);
    const checkpoints = memory();
    const stop = new AbortController();
    const broken = await fit(net(), train, scale, {
      ...options,
      checkpoints,
      checkpointEvery: 7,
      signal: stop.signal,
      onStep: ({ step }) => step === 17 && stop.abort(),
    });
    expect(broken.finished).to.equal(false);
    expect(broken.history.loss).to.have.length(17);
    let from = 0;
    const resumed = await fit(net(9), train, scale, {
      ...options,
      checkpoints,
      onResume: (step) => (from = step),
    });
    expect(from).to.equal(17);
    expect(resumed.finished).to.equal(true);
    expect(resumed.history).to.deep.equal(whole.history);
    expect([...resumed.net.weights]).to.deep.equal([...whole.net.weights]);
  });

  it('refuses the checkpoint of another recipe, and a damaged one', async () => {
    const checkpoints = memory();
    await fit(net(), train, scale, { ...options, steps: 2, checkpoints });
    const again = (o: Partial<FitOptions>) =>
      rejection(fit(net(), train, scale, { ...options, steps: 2, checkpoints, ...o }));
    expect((await again({ seed: 8 })).message).to.equal(
      'checkpoint: it was made by another recipe (seed was 3, is 8); choose another folder, or remove it by --force',
    );
    const bytes = checkpoints.files.get('last') as Uint8Array;
    checkpoints.files.set('last', bytes.slice(0, bytes.length - 10));
    expect((await again({})).message).to.match(/^checkpoint: truncated/);
  });

  it('keeps the weights that did best on held-out examples when told', async () => {
    const seen: [number, number][] = [];
    const best = await fit(net(), train, scale, {
      ...options,
      rate: (step) => (step < 30 ? 0.1 : 5), // the end of this run is ruined on purpose
      validation: test,
      evaluateEvery: 10,
      keep: 'best',
      onValidation: (step, accuracy) => seen.push([step, accuracy]),
    });
    expect(seen.map(([step]) => step)).to.deep.equal([10, 20, 30, 40]);
    const top = Math.max(...seen.map(([, accuracy]) => accuracy));
    expect((await evaluate(best.net, test, scale)).accuracy).to.equal(top);
    expect(seen.at(-1)?.[1]).to.be.below(top);
  });

  it('trains only the nodes that it is told to; the others keep weights and statistics', async () => {
    const { net: after } = await fit(net(), train, scale, {
      ...options,
      steps: 3,
      trained: (id) => id.startsWith('head'),
    });
    const before = net();
    for (const [key, { data }] of after.weights) {
      const same = data.every((v, i) => v === before.weights.get(key)?.data[i]);
      expect(same, key).to.equal(!key.startsWith('head'));
    }
  });

  it('reports each loss, its rate and the accuracy of the batch', async () => {
    const reports: unknown[] = [];
    await fit(net(), train, scale, {
      ...options,
      steps: 2,
      losses: [crossEntropy({ weight: 0.5 })],
      rate: (step) => 0.1 * (step + 1),
      onStep: (at) => {
        expect(at.loss).to.be.closeTo(0.5 * (at.losses['cross-entropy'] as number), 1e-6);
        expect(at.accuracy).to.be.within(0, 1);
        reports.push([at.step, at.steps, at.rate]);
      },
    });
    expect(reports).to.deep.equal([
      [1, 2, 0.1],
      [2, 2, 0.2],
    ]);
  });

  it('grows in mid-run without a jump, with momentum along, and resumes to the same numbers', async () => {
    const growth = [
      { at: 20, plan: [{ widen: { stage1: 12 } }, { deepen: 'stage1', by: 1 }] },
      { at: 30, plan: [{ enlarge: 'stage1', to: 5 }] },
    ] as const;
    const plain = await fit(net(1, 0), train, scale, { ...options, rate: 0.02 });
    const whole = await fit(net(1, 0), train, scale, { ...options, rate: 0.02, growth });
    expect(whole.history.loss.slice(0, 20)).to.deep.equal(plain.history.loss.slice(0, 20));
    // the step at which it grows still sees the old function: the loss goes on as without growth
    expect(whole.history.loss[20]).to.be.closeTo(plain.history.loss[20] as number, 1e-4);
    expect(whole.net.weights.get('stem/conv:kernel')?.shape).to.deep.equal([3, 3, 1, 12]);
    for (const stopAt of [15, 20, 25, 33]) {
      const checkpoints = memory();
      const stop = new AbortController();
      const o = { ...options, rate: 0.02, growth, checkpoints };
      await fit(net(1, 0), train, scale, {
        ...o,
        signal: stop.signal,
        onStep: ({ step }) => step === stopAt && stop.abort(),
      });
      const resumed = await fit(net(1, 0), train, scale, o);
      expect(resumed.history, `stopped after ${stopAt}`).to.deep.equal(whole.history);
    }
  });

  it('stops with one line when the loss is no number any more', async () => {
    const error = await rejection(fit(net(), train, scale, { ...options, rate: 1e30 }));
    expect(error).to.be.instanceOf(MoonletError);
    expect(error.message).to.match(
      /^step \d+: the loss is (NaN|Infinity); lower the learning rate or check the data$/,
    );
  });

  it('refuses steps that are none and best weights without held-out examples', async () => {
    expect((await rejection(fit(net(), train, scale, { ...options, steps: 0 }))).message).to.equal(
      'steps must be a whole number from 1 up, got 0',
    );
    expect((await rejection(fit(net(), train, scale, { ...options, keep: 'best' }))).message).to.equal(
      'keeping the best weights needs held-out examples ("validation")',
    );
  });
});

describe('distill', () => {
  it('makes a student follow its teacher', async () => {
    const { net: teacher } = await fit(net(), train, scale, { ...options, steps: 80 });
    const apart: number[] = [];
    await distill(net(5), train, scale, {
      ...options,
      steps: 60,
      teacher,
      losses: [softTargets({ weight: 1, temperature: (step) => (step < 30 ? 4 : 2) })],
      onStep: (at) => apart.push(at.losses['soft-targets'] as number),
    });
    const mean = (part: readonly number[]): number => part.reduce((a, b) => a + b, 0) / part.length;
    expect(mean(apart.slice(-10))).to.be.below(mean(apart.slice(0, 10)) / 2);
  });
});

describe('recipes', () => {
  const good = { data: 'mnist', student: 'wrn size=28 channels=1', steps: 10 };
  it('fill in what is usual', () => {
    expect(parseRecipe(good)).to.deep.include({
      batch: 64,
      seed: 0,
      validation: 0,
      keep: 'last',
      rate: { kind: 'one-cycle', peak: 0.1 },
    });
  });
  for (const [what, change, message] of [
    ['a missing field', { steps: undefined }, /^recipe: steps: /],
    ['an unknown field', { stepz: 3 }, /^recipe: top level: .*stepz/],
    ['a number out of range', { batch: 0 }, /^recipe: batch: /],
    [
      'an unknown loss',
      { losses: [{ kind: 'hint' }] },
      /^recipe: losses\[0\](\.kind)?: no loss "hint"\. Did you mean "hints"\? Known: cross-entropy, /,
    ],
    ['a loss without a kind', { losses: [{ weight: 1 }] }, /: a loss has a "kind", one of cross-entropy, /],
    [
      'a teacher that is not there',
      { losses: [{ kind: 'hints', teacher: 'bug' }], teachers: { big: 'mnist/wrn-16-1' } },
      /^recipe: no teacher "bug"\. Did you mean "big"\? In "teachers": big$/,
    ],
    [
      'a loss of a stage that needs a teacher',
      { stages: [{ steps: 3, losses: [{ kind: 'fsp' }] }] },
      /^recipe: the loss fsp needs a "teacher"$/,
    ],
    [
      'assistants without a teacher',
      { assistants: [{ student: 'wrn' }] },
      /^recipe: assistants: need a "teacher"/,
    ],
    ['two kinds of teacher', { teacher: 'a', ensemble: ['a', 'b'] }, /^recipe: ensemble: replaces "teacher"/],
    [
      'a loss that needs a teacher, without one',
      { losses: [{ kind: 'attention' }] },
      /^recipe: the loss attention needs a "teacher"$/,
    ],
    [
      'a loss that is listed twice',
      { losses: [{ kind: 'cross-entropy' }, { kind: 'cross-entropy' }] },
      /^recipe: the loss cross-entropy is listed twice; give it one weight$/,
    ],
    ['an unknown schedule', { rate: { kind: 'linear', peak: 1 } }, /^recipe: rate\.kind: /],
  ] as const) {
    it(`refuse ${what}`, () => {
      expect(() => parseRecipe({ ...good, ...change })).to.throw(UsageError, message);
    });
  }
});

async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (e) {
    return e as Error;
  }
  throw new Error('expected a rejection');
}
