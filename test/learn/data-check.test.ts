/** @file Data and options that do not fit are refused in one line, before any work, wherever nets meet data. */

import { expect } from 'chai';
import { hold, labelsFor, scenes, subset, take } from '../../src/data/index.ts';
import { graph, init, input } from '../../src/index.ts';
import {
  chooseNeurons,
  crossModal,
  distill,
  logits,
  munge,
  noiseSplit,
  recordMetadata,
  softTargets,
} from '../../src/learn/distill/index.ts';
import { gradients } from '../../src/learn/structure/index.ts';
import {
  batches,
  classification,
  detection,
  evaluate,
  evaluateDetector,
  evaluateParser,
  pairs,
  parsing,
  passes,
  type Scale,
} from '../../src/learn/task/index.ts';
import { type FitOptions, fit, fitTask, guide } from '../../src/learn/train/index.ts';
import { detector, parser } from '../../zoo/architectures/index.ts';
import { line, usage } from '../support/refused.ts';
import { good, made, net, scale } from '../support/rows.ts';

const turned = init(graph('turned', input(6, 9, 1).conv(4, { kernel: 3 }).globalPool().dense(3)));
const o: FitOptions = { steps: 2, batch: 4, rate: 0.01, engine: 'wasm' };

describe('data that do not fit', () => {
  const wrongLabel = made([0, 1, 7, 0]);
  const label =
    'label 7 of image 2 is not one of the 3 classes of rows, 0 to 2; compose it with more classes, or correct the label';
  it('labels out of range, in training, validation, distillation and evaluation', async () => {
    const onStep = (): never => expect.fail('a step was done');
    expect(await line(() => fit(net(), wrongLabel, scale, { ...o, onStep }))).to.equal(
      `training data: ${label}`,
    );
    expect(await line(() => fit(net(), good, scale, { ...o, validation: wrongLabel, onStep }))).to.equal(
      `validation data: ${label}`,
    );
    expect(await line(() => distill(net(), wrongLabel, scale, { ...o, teacher: net(), onStep }))).to.equal(
      `training data: ${label}`,
    );
    for (const work of [
      () => evaluate(net(), wrongLabel, scale, { engine: 'wasm' }),
      () => recordMetadata(net(), wrongLabel, scale),
    ])
      expect(await line(work)).to.equal(`data: ${label}`);
    expect(
      await line(() => gradients(net(), classification(wrongLabel, scale), { batch: 2, batches: 1 })),
    ).to.equal(`training data: ${label}`);
    const signed = { ...good, labels: Int8Array.from(good.labels, (l) => (l ? l : -1)) };
    expect(await line(() => fit(net(), signed, scale, o))).to.match(
      /^training data: label -1 of image 0 is not one /,
    );
  });

  it('labels and pixels that are too few or too many, or no bytes', async () => {
    const few = { ...good, labels: good.labels.slice(0, 5) };
    const said = 'got 5 labels for 8 images; give one label an image';
    expect(await line(() => fit(net(), few, scale, o))).to.equal(`training data: ${said}`);
    expect(await line(() => evaluate(net(), few, scale))).to.equal(`data: ${said}`);
    expect(await line(() => batches(few, scale, { batch: 2, seed: 1 }))).to.equal(`training data: ${said}`);
    expect(await line(() => [...passes(few, scale, 2)])).to.equal(`data: ${said}`);
    const cut = { ...good, pixels: good.pixels.subarray(1) };
    expect(await line(() => fit(net(), cut, scale, o))).to.equal(
      'training data: 8 images of [9, 6, 1] have 432 values, got 431; check pixels, labels and shape',
    );
    const doubles = { ...good, pixels: new Float64Array(432) as unknown as Float32Array };
    expect(await line(() => fit(net(), doubles, scale, o))).to.equal(
      'training data: pixels must be bytes (Uint8Array) or floats (Float32Array), got Float64Array; convert them',
    );
    expect(await line(() => evaluate(net(), made([]), scale))).to.equal(
      'data: count must be a whole number from 1 up, got 0; give at least one image',
    );
    expect(await usage(() => fit(net(), good, { ...scale, std: 0 }, o))).to.equal(
      'std must be a number above 0, got 0',
    );
  });

  it('images of another height, width or channels, turned ones by name', async () => {
    const other =
      'rows: takes [9, 6, 1], and the images are [6, 9, 1]; height and width are exchanged: turn the images';
    const sideways = { ...scale, shape: [6, 9, 1] } as const;
    for (const work of [
      () => fit(net(), good, sideways, o),
      () => evaluate(net(), good, sideways),
      () => recordMetadata(net(), good, sideways),
      () => chooseNeurons(net(), good, sideways, []),
    ])
      expect(await line(work)).to.equal(other);
    expect(await line(() => fit(net(), good, { ...scale, shape: [3, 6, 3] }, o))).to.equal(
      'rows: takes [9, 6, 1], and the images are [3, 6, 3]; give it images of that height, width and channels',
    );
  });

  it('a vector of as many values as an image has takes images', async () => {
    const flat = init(graph('flat', input(54).dense(3)));
    expect((await fit(flat, good, scale, o)).history.loss).to.have.length(2);
    expect((await evaluate(flat, good, scale, { engine: 'wasm' })).n).to.equal(8);
  });

  it('teachers that do not take what the student sees, the first and named ones', async () => {
    const said =
      'turned: takes [6, 9, 1], and the images are [9, 6, 1]; height and width are exchanged: turn the images';
    expect(await line(() => distill(net(), good, scale, { ...o, teacher: turned }))).to.equal(said);
    expect(await line(() => fit(net(), good, scale, { ...o, teachers: { big: turned } }))).to.equal(said);
    const asked = await guide(init(graph('small', input(3, 3, 1).flatten().dense(3))), ['dense']);
    expect(await line(() => asked.of(batches(good, scale, { batch: 2, seed: 1 })(0)))).to.equal(
      'small: the teacher takes [3, 3, 1], 9 values, and an example has 54; give it what it takes',
    );
    await asked.release();
  });

  it('tasks of a user: other batches than asked for, and a teacher of another shape', async () => {
    const next = batches(good, scale, { batch: 2, seed: 1 });
    const task = { ...classification(good, scale), batches: () => next };
    expect(await line(() => fitTask(net(), task, o))).to.equal(
      'rows: expects batches of 4 examples of [9, 6, 1], 216 values, and the task gave 108 values of 2 examples',
    );
    const { shape: _, check: __, ...bare } = classification(good, scale);
    expect(
      await line(() => fitTask(net(), bare, { ...o, teacher: turned, losses: [softTargets()] })),
    ).to.match(/^turned: takes \[6, 9, 1\], and the images are \[9, 6, 1\]/);
  });

  it('one class, in training, distillation and evaluation', async () => {
    const said = 'rows: has 1 class, but a classifier needs 2 or more; compose it with classes=2';
    const zeros = made([0, 0, 0, 0]);
    for (const work of [
      () => fit(net(1), zeros, scale, o),
      () => distill(net(1), zeros, scale, { ...o, teacher: net(1) }),
      () => fit(net(1), zeros, scale, { ...o, teacher: net(1), losses: [softTargets()] }),
      () => evaluate(net(1), zeros, scale),
      () => gradients(net(1), classification(zeros, scale), { batch: 2 }),
    ])
      expect(await line(work)).to.equal(said);
    // a number to be matched is no class
    const matched = await fit(net(1), zeros, scale, { ...o, teacher: net(1), losses: [logits()] });
    expect(matched.finished).to.equal(true);
  });

  it('neurons chosen by attributes of other images', async () => {
    expect(await line(() => chooseNeurons(net(), good, scale, [[1, 2]]))).to.equal(
      'neuron-selection: an attribute has 2 values for 8 images; give one an image',
    );
  });
});

