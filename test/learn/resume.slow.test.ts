/**
 * @file Law 7 over random plans: a run that is stopped, or killed between two files, and resumed ends with the bytes of the
 * unbroken run, growth and best weights included. Law 4: what does not belong to the run is refused.
 */

import { expect } from 'chai';
import type { GrowPlan } from '../../src/edit/index.ts';
import { MoonletError, Refusal } from '../../src/errors.ts';
import { softTargets } from '../../src/learn/distill/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { keepZeros } from '../../src/learn/structure/index.ts';
import { differences } from '../../src/learn/train/differences.ts';
import {
  adam,
  type FitOptions,
  type Fitted,
  fit,
  packCheckpoint,
  sgd,
  unpackCheckpoint,
} from '../../src/learn/train/index.ts';
import { materialize } from '../../src/weights/index.ts';
import { corners, cornersNet, cornersScale, type MemoryStore, memoryStore } from '../support/corners.ts';
import { fc } from '../support/property.ts';

const [train, validation] = [corners(48, 1), corners(24, 2)];
const steps = 12;

/** Growth that a run can have, each step of a plan possible after any of the others. */
const plans: readonly GrowPlan[] = [
  [{ widen: { stage1: 'x1.5' } }],
  [{ widen: { stem: 'x1.5' } }],
  [{ deepen: 'stage1', by: 1 }],
  [{ enlarge: 'stage1', to: 5 }],
  [{ units: { stage1: 'x1.5' } }],
  [{ widen: { stem: 'x1.25' } }, { deepen: 'stage1', by: 1 }],
];
interface Case {
  readonly growth: readonly {
    readonly at: number;
    readonly plan: GrowPlan;
    readonly warmup?: number | undefined;
  }[];
  readonly keep: 'last' | 'best';
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
  /** How it is fine-tuned: an average, patience, frozen parts, rates by part. */
  readonly tuned: Pick<FitOptions, 'ema' | 'patience' | 'freeze' | 'layerDecay'>;
  /** From this step on a rate that ruins the weights, so that the best are not the last. */
  readonly ruin: number;
  /** Steps after which a signal stops it. */
  readonly stops: readonly number[];
  /** Files after which it is killed. */
  readonly kills: readonly number[];
}
const cases: fc.Arbitrary<Case> = fc
  .record({
    at: fc.integer({ min: 2, max: steps - 2 }),
    more: fc.array(fc.nat({ max: steps - 1 }), { maxLength: 1 }),
    plans: fc.shuffledSubarray([...plans], { minLength: 2, maxLength: 2 }),
    keep: fc.constantFrom('last' as const, 'best' as const, 'best' as const, 'best' as const),
    evaluateEvery: fc.integer({ min: 1, max: 3 }),
    checkpointEvery: fc.integer({ min: 1, max: steps }),
    tuned: fc.constantFrom<Case['tuned']>(
      {},
      { ema: 0.8 },
      { ema: { decay: 0.9, warmup: true }, patience: 1 },
      { patience: 2, freeze: ['stem'] },
      { ema: 0.5, layerDecay: 0.5, freeze: ['stem/norm'] },
    ),
    warmup: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    ruin: fc.integer({ min: -1, max: 3 }),
    stop: fc.integer({ min: -1, max: 3 }),
    stops: fc.array(fc.integer({ min: 0, max: steps }), { maxLength: 1 }),
    kills: fc.array(fc.nat({ max: 6 }), { maxLength: 2 }),
  })
  .map(({ at, more, plans: [first = [], second = []], warmup, ruin, stop, stops, ...rest }) => ({
    ...rest,
    growth: [{ at, plan: first, warmup }, ...more.map((other) => ({ at: other, plan: second, warmup }))],
    // most faults lie around growth
    ruin: at + ruin,
    stops: [at + stop, ...stops],
  }));

const run = (c: Case, o: Partial<FitOptions> = {}): Promise<Fitted> =>
  fit(cornersNet(), train, cornersScale, {
    ...{ steps, batch: 8, seed: 3, engine: 'wasm', validation },
    ...{ growth: c.growth, keep: c.keep, evaluateEvery: c.evaluateEvery, checkpointEvery: c.checkpointEvery },
    ...c.tuned,
    rate: (step) => (step < c.ruin ? 0.1 : 3),
    ...o,
  });
const bytes = ({ net, history, endedEarly }: Fitted): unknown => [
  history,
  endedEarly,
  [...net.weights].map(([key, w]) => [key, w.shape, materialize(w)]),
];

