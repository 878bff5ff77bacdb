/** @file Images that a teacher takes in another size or normalization: the same views as the student's. */
import { expect } from 'chai';
import type { PictureSource } from '../../src/data/index.ts';
import { graph, init, input } from '../../src/index.ts';
import { distill, softTargets } from '../../src/learn/distill/index.ts';
import { classification, type Scale } from '../../src/learn/task/index.ts';
import { float, materialize } from '../../src/weights/index.ts';
import { line } from '../support/refused.ts';

const scale: Scale = { shape: [4, 4, 1], mean: 0.25, std: 0.5 };
const other: Scale = { shape: [8, 8, 1], mean: 0, std: 0.1 };
const labels = Uint8Array.from({ length: 12 }, (_, i) => i % 3);
const small = Uint8Array.from({ length: 12 * 16 }, (_, i) => (i * i + 7 * i) % 251);
/** Each pixel four times. */
const large = Uint8Array.from({ length: 12 * 64 }, (_, k) => {
  const [image, row, column] = [Math.floor(k / 64), Math.floor((k % 64) / 8), k % 8];
  return small[image * 16 + (row >> 1) * 4 + (column >> 1)] ?? 0;
});
const train = { count: 12, pixels: small, labels };
const teacherImages = { ...other, train: { count: 12, pixels: large, labels } };

describe('the images of a teacher', () => {
  it('are moved and mirrored as the student’s, by its own size, mean and deviation', () => {
    const augment = { shift: 2, flip: true };
    const next = classification(train, scale, { augment, teacherImages }).batches({ batch: 6, seed: 5 });
    const plain = classification(train, scale, { augment }).batches({ batch: 6, seed: 5 });
    for (let step = 0; step < 4; step++) {
      const { x, teacherX = [] } = next(step);
      expect(x).to.deep.equal(plain(step).x);
      const wanted = Array.from({ length: 6 * 64 }, (_, k) => {
        const [image, row, column] = [Math.floor(k / 64), Math.floor((k % 64) / 8), k % 8];
        const student = x[image * 16 + (row >> 1) * 4 + (column >> 1)] ?? 0;
        return (student * 0.5 + 0.25) / 0.1;
      });
      for (const [k, v] of [...teacherX].entries()) expect(v).to.be.closeTo(wanted[k] ?? Number.NaN, 1e-5);
      expect(teacherX).to.have.length(wanted.length);
    }
  });

  it('stand beside images that are read when they are needed', async () => {
    const augment = { shift: 2, flip: true };
    const source: PictureSource = {
      ...{ count: 12, labels, paths: [], isWhole: false },
      preparation: { size: 4, mean: [0.25], std: [0.5], crop: 1 },
      use: async (index, then) =>
        then({ width: 4, height: 4, channels: 1, data: await source.read(index, 1) }),
      read: async (first, count) => small.subarray(first * 16, (first + count) * 16),
      digest: async () => 'small',
    };
    const read = classification(source, scale, { augment, teacherImages }).batches({ batch: 6, seed: 5 });
    const held = classification(train, scale, { augment, teacherImages }).batches({ batch: 6, seed: 5 });
    for (let step = 0; step < 4; step++) expect(await read(step)).to.deep.equal(held(step));
  });

  it('are refused with augmentations that the teacher would not see alike', async () => {
    const net = init(
      graph(
        'net',
        input(4, 4, 1).pipe('head', (x) => x.globalPool().dense(3)),
      ),
    );
    const all = {
      colorJitter: { hue: 0.1 },
      randAugment: {},
      resizedCrop: {},
      erasing: {},
      mix: { cutmix: 1 },
    };
    for (const [name, value] of Object.entries(all)) {
      const task = classification(train, scale, { augment: { shift: 1, [name]: value }, teacherImages });
      const refusal = `augment: the teacher takes other images than the student, and only shift and flip are the same for both; remove ${name}`;
      expect(await line(() => task.batches({ batch: 6, seed: 0 }))).to.equal(refusal);
      expect(await line(() => task.check?.(net.graph))).to.equal(refusal);
    }
  });

  it('teach what a teacher of the student’s own input teaches', async () => {
    const net = (size: number, seed: number) =>
      init(
        graph(
          'net',
          input(size, size, 1).pipe('head', (x) => x.globalPool().dense(3)),
        ),
        { seed },
      );
    const teacher = net(4, 2);
    const [kernel, bias] = ['kernel', 'bias'].map((slot) =>
      materialize(teacher.weights.get(`head/dense:${slot as 'kernel' | 'bias'}`) ?? expect.fail('no weight')),
    );
    // what the large teacher sees is v / 0.1; the small one sees (v - 0.25) / 0.5
    const weights = new Map(net(8, 2).weights);
    const put = (key: 'kernel' | 'bias', data: Float32Array): void => {
      const weight = weights.get(`head/dense:${key}`) ?? expect.fail('no weight');
      weights.set(`head/dense:${key}`, float(weight.shape, data));
    };
    put(
      'kernel',
      (kernel ?? new Float32Array()).map((v) => (v * 0.1) / 0.5),
    );
    put(
      'bias',
      (bias ?? new Float32Array()).map((v, c) => v - (0.25 / 0.5) * ((kernel ?? [])[c] ?? 0)),
    );
    const options = { steps: 8, batch: 6, losses: [softTargets({ weight: 1 })], augment: { flip: true } };
    const one = await distill(net(4, 1), train, scale, { ...options, teacher });
    const two = await distill(net(4, 1), train, scale, {
      ...{ ...options, teacherImages },
      teacher: { graph: net(8, 2).graph, weights },
    });
    const [a, b] = [one, two].map((done) => done.history.loss);
    for (const [i, v] of (a ?? []).entries()) expect(b?.[i]).to.be.closeTo(v, 1e-4 * Math.abs(v));
  });

  it('are refused where they are other images, or the teacher takes others', async () => {
    const net = init(
      graph(
        'net',
        input(4, 4, 1).pipe('head', (x) => x.globalPool().dense(3)),
      ),
    );
    const refusal = (images: typeof teacherImages) =>
      line(() => distill(net, train, scale, { teacher: net, steps: 1, batch: 6, teacherImages: images }));
    expect(await refusal(teacherImages)).to.match(/takes \[4, 4, 1\], and the images are \[8, 8, 1\]/);
    const { pixels } = teacherImages.train;
    const fewer = { count: 11, pixels: pixels.subarray(64), labels: labels.subarray(1) };
    expect(await refusal({ ...other, train: fewer })).to.equal(
      "the teacher's images are 11, and the student's are 12; give it the same images in the same order, prepared as it takes them",
    );
    const turned = { count: 12, pixels, labels: labels.toReversed() };
    expect(await refusal({ ...other, train: turned })).to.match(
      /^the teacher's images have label 2 for image 0, and the student's have 0; give it the same images/,
    );
  });
});
