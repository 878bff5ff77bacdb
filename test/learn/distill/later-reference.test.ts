/**
 * @file The methods after the survey against torchdistill, timm and PyTorch (scripts/reference/distillation.py): values and
 * gradients, in the student's values and in what is trained beside it.
 */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { graph, input } from '../../../src/compose/index.ts';
import { useBackend } from '../../../src/engine/index.ts';
import {
  contextLoss,
  crd,
  dist,
  dkd,
  features,
  logitStandardization,
  multiTeacher,
  reviewKd,
  rkd,
  srd,
  tokenDistillation,
} from '../../../src/learn/distill/index.ts';
import { bind, type LossMaker } from '../../../src/learn/loss/index.ts';
import { forward } from '../../../src/read/tfjs/index.ts';
import { float, init, type Net, type WeightKey } from '../../../src/weights/index.ts';
import { signals } from '../../support/distilling.ts';
import { expectClose } from '../../support/tensors.ts';

interface Numbers {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}
interface Case extends Readonly<Record<string, unknown>> {
  readonly value: number;
  readonly gradients: Readonly<Record<string, Numbers>>;
}
const golden: { readonly labels: readonly number[]; readonly cases: Readonly<Record<string, Case>> } =
  JSON.parse(readFileSync('test/learn/distill/later.json', 'utf8'));
const caseOf = (name: string): Case => golden.cases[name] as Case;
/** An array of a case. */
function at(name: string, key: string): tf.Tensor {
  const { shape, values } = caseOf(name)[key] as Numbers;
  return tf.tensor([...values], [...shape], 'float32');
}
const list = (name: string, key: string): readonly number[] => (caseOf(name)[key] as Numbers).values;

/** A classifier whose embedding, of so many numbers, is its input, or the input's positive part. */
const net = (name: string, length: number, rectified = false): Net =>
  init(
    graph(
      name,
      input(1, 1, length).pipe('head', (x) => (rectified ? x.relu() : x).globalPool().dense(5)),
    ),
  );

/** Asserts the value of a case and its gradients: `fn` takes the values of `keys`, in this order. */
function expectCase(name: string, keys: readonly string[], fn: (...given: tf.Tensor[]) => tf.Tensor): void {
  const inputs = keys.map((key) => at(name, key));
  const { value, grads } = tf.valueAndGrads((...given: tf.Tensor[]) =>
    tf.reshape<tf.Rank.R0>(fn(...given), []),
  )(inputs);
  const { value: wanted, gradients } = caseOf(name);
  expect(value.dataSync()[0]).to.be.closeTo(wanted, 1e-5 * Math.max(1, Math.abs(wanted)), name);
  keys.forEach((key, i) => {
    const { values } = gradients[key] as Numbers;
    expectClose(grads[i]?.dataSync() as Float32Array, values, 2e-5, `${name}: the gradient in ${key}`);
  });
}

/** The same of a loss that reads one value of each net. */
function expectLoss(
  name: string,
  maker: LossMaker,
  [student, teacher]: readonly [Net, Net],
  settings: Readonly<Record<string, number>> = {},
): void {
  const { losses } = bind(student.graph, [maker], { teacher });
  const loss = losses[0] as (typeof losses)[number];
  const teachers = Object.fromEntries((loss.teacher ?? []).map((id) => [id, at(name, 'teacher')]));
  expectCase(name, ['student'], (x) =>
    loss.compute(
      signals({
        student: { [loss.student[0] as string]: x },
        teacher: teachers,
        labels: golden.labels,
        settings,
      }),
    ),
  );
}

