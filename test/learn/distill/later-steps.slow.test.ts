/**
 * @file Runs with the methods after the survey: traced as eagerly, what is dropped and what is merged at the end, memory banks that
 * checkpoints and growth keep, and generations.
 */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { graph, input } from '../../../src/compose/index.ts';
import {
  bornAgain,
  crd,
  dist,
  dkd,
  features,
  logitStandardization,
  reviewKd,
  rkd,
  srd,
  tokenDistillation,
} from '../../../src/learn/distill/index.ts';
import { crossEntropy, type LossMaker } from '../../../src/learn/loss/index.ts';
import { gradients } from '../../../src/learn/structure/index.ts';
import { classification } from '../../../src/learn/task/index.ts';
import { type FitTaskOptions, fitTask } from '../../../src/learn/train/index.ts';
import { parseRecipe } from '../../../src/run/index.ts';
import { linksOf } from '../../../src/run/links.ts';
import { init, materialize, type Net, readSafetensors, type WeightKey } from '../../../src/weights/index.ts';
import { memoryStore } from '../../support/corners.ts';
import { expectStepAgrees, tinyScale, tinySplit } from '../../support/distilling.ts';

const small = (channels: number) =>
  graph(
    'small',
    input(8, 8, 1)
      .pipe('stage1', (x) => x.conv(channels, { kernel: 3 }).norm().relu())
      .pipe('stage2', (x) => x.conv(channels, { kernel: 3, stride: 2 }).norm().relu())
      .pipe('head', (x) => x.globalPool().dense(10)),
  );
const task = classification(tinySplit(16), tinyScale);
const teacher = init(small(6), { seed: 9 });
const student = init(small(4), { seed: 1 });
const options: FitTaskOptions = {
  steps: 4,
  batch: 8,
  rate: 0.05,
  seed: 3,
  teacher,
  losses: [crossEntropy()],
};
const values = (net: Net, key: WeightKey): Float32Array => {
  const weight = net.weights.get(key);
  if (!weight) throw new Error(`no ${key}`);
  return materialize(weight);
};
const bank = crd({ length: 5, count: 12 });

/** An array in the last checkpoint of a store. */
async function stored(store: ReturnType<typeof memoryStore>, key: string): Promise<Float32Array> {
  const bytes = (await store.load('last')) ?? new Uint8Array();
  const found = readSafetensors(bytes, 'checkpoint', { maxHeader: 2 ** 26 }).tensors.get(key)?.data;
  if (found instanceof Float32Array) return found;
  throw new Error(`no ${key}`);
}