describe('scenes that do not fit', () => {
  const digits = made([0, 3, 2, 1], 784);
  const few = scenes(digits, 2, { size: 32 });
  const big = scenes(digits, 2, { size: 64 });
  const [finds, parses] = [
    detector({ size: 32, classes: 4 }),
    parser({ width: 2, depth: 1, size: 32, classes: 4 }),
  ];
  it('of another size, in training and evaluation', async () => {
    const takes = /takes \[32, 32, 1\], and the scenes are \[64, 64, 1\]; give it images of that height/;
    expect(await line(() => evaluateDetector(init(finds), big, { classes: 4 }))).to.match(takes);
    expect(await line(() => evaluateParser(init(parses), big, { classes: 4 }))).to.match(takes);
    expect(await line(() => detection(finds, few, { classes: 4, validation: big }))).to.match(
      /and the validation scenes are \[64, 64, 1\]/,
    );
  });
  it('with colours for grey', async () => {
    const coloured = graph('coloured', input(32, 32, 3).conv(1));
    expect(await line(() => pairs(coloured, few, { from: 'intensity', to: 'depth' }))).to.equal(
      'coloured: takes [32, 32, 3], and the scenes are [32, 32, 1]; give it images of that height, width and channels',
    );
    const task = pairs(parses, few, { from: 'intensity', to: 'depth' });
    const teacher = init(graph('coloured', input(32, 32, 3).conv(2, { stride: 2 })));
    const losses = [crossModal({ pair: ['stem', 'conv'] })];
    expect(await line(() => fitTask(init(parses), task, { ...o, batch: 1, teacher, losses }))).to.equal(
      'coloured: takes [32, 32, 3], and the images are [32, 32, 1]; give it images of that height, width and channels',
    );
  });
  it('with labels out of range', async () => {
    const said = 'scenes: label 3 is not one of the 2 classes, 0 to 1; give all of them as "classes"';
    const two = { ...digits, labels: Uint8Array.of(3, 3, 3, 3) };
    const graph2 = parser({ width: 2, depth: 1, size: 32, classes: 2 });
    const blank = scenes({ ...two, pixels: new Uint8Array(4 * 784).fill(255) }, 1, { size: 32 });
    expect(
      await line(() => parsing(graph2, blank, { classes: 2 }).batches({ batch: 1, seed: 1 })(0)),
    ).to.equal(said);
    expect(await line(() => evaluateParser(init(graph2), blank, { classes: 2 }))).to.equal(said);
    expect(await line(() => scenes({ ...two, labels: Uint8Array.of(1) }, 1))).to.equal(
      'scenes: got 1 labels for 4 images; give one label an image',
    );
    expect(await line(() => scenes(digits, -1))).to.equal(
      'scenes: count must be a whole number from 1 up, got -1',
    );
  });
});