/** The same run with all its stops and kills, until it ends. */
async function broken(c: Case): Promise<Fitted> {
  const { files } = memoryStore();
  for (const stop of c.stops) {
    const signal = new AbortController();
    if (stop === 0) signal.abort();
    const onStep = ({ step }: { step: number }): void => {
      if (step === stop) signal.abort();
    };
    await run(c, { checkpoints: memoryStore(undefined, files), signal: signal.signal, onStep });
  }
  for (const kill of c.kills)
    await run(c, { checkpoints: memoryStore(kill, files) }).catch((e: Error) =>
      expect(e.message).to.equal('killed'),
    );
  return run(c, { checkpoints: memoryStore(undefined, files) });
}

describe('a run that is broken off and resumed (laws 4 and 7)', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`ends with the bytes of the unbroken run, over random growth, stops and kills, part ${seed}`, async () => {
      await fc.assert(
        fc.asyncProperty(cases, async (c) => {
          expect(bytes(await broken(c))).to.deep.equal(bytes(await run(c)));
        }),
        { numRuns: 5, seed },
      );
    });
  }

  it('is refused before its first step for growth that cannot be done later', async () => {
    const plan = [{ enlarge: 'stage1', to: 5 }];
    const seen: number[] = [];
    const error = await fit(cornersNet(), train, cornersScale, {
      ...{ steps, batch: 8, engine: 'wasm' },
      growth: [
        { at: 2, plan },
        { at: 4, plan },
      ],
      onStep: ({ step }) => seen.push(step),
    }).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(Refusal);
    expect((error as Error).message).to.match(/^growth at step 4: stage1: no conv the/);
    expect(seen).to.deep.equal([]);
  });

  it('keeps the best since the last growth on onnxruntime too', async () => {
    const c: Case = {
      ...{ keep: 'best', evaluateEvery: 2, checkpointEvery: 100, ruin: 5, stops: [7], kills: [] },
      tuned: { ema: 0.8 },
      growth: [{ at: 6, plan: [{ widen: { stage1: 'x2' } }] }],
    };
    const o = { engine: 'onnxruntime' } as const;
    const whole = await run(c, o);
    const store = memoryStore();
    const stop = new AbortController();
    const onStep = ({ step }: { step: number }): void => {
      if (step === 7) stop.abort();
    };
    await run(c, { ...o, checkpoints: store, signal: stop.signal, onStep });
    expect(bytes(await run(c, { ...o, checkpoints: store }))).to.deep.equal(bytes(whole));
    for (const [key, w] of whole.net.weights)
      expect(materialize(w).length, key).to.equal(w.shape.reduce((n, d) => n * d, 1));
  });
});

