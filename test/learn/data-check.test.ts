/** @file Data and options that do not fit are refused in one line, before any work, wherever nets meet data. */
import { expect } from 'chai';
import { hold, labelsFor, type Split, scenes, subset, take } from '../../src/data/index.ts';
import { MoonletError, UsageError } from '../../src/errors.ts';
import { type Flow, graph, init, input } from '../../src/index.ts';
import {
  adam,
  batches,
  chooseNeurons,
  classification,
  crossEntropy,
  crossModal,
  darkRank,
  detection,
  distill,
  evaluate,
  evaluateDetector,
  evaluateParser,
  type FitOptions,
  fit,
  fitTask,
  gradients,
  guide,
  logits,
  munge,
  noiseSplit,
  pairs,
  parsing,
  passes,
  recordMetadata,
  reestimateNorms,
  type Scale,
  sgd,
  softTargets,
} from '../../src/learn/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { detector, parser } from '../../zoo/architectures/index.ts';

const scale: Scale = { shape: [9, 6, 1], mean: 0.5, std: 0.3 };
const made = (labels: ArrayLike<number>, size = 54): Split => ({
  count: labels.length,
  pixels: Uint8Array.from({ length: labels.length * size }, (_, i) => (i * 31) % 256),
  labels: Uint8Array.from(labels),
});
const good = made([0, 1, 2, 0, 1, 2, 0, 1]);
const net = (classes = 3, shape = [9, 6, 1] as const): Net =>
  init(
    graph(
      'rows',
      input(...shape)
        .conv(4, { kernel: 3, stride: 2 })
        .norm()
        .relu()
        .globalPool()
        .dense(classes),
    ),
  );
const turned = init(graph('turned', input(6, 9, 1).conv(4, { kernel: 3 }).globalPool().dense(3)));
const o: FitOptions = { steps: 2, batch: 4, rate: 0.01, engine: 'wasm' };

/** The one line of an error that a person is meant to read; steps that were done before it fail the test. */
async function line(work: () => unknown, kind: typeof MoonletError = MoonletError): Promise<string> {
  try {
    await work();
  } catch (e) {
    expect(e).to.be.instanceOf(kind);
    const { message } = e as Error;
    expect(message).not.to.include('\n');
    return message;
  }
  throw new Error('nothing was refused');
}
const usage = (work: () => unknown): Promise<string> => line(work, UsageError);

describe('data that do not fit', () => {
  const wrongLabel = made([0, 1, 7, 0]);
  const label =
    'label 7 of image 2 is none of the 3 classes of rows, 0 to 2; compose it with more classes, or mend the label';
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
      /^training data: label -1 of image 0 is none /,
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
      'training data: 8 images of [9, 6, 1] have 432 bytes, got 431; check count and shape',
    );
    const floats = { ...good, pixels: new Float32Array(432) as unknown as Uint8Array };
    expect(await line(() => fit(net(), floats, scale, o))).to.equal(
      'training data: pixels must be bytes (Uint8Array), got Float32Array; scale them to 0 .. 255',
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
    const said = 'rows: tells 1 class apart, and a classifier needs 2 or more; compose it with classes=2';
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
    const said = 'scenes: label 3 is none of the 2 classes, 0 to 1; give all of them as "classes"';
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
    expect(await usage(() => sgd({ momentum: Number.NaN }))).to.equal(
      'momentum must be a number of 0 or more, got NaN',
    );
    expect(await usage(() => adam({ beta2: 1.5 }))).to.equal('beta2 must be a number from 0 to 1, got 1.5');
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