describe('labels of many classes', () => {
  const many = { count: 4, pixels: new Uint8Array(16), labels: Uint16Array.of(300, 0, 301, 2) };
  it('stay what they are in parts of a split and in copies', () => {
    expect([...subset(many, [2, 0]).labels]).to.deep.equal([301, 300]);
    expect([...take(many, 4).labels].sort()).to.deep.equal([0, 2, 300, 301]);
    expect([...hold(many, 1, 0).train.labels, ...hold(many, 1, 0).validation.labels].sort()).to.deep.equal([
      0, 2, 300, 301,
    ]);
    expect([...munge(many, { copies: 2 }).labels]).to.deep.equal([300, 0, 301, 2, 300, 0, 301, 2]);
    expect(subset({ ...many, labels: Uint8Array.of(1, 2, 3, 4) }, [1]).labels).to.be.instanceOf(Uint8Array);
  });
  it('have room in the least array that holds them', () => {
    const kinds = [256, 257, 65_536, 65_537].map((classes) => labelsFor(classes, 1).constructor.name);
    expect(kinds).to.deep.equal(['Uint8Array', 'Uint16Array', 'Uint16Array', 'Int32Array']);
    expect([...noiseSplit({ shape: [1, 1, 1], mean: 0, std: 1 }, 300, 300).labels].at(-1)).to.equal(299);
  });
  it('are trained and evaluated', async () => {
    const classes = init(graph('many', input(2, 2, 1).flatten().dense(302)), { seed: 1 });
    const small: Scale = { shape: [2, 2, 1], mean: 0, std: 1 };
    const { history } = await fit(classes, many, small, { ...o, batch: 4 });
    expect(history.loss.every((l) => l > 0)).to.equal(true);
    const { pairs: seen } = await evaluate(classes, many, small, { engine: 'wasm' });
    expect(seen.map((p) => p.label).sort()).to.deep.equal([0, 2, 300, 301]);
  });
});

describe('what cannot be trained', () => {
  it('is a graph without weights, or a choice of nodes that leaves none', async () => {
    const whole = net();
    const call = (): unknown => Reflect.apply(fit, undefined, [whole.graph, good, scale, o]);
    expect(await usage(call)).to.match(/^fit: /);
    const none = (): unknown => fit(whole, good, scale, { ...o, trained: (id) => id.startsWith('nowhere/') });
    expect(await usage(none)).to.match(/nothing is left to train; nodes with weights are /);
  });
});
