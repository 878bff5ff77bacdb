/** @file Recipes on data of one's own: a dataset.json beside its arrays, from reading to accuracy, and what is refused. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Dataset, Split } from '../../src/data/index.ts';
import { withInput } from '../../src/edit/index.ts';
import { classesOf, inputShape } from '../../src/graph/index.ts';
import { overlapNote } from '../../src/run/files.ts';
import { dataOf, inputsOf, lossKinds, parseRecipe, perform, readyFor } from '../../src/run/index.ts';
import { writeSafetensors } from '../../src/weights/index.ts';
import { saveNet } from '../../zoo/index.ts';
import { dsCnn, keywords } from '../support/own-data.ts';
import { line, usage } from '../support/refused.ts';

describe('a recipe on data of one’s own', () => {
  let folder = '';
  let data: Dataset<Float32Array>;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'moonlet-run-'));
    data = keywords();
    const { name, classes, shape } = data;
    for (const part of ['train', 'test'] as const)
      writeFileSync(at(`${part}.safetensors`), fileOf(data[part]));
    writeFileSync(
      at('dataset.json'),
      JSON.stringify({ name, classes, shape, train: 'train.safetensors', test: 'test.safetensors' }),
    );
    saveNet(at('ds-cnn'), dsCnn(), { from: 'ds-cnn', data: at('dataset.json') });
    saveNet(at('small'), dsCnn(12));
    saveNet(at('eleven'), dsCnn(8, 11));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string): string => join(folder, name);
  /** The arrays of a split as Python would save them. */
  const fileOf = ({ count, pixels, labels }: Split<Float32Array>): Uint8Array =>
    writeSafetensors({
      metadata: {},
      tensors: new Map([
        ['images', { dtype: 'F32' as const, shape: [count, 49, 10, 1], data: pixels }],
        ['labels', { dtype: 'I32' as const, shape: [count], data: Int32Array.from(labels) }],
      ]),
    });
  const recipe = (more: object = {}) =>
    parseRecipe({
      ...{ data: at('dataset.json'), student: at('ds-cnn'), steps: 40, batch: 24 },
      ...{ optimizer: { kind: 'adam' }, rate: { kind: 'constant', peak: 0.01 }, ...more },
    });

  it('trains, holds out and measures; its result teaches a smaller net', async () => {
    const ready = await readyFor(recipe({ validation: 24, augment: { shift: 1 } }));
    expect(ready.data).to.deep.equal(data);
    const done = await perform(ready);
    expect(done.accuracy).to.be.above(0.8);
    expect([done.n, done.fitted.history.validation.length]).to.deep.equal([48, 10]);
    saveNet(at('teacher'), done.fitted.net);
    const taught = await perform(
      await readyFor(recipe({ student: at('small'), teacher: at('teacher'), steps: 80 })),
    );
    expect(taught.accuracy).to.be.above(0.6);
  });

  it('refuses to hold out or to train on more examples than there are, by the names of the options', async () => {
    const refused = async (more: object, said: string): Promise<void> => {
      const ready = readyFor(recipe(more)).then(({ images }) => images(() => {}));
      expect(await usage(() => ready)).to.equal(said);
    };
    for (const validation of [240, 241])
      await refused(
        { validation },
        `--validation ("validation" in a recipe) must be a whole number from 0 to 239, since the data have 240 training examples, got ${validation}`,
      );
    await refused(
      { limit: 241 },
      'limit must be a whole number from 1 to 240, since the data have 240 training examples, got 241',
    );
    await refused(
      { validation: 40, limit: 201 },
      'limit must be a whole number from 1 to 200, since the data have 240 training examples, 40 of them held out, got 201',
    );
  });

  it('makes more of floats by MUNGE, and refuses noise in their place', async () => {
    const munged = await readyFor(recipe({ transfer: { kind: 'munge', copies: 2 } }));
    expect((await munged.images(() => {})).train.count).to.equal(480);
    expect(await usage(() => readyFor(recipe({ transfer: { kind: 'noise', images: 20 } })))).to.equal(
      'noise: needs images of bytes, and these are floats; give bytes, 0 to 255',
    );
  });

  it('is remembered by a net’s card, and kept from being written over', () => {
    expect(dataOf(at('ds-cnn'))).to.equal(at('dataset.json'));
    expect(dataOf(at('small'))).to.equal(undefined);
    expect(inputsOf(recipe())).to.include(at('dataset.json'));
  });

  it('warns where a net was trained on images that the data test it on', () => {
    const net = at('before');
    mkdirSync(net);
    writeFileSync(join(net, 'card.json'), JSON.stringify({ data: 'fashion-mnist-earlier' }));
    expect(overlapNote(net, 'fashion-mnist')).to.equal(
      `${net}: was trained on fashion-mnist-earlier, which has test images of fashion-mnist: accuracies are too high; use fashion-mnist-earlier`,
    );
    expect(overlapNote(net, 'fashion-mnist-earlier')).to.equal(undefined);
    expect(overlapNote('fashion-mnist/wrn-16-2', 'fashion-mnist')).to.equal(undefined);
    expect(overlapNote('mnist/wrn-16-1', 'fashion-mnist')).to.equal(undefined);
    expect(overlapNote('wrn depth=10', 'fashion-mnist')).to.equal(undefined);
  });

  it('gives a trained net of other classes, channels or size what the data need, and says it', async () => {
    const { student, notes } = await readyFor(recipe({ student: at('eleven') }));
    expect(classesOf(student.graph)).to.equal(12);
    expect(notes).to.deep.equal([
      `${at('eleven')}: a new head for the 12 classes of keywords, in place of the one for 11`,
    ]);
    const [net] = [withInput(dsCnn(), { channels: 3, size: [60, 20] })];
    saveNet(at('colour'), net);
    const other = await readyFor(recipe({ student: at('colour') }));
    expect(inputShape(other.student.graph)).to.deep.equal([49, 10, 1]);
    expect(other.notes).to.deep.equal([
      `${at('colour')}: input 60 x 20 x 3 -> 49 x 10 x 1, for keywords; the first kernels follow`,
    ]);
    const same = await readyFor(recipe());
    expect([same.notes, same.student]).to.deep.equal([[], dsCnn()]);
    const whole = await readyFor(recipe({ classes: 'from-data' }));
    expect(whole.notes).to.have.length(1);
    expect(whole.student.weights).not.to.deep.equal(dsCnn().weights);
    expect(await line(() => readyFor(recipe({ size: 32 })))).to.match(
      /keywords gives \[49, 10, 1\]; compose it with size=49x10 channels=1/,
    );
  });

  it('is refused before training where net and data differ', async () => {
    expect(await line(() => readyFor(recipe({ student: at('eleven'), classes: 'from-net' })))).to.match(
      /^ds-cnn: has 11 classes, but keywords has 12; compose it with classes=12/,
    );
    expect(await line(() => readyFor(recipe({ student: 'wrn depth=10 width=1 classes=12' })))).to.match(
      /^wrn .*: takes \[32, 32, 3\], and keywords gives \[49, 10, 1\]/,
    );
    expect(await line(() => readyFor(recipe({ data: at('absent.json') })))).to.equal(
      `${at('absent.json')}: cannot be read (ENOENT)`,
    );
    expect(await usage(() => readyFor(recipe({ data: 'keywords' })))).to.equal(
      'no dataset "keywords"; there are mnist, fashion-mnist. For one of your own give the path of its dataset.json, or the folder of its pictures',
    );
  });
});

describe('losses of recipes', () => {
  it('are of the kind that their name says, and need a teacher or none', () => {
    for (const kind of lossKinds) {
      const more = { rocket: { booster: 'wrn' }, custom: { module: './mine.mjs' } }[kind as string];
      const loss = { kind, ...more };
      const parse = (given: object) => () =>
        parseRecipe({ data: 'mnist', student: 'wrn', steps: 1, ...given });
      const named = kind === 'multi-teacher' ? { teachers: { big: 'mnist/wrn-16-1' } } : {};
      const taught = { losses: [loss], teacher: 'mnist/wrn-16-1', ...named };
      expect(parse(taught)().losses?.[0]?.kind).to.equal(kind);
      if (['cross-entropy', 'one', 'rocket', 'custom'].includes(kind))
        expect(parse({ losses: [loss] })).not.to.throw();
      else
        expect(parse({ losses: [loss] })).to.throw(
          new RegExp(`the loss ${kind} needs (a "teacher"|"teachers")`),
        );
    }
  });
});