describe('a checkpoint', () => {
  const base = {
    growth: [],
    keep: 'best',
    tuned: {},
    evaluateEvery: 2,
    checkpointEvery: 100,
    ruin: 12,
    stops: [],
    kills: [],
  } as const;
  const c: Case = { ...base, growth: [], stops: [], kills: [] };
  let store: MemoryStore;
  before(async () => {
    store = memoryStore();
    const stop = new AbortController();
    const onStep = ({ step }: { step: number }): void => {
      if (step === 5) stop.abort();
    };
    await run(c, { checkpoints: store, signal: stop.signal, onStep });
  });
  const refused = async (o: Partial<FitOptions>, files = store.files): Promise<string> => {
    const error = await run(c, { checkpoints: memoryStore(undefined, new Map(files)), ...o }).catch(
      (e: unknown) => e,
    );
    expect(error).to.be.instanceOf(MoonletError);
    return (error as Error).message;
  };

  it('is refused when a shape differs, by its name', () => {
    const progress = { step: 1, recipe: 'r', history: { loss: [1], validation: [] } };
    const made = packCheckpoint(
      { 'weight/a': new Float32Array(6) },
      { 'weight/a': { shape: [2, 3] } },
      progress,
    );
    expect(() => unpackCheckpoint(made, { 'weight/a': { shape: [3, 2] } }, 'r')).to.throw(
      MoonletError,
      'checkpoint: "weight/a" is [2, 3], and the net has [3, 2]; the file is of another net',
    );
    const { state } = unpackCheckpoint(made, { 'weight/a': { shape: [2, 3] } }, 'r');
    expect(state['weight/a']).to.have.length(6);
  });

  it('is refused when the best weights are missing, or of another step', async () => {
    const alone = new Map([...store.files].filter(([name]) => name === 'last'));
    expect(await refused({}, alone)).to.equal(
      'checkpoint: the best weights, of step 4, are missing; choose another folder, or remove it by --force',
    );
    const last = store.files.get('last') as Uint8Array;
    expect(
      await refused(
        {},
        new Map([
          ['last', last],
          ['best', last],
        ]),
      ),
    ).to.equal(
      'checkpoint: the best weights should be those of step 4, and are of step 5; choose another folder, or remove it by --force',
    );
  });

  const teacher = cornersNet(7);
  const labels = { ...train, labels: train.labels.map((l) => 3 - l) };
  for (const [what, o, words] of [
    ['seed', { seed: 4 }, 'seed was 3, is 4'],
    ['rate', { rate: 0.05 }, 'rate was 0.1, is 0.05'],
    ['rate that changes late', { rate: (step: number) => (step < 11 ? 0.1 : 0.2) }, /^rate differs/],
    [
      'optimizer',
      { optimizer: adam() },
      /^optimizer.name was sgd, is adam; optimizer.constants.momentum was 0.9, is not given; .*; and \d+ more$/,
    ],
    [
      'momentum',
      { optimizer: sgd({ nesterov: true, weightDecay: 5e-4, momentum: 0.8 }) },
      'optimizer.constants.momentum was 0.9, is 0.8',
    ],
    [
      'label smoothing',
      { losses: [crossEntropy({ labelSmoothing: 0.1 })] },
      'losses.cross-entropy.constants.labelSmoothing was 0, is 0.1',
    ],
    [
      'weight of a loss',
      { losses: [crossEntropy({ weight: 0.5 })] },
      'losses.cross-entropy.weight was 1, is 0.5',
    ],
    [
      'loss',
      { losses: [crossEntropy(), softTargets()], teacher },
      /^losses.soft-targets was not given, is |losses.soft-targets differs/,
    ],
    ['teacher', { teacher }, /^teacher (differs|was not given)/],
    ['growth', { growth: [{ at: 9, plan: [{ widen: { stage1: 'x2' } }] }] }, /^growth /],
    ['augmentation', { augment: { shift: 1 } }, 'data.shift was 0, is 1'],
    ['view seed', { viewSeed: 9 }, 'data.viewSeed was not given, is 9'],
    ['validation', { validation: corners(24, 3) }, 'data.validation differs'],
    ['trained nodes', { trained: (id: string) => id.startsWith('head') }, /^trained /],
    ['interval of evaluations', { evaluateEvery: 3 }, 'evaluateEvery was 2, is 3'],
    ['form', { form: keepZeros(cornersNet()) }, /^form /],
    ['recipe', { recipe: '{"name":"b"}' }, /^recipe was not given, is {"name":"b"}$/],
  ] as const) {
    it(`is refused by a run with another ${what}, which the line names`, async () => {
      const message = await refused(o as Partial<FitOptions>);
      const named =
        /^checkpoint: it was made by another recipe \((.*)\); choose another folder, or remove it by --force$/.exec(
          message,
        )?.[1];
      if (typeof words === 'string') expect(named).to.equal(words);
      else expect(named).to.match(words);
    });
  }
  it('is refused by a run on other images, and by one taught by a teacher with other weights', async () => {
    const other = (data: typeof train) =>
      fit(cornersNet(), data, cornersScale, {
        ...{
          steps,
          batch: 8,
          seed: 3,
          engine: 'wasm',
          validation,
          keep: 'best',
          evaluateEvery: 2,
          rate: 0.1,
        },
        checkpoints: memoryStore(undefined, store.files),
      }).catch((e: Error) => e.message);
    expect(await other(labels)).to.match(/\(data\.images differs\)/);
    const files = new Map<string, Uint8Array>();
    const taught = (seed: number) =>
      run(c, {
        teacher: cornersNet(seed),
        losses: [softTargets()],
        steps: 1,
        checkpoints: memoryStore(undefined, files),
      });
    await taught(7);
    expect(await taught(8).catch((e: Error) => e.message)).to.match(/\(teacher differs\)/);
  });
  it('says where two recipes differ, field by field', () => {
    const text = (recipe: unknown): string => JSON.stringify({ recipe, rate: 1 });
    expect(differences(text({ a: { b: 1 }, c: [1, 2] }), text({ a: { b: 2 }, c: [1, 3] }))).to.equal(
      'a.b was 1, is 2; c[1] was 2, is 3',
    );
    expect(differences('of a former version', text({}))).to.equal('it is of another kind or version');
  });
  it('resumes with the same schedule made anew, and with a number for a schedule that never changes', async () => {
    const files = new Map(store.files);
    const done = await run(c, { checkpoints: memoryStore(undefined, files), rate: () => 0.1 });
    expect(done.finished).to.equal(true);
  });
});