describe('runs with the methods after the survey', () => {
  const nets = { student: small(4), teacher: small(6) };
  for (const [what, losses] of [
    ['classes', [dkd({ standardized: true }), dist(), logitStandardization(), tokenDistillation()]],
    [
      'classes, in other forms',
      [dkd({ beta: 2 }), tokenDistillation({ form: 'hard' }), srd({ form: 'soft' })],
    ],
    ['embeddings', [rkd(), features(), srd(), bank]],
    ['maps', [reviewKd({ channels: 3 })]],
  ] as const)
    it(`make the same step traced as eagerly (law 6): ${what}`, () => expectStepAgrees(losses, nets));

  it('train connectors, fusions and projections, and drop them at the end', async () => {
    const losses: readonly LossMaker[] = [crossEntropy(), features(), srd(), reviewKd({ channels: 3 }), bank];
    const { net, whole } = await fitTask(student, task, { ...options, losses });
    expect(net.graph).to.equal(student.graph);
    expect([...net.weights.keys()]).to.deep.equal([...student.weights.keys()]);
    const fresh = init(whole.graph, { seed: 3 });
    for (const id of [
      'adapter/features/0/dense',
      'connector/srd/dense',
      'review-kd/level1/gate/conv',
      'projection/crd/dense',
    ])
      expect(values(whole, `${id}:kernel`), id).to.not.deep.equal(values(fresh, `${id}:kernel`));
  });

  it('predict by the mean of both classifiers after token distillation, of averaged weights too', async () => {
    for (const ema of [undefined, 0.5]) {
      const { net, whole, raw } = await fitTask(student, task, {
        ...{ ...options, losses: [crossEntropy(), tokenDistillation()] },
        ...(ema === undefined ? {} : { ema }),
      });
      for (const slot of ['kernel', 'bias'] as const) {
        const [own, other] = [
          values(whole, `head/dense:${slot}`),
          values(whole, `distillation-head/dense:${slot}`),
        ];
        expect(own).to.not.deep.equal(other);
        expect(values(net, `head/dense:${slot}`)).to.deep.equal(own.map((v, i) => (v + (other[i] ?? 0)) / 2));
        if (raw)
          expect(values(raw, `head/dense:${slot}`)).to.not.deep.equal(values(net, `head/dense:${slot}`));
      }
      expect(values(net, 'stage1/conv:kernel')).to.deep.equal(values(whole, 'stage1/conv:kernel'));
    }
  });

  it('remember in CRD the embeddings and labels of the examples that were seen', async () => {
    const store = memoryStore();
    const losses = [crossEntropy(), bank];
    await fitTask(student, task, { ...options, steps: 1, losses, checkpoints: store });
    const first = bank({ student: student.graph, teacher: teacher.graph, examples: 16 }).variables ?? {};
    const seen = new Set<number>();
    const labels = await stored(store, 'variable/crd/labels');
    labels.forEach((label, i) => {
      if (label >= 0) seen.add(i);
      if (label >= 0) expect(label).to.equal(i % 10);
    });
    expect(seen.size).to.equal(8);
    for (const side of ['student', 'teacher'] as const) {
      const rows = await stored(store, `variable/crd/${side}`);
      const before = first[side]?.initial(3) ?? new Float32Array();
      for (let i = 0; i < 16; i++) {
        const [row, old] = [rows, before].map((all) => all.subarray(5 * i, 5 * i + 5));
        if (seen.has(i)) expect(Math.hypot(...(row ?? []))).to.be.closeTo(1, 1e-5);
        else expect(row).to.deep.equal(old);
      }
      expect((await stored(store, `variable/crd/${side}Z`))[0]).to.be.above(0);
    }
    expect(await stored(store, 'variable/crd/kernel')).to.not.deep.equal(first['kernel']?.initial(3));
  });

  it('resume with their memory banks to the same bytes', async () => {
    const losses = [crossEntropy(), bank];
    const unbroken = memoryStore();
    const whole = await fitTask(student, task, { ...options, losses, checkpoints: unbroken });
    const store = memoryStore();
    const stop = new AbortController();
    await fitTask(student, task, {
      ...{ ...options, losses, checkpoints: store, signal: stop.signal },
      onStep: ({ step }) => {
        if (step === 2) stop.abort();
      },
    });
    const resumed = await fitTask(student, task, { ...options, losses, checkpoints: store });
    for (const key of whole.net.weights.keys())
      expect(values(resumed.net, key), key).to.deep.equal(values(whole.net, key));
    expect(await store.load('last')).to.deep.equal(await unbroken.load('last'));
  });

  it('keep their memory banks when the student grows', async () => {
    const [short, long] = [memoryStore(), memoryStore()];
    const losses = [crossEntropy(), bank];
    await fitTask(student, task, { ...options, steps: 2, losses, checkpoints: short });
    const growth = [{ at: 2, plan: [{ widen: { stage1: 'x1.5' as const } }] }];
    const grown = await fitTask(student, task, { ...options, steps: 3, losses, growth, checkpoints: long });
    expect(values(grown.net, 'stage1/norm:gamma')).to.have.length(6);
    const [before, after] = [
      await stored(short, 'variable/crd/teacher'),
      await stored(long, 'variable/crd/teacher'),
    ];
    const kept = Array.from({ length: 16 }, (_, i) => i).filter((i) =>
      before.subarray(5 * i, 5 * i + 5).every((v, k) => v === after[5 * i + k]),
    );
    expect(kept).to.have.length(8); // the third step saw the other half
  });

  it('are born again: each generation from fresh weights, taught by the one before', async () => {
    const seen: number[] = [];
    const { student: last, generations } = await bornAgain(small(3), task, {
      ...{ generations: 3, steps: 2, batch: 8, rate: 0.05, seed: 5 },
      onGeneration: (_, generation) => seen.push(generation),
    });
    expect(seen).to.deep.equal([1, 2, 3]);
    expect(generations).to.have.length(3);
    expect(generations.at(-1)).to.equal(last.net);
    // the second generation is what one run with the first as its teacher gives
    const [first, second] = generations;
    const again = await bornAgain(small(3), task, {
      ...{ generations: 1, steps: 2, batch: 8, rate: 0.05, seed: 6 },
      ...(first ? { teacher: first } : {}),
    });
    for (const key of again.student.net.weights.keys())
      expect(values(again.student.net, key), key).to.deep.equal(values(second as Net, key));
  });

  it('are born again in recipes: the first generation by labels alone, each with a seed of its own', () => {
    const base = { data: 'mnist', student: 'wrn depth=10', steps: 2, seed: 7 };
    const losses = [{ kind: 'cross-entropy' }, { kind: 'soft-targets' }] as const;
    const recipe = parseRecipe({ ...base, generations: 3, losses });
    const links = linksOf(recipe, student);
    expect(links.map((l) => l.stages[0]?.name)).to.deep.equal([
      'generation-1-training',
      'generation-2-training',
      'training',
    ]);
    expect(links.map((l) => l.stages[0]?.recipe.losses?.map((x) => x.kind))).to.deep.equal([
      ['cross-entropy'],
      ['cross-entropy', 'soft-targets'],
      ['cross-entropy', 'soft-targets'],
    ]);
    expect(links.map((l) => l.stages[0]?.recipe.seed)).to.deep.equal([8, 9, 7]);
    expect(links[0]?.net.weights).to.not.deep.equal(links[1]?.net.weights);
    const taught = linksOf(
      parseRecipe({ ...base, generations: 2, losses, teacher: 'mnist/wrn-16-1' }),
      student,
    );
    expect(taught[0]?.stages[0]?.recipe.losses).to.have.length(2);
    const both = { ...base, generations: 2, assistants: [{ student: 'wrn' }], losses };
    expect(() => parseRecipe(both)).to.throw('recipe: generations: cannot be combined with "assistants"');
  });

  it('name several teachers in recipes, and only known ones', () => {
    const recipe =
      (loss: object, more: object = {}) =>
      () =>
        parseRecipe({
          data: 'mnist',
          student: 'wrn',
          steps: 2,
          losses: [{ kind: 'multi-teacher', ...loss }],
          ...more,
        });
    const teachers = { big: 'mnist/wrn-16-1' };
    expect(recipe({})).to.throw('recipe: the loss multi-teacher needs "teachers", nets by their names');
    expect(recipe({ teachers: { bug: 1 } }, { teachers })).to.throw(
      'no teacher "bug". Did you mean "big"? In "teachers": big',
    );
    expect(recipe({ teachers: { big: 1 }, confidence: true }, { teachers })).to.not.throw();
  });
});

describe('gradients on data', () => {
  it('see fresh weights in the nodes that a loss puts beside the net', async () => {
    const loss: LossMaker = () => ({
      ...{ name: 'beside', weight: 1, student: ['beside/dense'], constants: {} },
      beside: [
        { id: 'beside/dense', op: { kind: 'dense', out: 2, bias: false }, inputs: ['head/globalPool'] },
      ],
      compute: (at) => tf.mean(tf.square(at.student('beside/dense'))),
    });
    const [found] = await gradients(student, task, { batches: 1, batch: 8, losses: [loss] });
    expect(found?.get('stage1/conv:kernel')?.some((v) => v !== 0)).to.equal(true);
  });
});
