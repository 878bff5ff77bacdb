/** @file Losses bound to nets: several teachers, places by stride, what stands beside the student, and refusals. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/engine/index.ts';
import { MoonletError } from '../../src/errors.ts';
import { nodesById } from '../../src/graph/index.ts';
import { attention, attentionOf, hints, softTargets } from '../../src/learn/distill/index.ts';
import {
  bind,
  crossEntropy,
  type LossMaker,
  stagePairs,
  stopGradient,
  strideTaps,
  tap,
  taughtBy,
} from '../../src/learn/loss/index.ts';
import { rank4 } from '../../src/learn/tensors.ts';
import { fit, memoryCache } from '../../src/learn/train/index.ts';
import { mobilenetV2, resnetCifar, wrn } from '../../zoo/architectures/index.ts';
import { compose } from '../../zoo/index.ts';
import {
  drawn,
  expectStepAgrees,
  tinyScale,
  tinySplit,
  tinyStudent,
  tinyTeacher,
} from '../support/distilling.ts';
import { largestDifference, shaken } from '../support/nets.ts';

describe('places of two nets', () => {
  it('are told by stride: the last map of the stages at each', () => {
    const graph = wrn({ depth: 16, size: 32 });
    expect([...strideTaps(graph)].map(([s, t]) => [s, t.id])).to.deep.equal([
      [1, 'stage1/1/add'],
      [2, 'stage2/1/add'],
      [4, 'stage3/1/add'],
    ]);
    expect(tap(graph, 'stride2')).to.deep.equal({ id: 'stage2/1/add', shape: [16, 16, 32] });
    expect(() => tap(graph, 'stride8')).to.throw(
      MoonletError,
      'wrn: no map at stride 8; there are stride1, stride2, stride4',
    );
  });
  it('are paired by stage where the sizes agree, else by stride', () => {
    const pairs = stagePairs(wrn({ depth: 10 }), resnetCifar({ depth: 8 }), 'test');
    expect(pairs.map((p) => p.student.id)).to.deep.equal(['stage1/0/add', 'stage2/0/add', 'stage3/0/add']);
    const mixed = stagePairs(wrn({ depth: 10 }), mobilenetV2({ size: 32, classes: 10 }), 'test');
    expect(mixed.length).to.be.above(1);
    for (const { student, teacher } of mixed)
      expect(student.shape.slice(0, 2)).to.deep.equal(teacher.shape.slice(0, 2));
    expect(() => stagePairs(compose('snn'), wrn(), 'test')).to.throw(
      MoonletError,
      'test: snn and wrn have no stage and no stride in common; name the places to compare',
    );
  });
});

describe('bind', () => {
  it('refuses a loss that is listed twice, and teachers that are not there', () => {
    expect(() => bind(tinyStudent(), [crossEntropy(), crossEntropy()])).to.throw(
      MoonletError,
      'the loss cross-entropy is listed twice; give it one weight, or another teacher by "teacher"',
    );
    const teachers = { big: shaken(tinyTeacher()) };
    expect(() => bind(tinyStudent(), [taughtBy('bug', softTargets())], { teachers })).to.throw(
      MoonletError,
      'no teacher "bug". Did you mean "big"? Given: big',
    );
  });

  it('asks a teacher for the part of its maps that a loss reads, and keeps no more of it', async () => {
    const [a, b] = [shaken(tinyTeacher(), 1), shaken(tinyTeacher(), 2)];
    const pairs = [['stage1', 'stage1']] as const;
    const teacherCache = memoryCache();
    const seen: Record<string, number>[] = [];
    await fit(shaken(tinyStudent()), tinySplit(), tinyScale, {
      ...{ steps: 1, batch: 8, seed: 1, teacher: a, teachers: { b }, teacherCache },
      losses: [attention({ pairs }), taughtBy('b', attention({ pairs }))],
      onStep: (at) => seen.push(at.losses),
    });
    expect(teacherCache.bytes).to.equal(8 * 8 * 8 * Float32Array.BYTES_PER_ELEMENT);
    const whole: LossMaker = ({ student, teacher = student }) => ({
      name: 'whole-maps',
      weight: 1,
      student: [tap(student, 'stage1').id],
      teacher: [tap(teacher, 'stage1').id],
      compute: (at) => {
        const theirs = rank4(at.teacher(tap(teacher, 'stage1').id));
        return tf.mul(attentionOf(rank4(at.student(tap(student, 'stage1').id)), theirs), 3);
      },
    });
    const expected: Record<string, number>[] = [];
    await fit(shaken(tinyStudent()), tinySplit(), tinyScale, {
      ...{ steps: 1, batch: 8, seed: 1, teacher: a, teachers: { b } },
      losses: [whole, taughtBy('b', whole)],
      onStep: (at) => expected.push(at.losses),
    });
    for (const [mine, theirs] of [
      ['attention', 'whole-maps'],
      ['attention@b', 'whole-maps@b'],
    ] as const)
      expect(seen[0]?.[mine], mine).to.be.closeTo(expected[0]?.[theirs] ?? Number.NaN, 1e-7);
    expect(seen[0]?.['attention']).to.not.be.closeTo(seen[0]?.['attention@b'] ?? Number.NaN, 1e-6);
  });
  it('refuses nodes beside a teacher that do not fit it, or have the path of one of its own', async () => {
    const messageWith = async (id: string, from: string): Promise<string> => {
      const loss: LossMaker = () => ({
        ...{ name: 'wrong', weight: 1, student: [], teacher: [id] },
        compute: (at) => tf.sum(at.teacher(id)),
        besideTeacher: { nodes: [{ id, op: { kind: 'add' }, inputs: [from, from] }], weights: new Map() },
      });
      const run = fit(shaken(tinyStudent()), tinySplit(), tinyScale, {
        ...{ steps: 1, batch: 8, teacher: shaken(tinyTeacher(), 1), losses: [loss] },
      });
      const fault = await run.catch((e: unknown) => e);
      expect(fault).to.be.instanceOf(MoonletError);
      return String(fault);
    };
    expect(await messageWith('sum', 'no/such')).to.include('reads "no/such", which does not come before it');
    expect(await messageWith('stage1/0/add', 'stem/conv')).to.include(
      'a loss puts "stage1/0/add" beside it, which is a node of its own',
    );
  });
  it('lets several teachers teach by the same loss, each with an adapter of its own', async () => {
    const [a, b] = [shaken(tinyTeacher(), 1), shaken(tinyTeacher(), 2)];
    const losses = [
      taughtBy('a', hints()),
      taughtBy('b', hints()),
      taughtBy('b', softTargets()),
      softTargets(),
    ];
    const teachers = { a, b };
    const { graph } = bind(tinyStudent(), losses, { teacher: a, teachers });
    expect(graph.nodes.filter((n) => n.id.startsWith('adapter')).map((n) => n.id)).to.deep.equal([
      'adapter/hints/0/conv/of-a',
      'adapter/hints/0/conv/of-b',
    ]);
    const seen: Record<string, number>[] = [];
    await fit(shaken(tinyStudent()), tinySplit(), tinyScale, {
      steps: 1,
      batch: 8,
      losses,
      teacher: a,
      teachers,
      onStep: (at) => seen.push(at.losses),
    });
    expect(Object.keys(seen[0] ?? {})).to.deep.equal([
      'hints@a',
      'hints@b',
      'soft-targets@b',
      'soft-targets',
    ]);
    expect(seen[0]?.['soft-targets@b']).not.to.be.closeTo(seen[0]?.['soft-targets'] as number, 1e-3);
  });

  it('resumes with what stands beside the student, and gives back the student alone', async () => {
    const files = new Map<string, Uint8Array>();
    const checkpoints = {
      load: async (name: string) => files.get(name),
      save: async (name: string, bytes: Uint8Array) => void files.set(name, bytes),
    };
    const o = {
      steps: 6,
      batch: 8,
      seed: 2,
      losses: [crossEntropy(), hints()],
      teacher: shaken(tinyTeacher()),
    };
    const student = shaken(tinyStudent());
    const unbroken = await fit(student, tinySplit(), tinyScale, o);
    const stop = new AbortController();
    const halves = { ...o, checkpoints, checkpointEvery: 3 };
    await fit(student, tinySplit(), tinyScale, {
      ...halves,
      signal: stop.signal,
      onStep: (at) => at.step === 3 && stop.abort(),
    });
    const resumed = await fit(student, tinySplit(), tinyScale, halves);
    expect(resumed.history.loss).to.deep.equal(unbroken.history.loss);
    for (const [key, { data }] of unbroken.whole.weights)
      expect(resumed.whole.weights.get(key)?.data, key).to.deep.equal(data);
    expect([...nodesById(unbroken.net.graph).keys()]).to.deep.equal([...nodesById(tinyStudent()).keys()]);
    expect(unbroken.net.weights.size).to.be.below(unbroken.whole.weights.size);
  });

  it('takes a loss that is a plain function of the user', async () => {
    const makers: LossMaker[] = [
      crossEntropy(),
      ({ student }) => {
        const { id } = tap(student, 'stage3');
        return {
          name: 'small',
          weight: 0.1,
          student: [id],
          compute: (at) => tf.mean(tf.abs(at.student(id))),
        };
      },
    ];
    await expectStepAgrees(makers);
  });

  it('gives a loss random numbers of its own: others at each step, the same from run to run', async () => {
    const seen: number[][] = [];
    const make: LossMaker = ({ student }) => ({
      name: 'drawn',
      weight: 1,
      student: [student.outputs[0] as string],
      draws: { v: [3] },
      compute: (at) =>
        tf.add(tf.mul(tf.mean(at.student(student.outputs[0] as string)), 0), tf.mean(at.draw('v'))),
    });
    for (const _ of [1, 2]) {
      const of: number[] = [];
      seen.push(of);
      await fit(shaken(tinyStudent()), tinySplit(), tinyScale, {
        steps: 3,
        batch: 8,
        losses: [make],
        onStep: (at) => of.push(at.loss),
      });
    }
    expect(seen[0]).to.deep.equal(seen[1]);
    expect(new Set(seen[0]).size).to.equal(3);
  });
});

describe('stopGradient', () => {
  before(() => useBackend('wasm'));
  it('keeps the value and blocks the way back', () => {
    tf.tidy(() => {
      const x = drawn([4], 1);
      expect([...stopGradient(x).dataSync()]).to.deep.equal([...x.dataSync()]);
      const gradient = tf.grad((y) => tf.sum(tf.mul(y, stopGradient(y))))(x);
      expect(largestDifference(gradient.dataSync() as Float32Array, x.dataSync() as Float32Array)).to.equal(
        0,
      );
    });
  });
});
