/** @file Boxes, anchors, suppression, average precision and crops, against values worked out by hand. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { useBackend } from '../../../src/engine/index.ts';
import {
  anchorBoxes,
  area,
  assigned,
  type Box,
  background,
  clip,
  crops,
  cropWeights,
  type Detection,
  decode,
  encode,
  iou,
  match,
  meanAveragePrecision,
  nms,
  sampleAnchors,
  sampleProposals,
  undecided,
  vote,
  voted,
} from '../../../src/learn/task/detect/index.ts';
import { random } from '../../../src/random.ts';

const anyBox = fc
  .tuple(
    fc.double({ min: 0, max: 40, noNaN: true }),
    fc.double({ min: 0, max: 40, noNaN: true }),
    fc.double({ min: 3, max: 24, noNaN: true }),
    fc.double({ min: 3, max: 24, noNaN: true }),
  )
  .map(([y, x, h, w]): Box => [y, x, y + h, x + w]);

describe('boxes', () => {
  it('have an intersection over union: 1 of themselves, 0 apart or touching, symmetric', () => {
    expect(iou([0, 0, 2, 2], [1, 1, 3, 3])).to.equal(1 / 7);
    expect(iou([0, 0, 2, 2], [0, 2, 2, 4])).to.equal(0);
    expect(iou([0, 0, 4, 4], [1, 1, 3, 3])).to.equal(4 / 16);
    fc.assert(
      fc.property(anyBox, anyBox, (a, b) => {
        expect(iou(a, b)).to.equal(iou(b, a));
        expect(iou(a, a)).to.be.closeTo(1, 1e-12);
      }),
    );
  });
  it('are said relative to others: by hand, and back again', () => {
    // centre (10, 20) of 8 x 4 against centre (8, 16) of 4 x 8
    const offsets = encode([6, 18, 14, 22], [6, 12, 10, 20]);
    expect(offsets[0]).to.be.closeTo(2 / 4 / 0.1, 1e-12);
    expect(offsets[1]).to.be.closeTo(4 / 8 / 0.1, 1e-12);
    expect(offsets[2]).to.be.closeTo(Math.log(2) / 0.2, 1e-12);
    expect(offsets[3]).to.be.closeTo(Math.log(0.5) / 0.2, 1e-12);
    fc.assert(
      fc.property(anyBox, anyBox, (box, reference) => {
        decode(encode(box, reference), reference).forEach((v, i) => {
          expect(v).to.be.closeTo(box[i] as number, 1e-9);
        });
      }),
    );
  });
  it('do not grow beyond 16 times their reference, however large the offsets', () => {
    const [top, , bottom] = decode([0, 0, 1e6, 0], [0, 0, 2, 2]);
    expect(bottom - top).to.be.closeTo(32, 1e-9);
  });
  it('are clipped to the image', () => {
    expect(clip([-3, 5, 70, 64], 64)).to.deep.equal([0, 5, 64, 64]);
    expect(area(clip([70, 5, 80, 9], 64))).to.equal(0);
  });
});

describe('anchors', () => {
  const shapes = { sizes: [8], ratios: [1, 4] };
  it('stand in the middle of their cells, with the areas and ratios that were asked for', () => {
    const all = anchorBoxes(2, 4, shapes);
    expect(all).to.have.length(8);
    expect(all[0]).to.deep.equal([-2, -2, 6, 6]);
    expect(all[1]).to.deep.equal([-6, 0, 10, 4]);
    expect(all[2]).to.deep.equal([-2, 2, 6, 10]);
    expect(all[4]).to.deep.equal([2, -2, 10, 6]);
  });
  it('stand for what they mostly cover, for background, or for neither', () => {
    const object: Box = [0, 0, 10, 10];
    const anchors: Box[] = [
      [0, 0, 10, 10],
      [0, 0, 10, 8],
      [0, 0, 10, 5],
      [0, 0, 10, 2],
      [20, 20, 30, 30],
    ];
    expect([...match(anchors, [object])]).to.deep.equal([0, 0, undecided, background, background]);
  });
  it('leave no object without an anchor, and need no objects', () => {
    const anchors: Box[] = [
      [0, 0, 10, 10],
      [20, 20, 30, 30],
    ];
    expect([...match(anchors, [[8, 8, 12, 12]])]).to.deep.equal([0, background]);
    expect([...match(anchors, [])]).to.deep.equal([background, background]);
  });
  it('are sampled half for objects, half background, never undecided ones', () => {
    const matched = Int32Array.from({ length: 100 }, (_, i) =>
      i < 30 ? 0 : i < 60 ? undecided : background,
    );
    const sampled = sampleAnchors(matched, 20, random('sample', 1));
    expect(new Set(sampled).size).to.equal(20);
    expect(sampled.filter((i) => matched[i] === 0)).to.have.length(10);
    expect(sampled.filter((i) => matched[i] === background)).to.have.length(10);
  });
});

describe('proposals of a step', () => {
  it('stand for the object with half in common, and say how to get there', () => {
    const objects: Box[] = [
      [0, 0, 10, 10],
      [0, 0, 10, 14],
    ];
    const near = assigned([0, 0, 10, 13], objects);
    expect(near.object).to.equal(1);
    decode(near.offsets, near.box).forEach((v, i) => {
      expect(v).to.be.closeTo(objects[1]?.[i] as number, 1e-9);
    });
    expect(assigned([30, 30, 40, 40], objects)).to.deep.equal({
      box: [30, 30, 40, 40],
      object: -1,
      offsets: [0, 0, 0, 0],
    });
  });
  it('are as many as were asked for, inside the image, some on objects and some on ground', () => {
    const objects: Box[] = [
      [5, 5, 25, 20],
      [40, 40, 60, 60],
    ];
    const all = sampleProposals(objects, 24, 64, random('proposals', 3));
    expect(all).to.have.length(24);
    for (const { box } of all) expect(clip(box, 64)).to.deep.equal(box);
    const on = new Set(all.map((p) => p.object));
    expect(on).to.deep.equal(new Set([-1, 0, 1]));
    expect(sampleProposals(objects, 24, 64, random('proposals', 3))).to.deep.equal(all);
  });
});

describe('suppression', () => {
  it('keeps the surest of boxes that say the same', () => {
    const boxes: Box[] = [
      [0, 0, 10, 10],
      [0, 1, 10, 11],
      [20, 20, 30, 30],
      [0, 5, 10, 15],
    ];
    expect(nms(boxes, [0.5, 0.9, 0.4, 0.8], { threshold: 0.5 })).to.deep.equal([1, 3, 2]);
    expect(nms(boxes, [0.5, 0.9, 0.4, 0.8], { threshold: 0.3 })).to.deep.equal([1, 2]);
    expect(nms(boxes, [0.5, 0.9, 0.4, 0.8], { threshold: 0.5, most: 1 })).to.deep.equal([1]);
  });
});

describe('mean average precision', () => {
  const square = (at: number): Box => [0, at, 10, at + 10];
  const truth = (image: number, at: number, label = 0) => ({ image, label, box: square(at) });
  const found = (image: number, at: number, score: number, label = 0): Detection => ({
    ...truth(image, at, label),
    score,
  });
  const one = (d: readonly Detection[], t = [truth(0, 0), truth(0, 50), truth(1, 0)]) =>
    meanAveragePrecision(d, t, 1).map;

  it('is 1 when all is found and nothing else is surer, 0 when nothing is', () => {
    expect(one([found(0, 0, 0.9), found(0, 50, 0.8), found(1, 0, 0.7), found(1, 80, 0.1)])).to.equal(1);
    expect(one([])).to.equal(0);
  });
  it('is the area under the monotone curve: right, wrong, right, wrong, right of three', () => {
    const some = [
      found(0, 0, 0.9),
      found(0, 90, 0.8),
      found(0, 50, 0.7),
      found(1, 90, 0.6),
      found(1, 0, 0.5),
    ];
    // precision 1, 1/2, 2/3, 1/2, 3/5; made monotone 1, 2/3, 2/3, 3/5, 3/5
    expect(one(some)).to.be.closeTo((1 + 2 / 3 + 3 / 5) / 3, 1e-12);
    expect(one(some.slice(0, 3))).to.be.closeTo((1 + 2 / 3) / 3, 1e-12);
  });
  it('counts a second finding of an object as wrong', () => {
    // precision 1, 1/2, 2/3: the second of the first object costs
    expect(one([found(0, 0, 0.9), found(0, 1, 0.8), found(0, 50, 0.7)])).to.be.closeTo(
      (1 + 2 / 3) / 3,
      1e-12,
    );
  });
  it('needs half in common: a shift by a third has exactly that', () => {
    const shifted = (at: number): Detection => ({ image: 0, label: 0, box: [0, at, 9, at + 9], score: 1 });
    const t = [{ image: 0, label: 0, box: [0, 0, 9, 9] as const }];
    expect(meanAveragePrecision([shifted(3)], t, 1).map).to.equal(1); // 6 / 12
    expect(meanAveragePrecision([shifted(3.01)], t, 1).map).to.equal(0);
    expect(meanAveragePrecision([shifted(3)], t, 1, 0.6).map).to.equal(0);
  });
  it('is the mean over the classes that have objects', () => {
    const score = meanAveragePrecision(
      [found(0, 0, 0.9, 0), found(0, 0, 0.9, 2), found(0, 0, 0.9, 1)],
      [truth(0, 0, 0), truth(0, 50, 2), truth(0, 0, 2)],
      3,
    );
    expect(score.averagePrecision).to.deep.equal([1, undefined, 0.5]);
    expect(score.map).to.equal(0.75);
  });
  it('does not look across images', () => {
    expect(one([found(1, 50, 0.9)])).to.equal(0);
  });
});

describe('crops', () => {
  before(() => useBackend('wasm'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const [bins, cells, stride] = [3, 8, 4];
  const weightsOf = (boxes: readonly Box[]): [tf.Tensor4D, tf.Tensor4D] => {
    const all = boxes.map((b) => cropWeights(b, bins, cells, stride));
    const flat = (k: 'rows' | 'columns'): tf.Tensor4D =>
      tf.tensor4d(
        all.flatMap((w) => [...w[k]]),
        [1, boxes.length, bins, cells],
      );
    return [flat('rows'), flat('columns')];
  };

  it('weigh rows and columns so that each bin sums to 1, inside the image or not', () =>
    fc.assert(
      fc.property(anyBox, (box) => {
        const { rows, columns } = cropWeights(box, bins, cells, stride);
        for (const w of [rows, columns]) {
          for (let b = 0; b < bins; b++)
            expect(w.subarray(b * cells, (b + 1) * cells).reduce((s, v) => s + v, 0)).to.be.closeTo(1, 1e-6);
        }
      }),
    ));
  it('read a linear map where the bins have their middles', () => {
    const box: Box = [4, 8, 16, 26]; // bins of 4 x 6 pixels
    const map = tf.tensor4d(
      Array.from({ length: 64 }, (_, i) => 4 * (Math.floor(i / 8) + 0.5) + 100 * 4 * ((i % 8) + 0.5)),
      [1, 8, 8, 1],
    );
    const found = crops(map, ...weightsOf([box])).dataSync();
    const expected = [6, 10, 14].flatMap((y) => [11, 17, 23].map((x) => y + 100 * x));
    expected.forEach((v, i) => {
      expect(found[i]).to.be.closeTo(v, 1e-2);
    });
  });
  it('vote: each bin reads its own channels, and the bins are averaged', () => {
    const values = Float32Array.from({ length: 64 * 18 }, (_, i) => Math.sin(i));
    const boxes: Box[] = [
      [0, 0, 20, 12],
      [5, 7, 30, 31],
    ];
    const map = tf.tensor4d(values, [1, 8, 8, 18]);
    const voting = vote(map, ...weightsOf(boxes)).arraySync()[0] as number[][];
    const all = crops(map, ...weightsOf(boxes)).arraySync()[0] as number[][][];
    boxes.forEach((box, p) => {
      const byHand = [0, 1].map(
        (d) => all[p]?.reduce((s, bin, b) => s + (bin[2 * b + d] as number), 0) as number,
      );
      const onArrays = voted(values, 2, bins, cells, cropWeights(box, bins, cells, stride));
      for (const d of [0, 1]) {
        expect(voting[p]?.[d]).to.be.closeTo((byHand[d] as number) / 9, 1e-5);
        expect(onArrays[d]).to.be.closeTo((byHand[d] as number) / 9, 1e-5);
      }
    });
  });
  it('send no gradient beyond the cells next to their boxes', () => {
    const [rows, columns] = weightsOf([[8, 8, 16, 16]]);
    const gradient = tf.grad((map) => tf.sum(crops(map as tf.Tensor4D, rows, columns)))(
      tf.ones([1, 8, 8, 1]),
    );
    const at = (gradient.arraySync() as number[][][][])[0] as number[][][];
    for (let y = 0; y < 8; y++)
      for (let x = 0; x < 8; x++) {
        // points near the border of the box lie between its cells 2 and 3 and their neighbours
        const near = y >= 1 && y < 5 && x >= 1 && x < 5;
        if (near) expect(at[y]?.[x]?.[0]).to.be.above(0);
        else expect(at[y]?.[x]?.[0]).to.equal(0);
      }
  });
});
