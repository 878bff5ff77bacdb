/** @file Data of one's own in training, distillation and evaluation: floats, colour, numbers by channel, many classes. */
import { expect } from 'chai';
import { dataset, type Split } from '../../src/data/index.ts';
import { withHead } from '../../src/edit/index.ts';
import { graph, init, input } from '../../src/index.ts';
import { munge } from '../../src/learn/distill/index.ts';
import { adam, distill, evaluate, fit } from '../../src/learn/index.ts';
import { batches, passes, type Scale } from '../../src/learn/task/index.ts';
import { shaken } from '../support/nets.ts';
import { dsCnn, keywords, pictures } from '../support/own-data.ts';
import { line, usage } from '../support/refused.ts';

const close = (got: ArrayLike<number>, wanted: readonly number[]): void => {
  expect(got).to.have.length(wanted.length);
  wanted.forEach((v, i) => {
    expect(got[i], `${i}`).to.be.closeTo(v, 1e-5);
  });
};

describe('images as inputs', () => {
  const scale: Scale = { shape: [1, 2, 2], mean: [0.5, 2], std: [0.25, 4] };
  const floats: Split = { count: 1, pixels: Float32Array.of(1, 2, 3, -6), labels: Uint8Array.of(0) };
  const firstOf = (split: Split, s: Scale): Float32Array => {
    const [first] = passes(split, s, 1);
    return first?.x ?? new Float32Array();
  };
  it('are (float - mean) / std of floats, each channel by its own numbers', () =>
    close(firstOf(floats, scale), [2, 0, 10, -2]));
  it('are (byte / 255 - mean) / std of bytes, clamped ones too', () => {
    for (const pixels of [Uint8Array.of(0, 51, 255, 102), Uint8ClampedArray.of(0, 51, 255, 102)])
      close(firstOf({ ...floats, pixels }, scale), [-2, -0.45, 2, -0.4]);
  });
  it('are moved and mirrored with all their channels; zeros enter before mean and std', () => {
    const wide: Scale = { ...scale, shape: [1, 3, 2] };
    const split: Split = { ...floats, pixels: Float32Array.of(1, 2, 3, -6, 4, 4) };
    const views = new Set<string>();
    const next = batches(split, wide, { batch: 1, seed: 1, augment: { shift: 1, flip: true } });
    for (let step = 0; step < 200; step++)
      views.add(
        [...next(step).x].map((v, i) => Math.round(v * (i % 2 ? 4 : 0.25) + (i % 2 ? 2 : 0.5))).join(),
      );
    const seen = [...views];
    expect(seen).to.include('1,2,3,-6,4,4').and.to.include('4,4,3,-6,1,2');
    expect(seen).to.include('0,0,1,2,3,-6').and.to.include('3,-6,4,4,0,0');
    expect(seen).to.include('0,0,0,0,0,0'); // moved out, up or down
  });
  it('refuse numbers that are not one for each channel', async () => {
    expect(await usage(() => [...passes(floats, { ...scale, mean: [1, 2, 3] }, 1)])).to.equal(
      'mean must be one number or one for each of 2 channels, got 3 numbers',
    );
    expect(await usage(() => [...passes(floats, { ...scale, std: [1, -1] }, 1)])).to.equal(
      'std must be a number above 0, got -1',
    );
  });
});