describe('the methods after the survey, against the references', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const classifiers = [net('student', 4), net('teacher', 3)] as const;
  it('DKD: probabilities as the paper writes them, also at a sharp temperature', () => {
    expectLoss('dkd', dkd(), classifiers, { alpha: 1, beta: 8, temperature: 4 });
    expectLoss('dkd-sharp', dkd(), classifiers, { alpha: 0.5, beta: 2, temperature: 0.25 });
  });
  it("DIST: torchdistill's DISTLoss", () => {
    expectLoss('dist', dist(), classifiers, { beta: 2, gamma: 1.5, temperature: 1 });
    expectLoss('dist-warm', dist(), classifiers, { beta: 2, gamma: 1.5, temperature: 4 });
  });
  it("logit standardization: torchdistill's LogitStdKDLoss", () =>
    expectLoss('logit-standardization', logitStandardization(), classifiers, { temperature: 2 }));
  it("RKD: torchdistill's RKDLoss, distances and angles", () => {
    expectLoss('rkd-distance', rkd(), classifiers, { distance: 1, angle: 0 });
    expectLoss('rkd-angle', rkd(), classifiers, { distance: 0, angle: 1 });
  });
  it("tokens: timm's TokenDistillationTask, soft and hard", () => {
    expectLoss('token-distillation-soft', tokenDistillation(), classifiers, { temperature: 3 });
    expectLoss('token-distillation-hard', tokenDistillation({ form: 'hard' }), classifiers);
  });
  it("features: timm's FeatureDistillationTask with its projection", () => {
    const [student, teacher] = classifiers;
    const { losses, graph: whole } = bind(student.graph, [features()], { teacher });
    const [id = ''] = losses[0]?.student ?? [];
    const weights: Record<WeightKey, tf.Tensor> = {
      [`${id}:kernel`]: at('features', 'kernel'),
      [`${id}:bias`]: at('features', 'bias'),
    };
    const read = { 'head/globalPool': at('features', 'teacher') };
    expectCase('features', ['student'], (x) => {
      const { values } = forward(whole, weights, tf.reshape(x, [6, 1, 1, 4]), {
        training: true,
        values: [id],
      });
      const said = values.get(id) as tf.Tensor;
      return losses[0]?.compute(signals({ student: { [id]: said }, teacher: read })) as tf.Tensor;
    });
  });
  it('SRD: the connector and the frozen classifier', () => {
    const student = net('student', 4);
    const [kernel, bias] = [at('srd', 'kernel'), at('srd', 'bias')];
    const teacher: Net = {
      graph: net('teacher', 3, true).graph,
      weights: new Map([
        ['head/dense:kernel', float([3, 5], kernel.dataSync() as Float32Array)],
        ['head/dense:bias', float([5], bias.dataSync() as Float32Array)],
      ]),
    };
    const { losses, graph: whole } = bind(student.graph, [srd()], { teacher });
    const [id = ''] = losses[0]?.student ?? [];
    expect(id).to.equal('connector/srd/act');
    const weights: Record<WeightKey, tf.Tensor> = {
      'connector/srd/dense:kernel': at('srd', 'connector'),
      'connector/srd/norm:gamma': at('srd', 'gamma'),
      'connector/srd/norm:beta': at('srd', 'beta'),
      'connector/srd/norm:mean': tf.zeros([3]),
      'connector/srd/norm:variance': tf.ones([3]),
    };
    const e = at('srd', 'teacher');
    const read = {
      'head/globalPool': e,
      'head/dense': tf.add(tf.matMul(e as tf.Tensor2D, kernel as tf.Tensor2D), bias),
    };
    expectCase('srd', ['student'], (x) => {
      const { values } = forward(whole, weights, tf.reshape(x, [6, 1, 1, 4]), {
        training: true,
        values: [id],
      });
      const given = { student: { [id]: values.get(id) as tf.Tensor }, teacher: read };
      return losses[0]?.compute(signals({ ...given, settings: { alpha: 0.7, beta: 1.3 } })) as tf.Tensor;
    });
  });
  it('several teachers: probabilities, logits, and by confidence', () => {
    const [student, teacher] = classifiers;
    const teachers = { one: teacher, other: net('other', 2) };
    for (const [name, maker] of [
      ['multi-teacher', multiTeacher({ teachers: { one: 3, other: 1 } })],
      ['multi-teacher-logits', multiTeacher({ teachers: { one: 3, other: 1 }, mean: 'logits' })],
      ['multi-teacher-confidence', multiTeacher({ confidence: true })],
    ] as const) {
      const { losses } = bind(student.graph, [maker], { teachers });
      const read = { 'one:head/dense': at(name, 'teacher'), 'other:head/dense': at(name, 'other') };
      expectCase(name, ['student'], (x) =>
        (losses[0] as (typeof losses)[number]).compute(
          signals({
            student: { 'head/dense': x },
            teacher: read,
            labels: golden.labels,
            settings: { temperature: 3 },
          }),
        ),
      );
    }
  });
  it("CRD: torchdistill's CRDLoss in two steps, with its banks, constants and projections", () => {
    const [student, teacher] = [net('student', 5), net('teacher', 3)];
    const maker = crd({ length: 4, count: 7, negatives: 'all', momentum: 0.5 });
    const { losses } = bind(student.graph, [maker], { teacher }, 9);
    const loss = losses[0] as (typeof losses)[number];
    let z: Readonly<Record<string, tf.Tensor>> = { studentZ: tf.scalar(0), teacherZ: tf.scalar(0) };
    for (const name of ['crd-1', 'crd-2']) {
      const assigned: Record<string, tf.Tensor> = {};
      expectCase(name, ['student', 'studentKernel', 'kernel', 'bias'], (s, kernel, teacherKernel, bias) =>
        loss.compute(
          signals({
            student: {
              'projection/crd/dense': tf.add(
                tf.matMul(s as tf.Tensor2D, kernel as tf.Tensor2D),
                at(name, 'studentBias'),
              ),
            },
            teacher: { 'head/globalPool': at(name, 'teacher') },
            variables: {
              ...{ kernel: teacherKernel as tf.Tensor, bias: bias as tf.Tensor, ...z },
              ...{ student: at(name, 'bankStudent'), teacher: at(name, 'bankTeacher') },
            },
            examples: list(name, 'examples'),
            picks: { negatives: list(name, 'negatives') },
            settings: { temperature: 0.5 },
            get assigned() {
              return kept(assigned);
            },
          }),
        ),
      );
      const of = (key: string): Float32Array => assigned[key]?.dataSync() as Float32Array;
      expectClose(of('student'), list(name, 'nextStudent'), 1e-5, `${name}: the student's bank`);
      expectClose(of('teacher'), list(name, 'nextTeacher'), 1e-5, `${name}: the teacher's bank`);
      const constants = Float32Array.of(of('studentZ')[0] ?? 0, of('teacherZ')[0] ?? 0);
      expectClose(constants, list(name, 'z'), 1e-5, `${name}: Z`);
      z = { studentZ: tf.scalar(constants[0] ?? 0), teacherZ: tf.scalar(constants[1] ?? 0) };
    }
  });
  it("ReviewKD: torchdistill's HierarchicalContextLoss, whatever sizes divide", () => {
    for (const name of ['context-7', 'context-4', 'context-1'])
      expectCase(name, ['student'], (x) => contextLoss(x as tf.Tensor4D, at(name, 'teacher') as tf.Tensor4D));
  });
  it("ReviewKD: torchdistill's AttentionBasedFusion over two levels", () => {
    // the two maps are slices of one input, whose deep part is repeated and averaged again
    const x = input(4, 4, 8);
    const shallow = x.pipe('shallow', (y) => y.slice(0, 3));
    const deep = x.pipe('deep', (y) => y.slice(3, 8).avgPool({ size: 2, stride: 2 }));
    const levels = graph('student', shallow, deep);
    const taught = graph(
      'teacher',
      shallow.pipe('t1', (y) => y.conv(6, { kernel: 1 })),
      deep.pipe('t2', (y) => y.conv(7, { kernel: 1 })),
    );
    const pairs = [
      ['shallow', 't1'],
      ['deep', 't2'],
    ] as const;
    const { losses, graph: whole } = bind(levels, [reviewKd({ pairs })], { teacher: init(taught) });
    const loss = losses[0] as (typeof losses)[number];
    const weights: Record<WeightKey, tf.Tensor> = {};
    for (const key of Object.keys(caseOf('review-kd')))
      if (key.startsWith('weight ')) weights[`review-kd/${key.slice(7)}` as WeightKey] = at('review-kd', key);
    for (const n of whole.nodes)
      if (n.op.kind === 'norm') {
        const gamma = weights[`${n.id}:gamma`] as tf.Tensor;
        weights[`${n.id}:mean`] = tf.zerosLike(gamma);
        weights[`${n.id}:variance`] = tf.onesLike(gamma);
      }
    const read = { 't1/conv': at('review-kd', 'teacher'), 't2/conv': at('review-kd', 'teacherDeep') };
    const outputs = ['outShallow', 'outDeep'];
    expectCase('review-kd', ['student', 'deep'], (above, below) => {
      const joined = tf.concat(
        [above as tf.Tensor4D, tf.image.resizeNearestNeighbor(below as tf.Tensor4D, [4, 4])],
        3,
      );
      const { values } = forward(whole, weights, joined, { training: true, values: [...loss.student] });
      loss.student.forEach((id, i) => {
        const found = values.get(id)?.dataSync() as Float32Array;
        expectClose(found, list('review-kd', outputs[i] as string), 1e-5, outputs[i] as string);
      });
      const given = Object.fromEntries(loss.student.map((id) => [id, values.get(id) as tf.Tensor]));
      return loss.compute(signals({ student: given, teacher: read }));
    });
  });
});

/** Keeps what is assigned beyond the scope of the gradients. */
const kept = (all: Record<string, tf.Tensor>): Record<string, tf.Tensor> =>
  new Proxy(all, {
    set: (target, name, value: tf.Tensor) => Reflect.set(target, name, tf.keep(tf.clone(value))),
  });
