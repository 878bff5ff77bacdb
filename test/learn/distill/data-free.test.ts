/** @file Data-free distillation (Lopes, Fenu and Starner [157]): the record against closed forms, and images made from it. */
import { expect } from 'chai';
import { graph, input } from '../../../src/compose/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import {
  drawTargets,
  noiseSplit,
  packMetadata,
  reconstructImages,
  recordMetadata,
  unpackMetadata,
} from '../../../src/learn/distill/index.ts';
import { float, type Net } from '../../../src/weights/index.ts';
import { tinyScale, tinySplit, tinyStudent } from '../../support/distilling.ts';
import { messageOf } from '../../support/errors.ts';
import { shaken } from '../../support/nets.ts';

/** Two logits of a four-pixel image: the sums of its upper and of its lower row. */
const linear: Net = {
  graph: graph('linear', input(2, 2, 1).flatten().dense(2)),
  weights: new Map([
    ['dense:kernel', float([4, 2], Float32Array.of(1, 0, 1, 0, 0, 1, 0, 1))],
    ['dense:bias', float([2], new Float32Array(2))],
  ] as const),
};
const scale = { shape: [2, 2, 1], mean: 0, std: 1 } as const;
const split = {
  count: 4,
  pixels: Uint8Array.of(255, 255, 0, 0, 255, 0, 0, 0, 0, 0, 255, 255, 0, 0, 255, 0),
  labels: Uint8Array.of(0, 0, 1, 1),
};

describe('data-free distillation (Lopes, Fenu and Starner)', () => {
  it('records means and factors of covariances by class', async () => {
    const { layers } = await recordMetadata(linear, split, scale, { layers: ['dense'] });
    const [record] = layers;
    expect([...(record?.mean ?? [])]).to.deep.equal([1.5, 0, 0, 1.5]);
    const l = [...(record?.spread ?? [])];
    expect((l[0] as number) ** 2).to.be.closeTo(0.25, 1e-4); // of 2 and 1: a variance of 1/4
    expect((l[7] as number) ** 2).to.be.closeTo(0.25, 1e-4);
    for (const k of [1, 2, 5, 6]) expect(l[k]).to.be.closeTo(0, 1e-3);
  });
  it('draws targets of that mean and spread', async () => {
    const { layers } = await recordMetadata(linear, split, scale, { layers: ['dense'] });
    const classes = new Array<number>(4000).fill(0);
    const drawn = drawTargets(layers[0] as (typeof layers)[number], classes, 1, false);
    const of = classes.map((_, i) => drawn[2 * i] as number);
    const mean = of.reduce((a, b) => a + b, 0) / of.length;
    expect(mean).to.be.closeTo(1.5, 0.03);
    expect(of.reduce((s, v) => s + (v - mean) ** 2, 0) / of.length).to.be.closeTo(0.25, 0.03);
  });
  it('makes images of which a linear teacher says what it said of data, and leaves the teacher as it was', async () => {
    const metadata = await recordMetadata(linear, split, scale, { layers: ['dense'] });
    const before = [...(linear.weights.get('dense:kernel')?.data ?? [])];
    const seen: number[] = [];
    const made = await reconstructImages(linear, metadata, {
      images: 20,
      batch: 20,
      steps: 150,
      onBatch: (_, first, last) => seen.push(first, last),
    });
    expect(seen[1]).to.be.below((seen[0] as number) / 10);
    expect([...(linear.weights.get('dense:kernel')?.data ?? [])]).to.deep.equal(before);
    for (let i = 0; i < 20; i++) {
      const [a, b, c, d] = [...made.pixels.subarray(4 * i, 4 * i + 4)] as [number, number, number, number];
      expect(a + b > c + d, `image ${i}`).to.equal(made.labels[i] === 0);
    }
  });
  it('averages neighbours where told: all four pixels of a 3x3 square that covers the image are then one', async () => {
    const metadata = await recordMetadata(linear, split, scale, { layers: ['dense'] });
    const about = { images: 4, batch: 4, steps: 20, smooth: 3 };
    const { pixels } = await reconstructImages(linear, metadata, about);
    for (let i = 0; i < 4; i++)
      expect(new Set(pixels.subarray(4 * i, 4 * i + 4)).size, `image ${i}`).to.equal(1);
    let error: unknown;
    await reconstructImages(linear, metadata, { ...about, smooth: 2 }).catch((e: unknown) => {
      error = e;
    });
    expect((error as Error).message).to.equal('data-free: smooth must be odd and 1 or more, got 2');
  });
  it('keeps its record in a file, for this teacher alone', async () => {
    const teacher = shaken(tinyStudent());
    const metadata = await recordMetadata(teacher, tinySplit(), tinyScale);
    expect(metadata.layers.map((l) => l.id)).to.deep.equal([
      'stage1/0/add',
      'stage2/0/add',
      'stage3/0/add',
      'head/globalPool',
      'head/dense',
    ]);
    expect(unpackMetadata(packMetadata(metadata))).to.deep.equal(metadata);
    let error: unknown;
    await reconstructImages(linear, metadata, { images: 1 }).catch((e: unknown) => {
      error = e;
    });
    expect(error).to.be.instanceOf(MoonletError);
    expect((error as Error).message).to.match(
      /^data-free: the metadata are of another net: linear has no "stage1/,
    );
  });
  it('refuses a damaged file of it in one line', () => {
    const vector = {
      id: 'head/dense',
      shape: [2],
      mean: new Float32Array(2),
      spread: new Float32Array(4),
    } as const;
    const scale = { shape: [2, 2, 1], mean: 0.5, std: 0.5 } as const;
    const bytes = packMetadata({ teacher: 't', classes: 1, scale, layers: [vector] });
    const changed = (from: string, to: string): Uint8Array =>
      Uint8Array.from(Buffer.from(Buffer.from(bytes).toString('latin1').replace(from, to), 'latin1'));
    expect(messageOf(() => unpackMetadata(changed('\\"std\\"', '\\"sdt\\"'), 'x'))).to.equal(
      'x: about, scale.std: must be a number, or one for each channel; the file is damaged',
    );
    expect(messageOf(() => unpackMetadata(changed('{\\"teacher', '[\\"teacher'), 'x'))).to.equal(
      'x: what it says of the teacher is not JSON; the file is damaged',
    );
  });
  it('is held against noise of the data’s mean and deviation', () => {
    const { pixels, count } = noiseSplit({ shape: [8, 8, 1], mean: 0.5, std: 0.1 }, 50, 10);
    const mean = pixels.reduce((a, b) => a + b, 0) / pixels.length / 255;
    expect(count).to.equal(50);
    expect(mean).to.be.closeTo(0.5, 0.01);
  });
});