describe('data of one’s own', () => {
  const data = keywords();
  const o = { steps: 40, batch: 24, optimizer: adam(), rate: 0.01 };

  it('train a DS-CNN on spectrograms of floats with 12 classes, moved and mirrored too', async () => {
    const { net, history } = await fit(dsCnn(), data.train, data, { ...o, seed: 1, augment: { shift: 1 } });
    expect(history.loss).to.have.length(40);
    expect((await evaluate(net, data.test, data)).accuracy).to.be.above(0.8);
  });

  it('distill a DS-CNN to a smaller one', async () => {
    const { net: teacher } = await fit(dsCnn(), data.train, data, { ...o, seed: 1 });
    const { net } = await distill(dsCnn(12), data.train, data, { ...o, steps: 80, teacher });
    expect((await evaluate(net, data.test, data)).accuracy).to.be.above(0.6);
  });

  it('fine-tune a net of colour images with three means and deviations to other classes', async () => {
    const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    const flowers = dataset({
      ...{ name: 'flowers', shape: [12, 8, 3], classes: 6, ...imagenet },
      ...{ train: pictures(120, 6, 1), test: pictures(30, 6, 2) },
    });
    const body = input(12, 8, 3).pipe('stem', (x) => x.conv(12, { kernel: 3, stride: 2 }).norm().relu());
    const pretrained = shaken(
      graph(
        'pretrained',
        body.pipe('head', (x) => x.flatten().dropout(0.1).dense(1000).act('softmax')),
      ),
      3,
    );
    expect(
      await line(() =>
        fit(pretrained, { ...flowers.train, labels: new Uint16Array(120).fill(1000) }, flowers, o),
      ),
    ).to.match(/^training data: label 1000 of image 0 is not one of the 1000 classes of pretrained/);
    const net = withHead(pretrained, flowers.classes, { seed: 1 });
    const tuned = await fit(net, flowers.train, flowers, {
      ...o,
      trained: (id) => id.startsWith('head/'),
      augment: { shift: 1, flip: true },
    });
    expect((await evaluate(tuned.net, flowers.test, flowers)).accuracy).to.be.above(0.9);
    for (const [key, weight] of pretrained.weights)
      if (key === 'stem/conv:kernel') expect(tuned.net.weights.get(key)?.data).to.deep.equal(weight.data);
  });

  it('have more classes than a byte holds', async () => {
    const classes = 300;
    const labels = Uint16Array.from({ length: 600 }, (_, i) => i % classes);
    const pixels = new Float32Array(600 * 300);
    labels.forEach((label, i) => {
      pixels[i * 300 + label] = 1;
    });
    const split = { pixels, labels };
    const many = dataset({ shape: [15, 20, 1], classes, mean: 0, std: 0.1, train: split, test: split });
    const net = init(graph('many', input(15, 20, 1).flatten().dense(classes)), { seed: 1 });
    const done = await fit(net, many.train, many, { steps: 20, batch: 150, optimizer: adam(), rate: 0.1 });
    expect((await evaluate(done.net, many.test, many)).accuracy).to.equal(1);
  });

  it('are made more of by MUNGE as the floats that they are', () => {
    const { pixels, count } = munge(data.train, { copies: 2, seed: 1 });
    expect([count, pixels.constructor.name]).to.deep.equal([480, 'Float32Array']);
    expect(pixels.some((v) => v < 0 && v !== Math.round(v))).to.equal(true);
  });

  it('are refused before the first step when they do not fit', async () => {
    const onStep = (): never => expect.fail('a step was done');
    const refused = (split: object, scale: Scale = data) =>
      line(() => fit(dsCnn(), { ...data.train, ...split }, scale, { ...o, onStep }));
    const holed = data.train.pixels.slice();
    holed[490 * 3 + 10 * 2 + 5] = Number.NaN;
    expect(await refused({ pixels: holed })).to.equal(
      'training data: image 3 holds NaN at row 2, column 5, channel 0; correct or remove the image',
    );
    expect(await line(() => evaluate(dsCnn(), { ...data.train, pixels: holed }, data))).to.match(
      /^data: image 3 holds NaN/,
    );
    expect(await refused({}, { ...data, shape: [10, 49, 1] })).to.equal(
      'ds-cnn: takes [49, 10, 1], and the images are [10, 49, 1]; height and width are exchanged: turn the images',
    );
    expect(await refused({ labels: data.train.labels.subarray(1) })).to.equal(
      'training data: got 239 labels for 240 images; give one label an image',
    );
    expect(await refused({ pixels: data.train.pixels.subarray(1) })).to.match(
      /^training data: 240 images of /,
    );
    expect(await refused({ labels: new Uint8Array(240).fill(12) })).to.match(
      /^training data: label 12 of image 0 is not one of the 12 classes of ds-cnn/,
    );
  });
});
