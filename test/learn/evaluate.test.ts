/** @file Evaluation: right guesses, the pairs that occur, and memory in proportion to images, not to classes squared. */
import { expect } from 'chai';
import { MoonletError } from '../../src/errors.ts';
import { graph, init, input } from '../../src/index.ts';
import { evaluate, type Scale, score } from '../../src/learn/task/index.ts';
import { confusionOf, countPixels, segmentationScore } from '../../src/learn/task/parse/index.ts';
import { float } from '../../src/weights/index.ts';

const scale: Scale = { shape: [2, 2, 1], mean: 0, std: 1 };

describe('score', () => {
  it('counts pairs of label and guess, the most frequent first, and makes the table when asked', () => {
    const evaluation = score(Int32Array.of(0, 1, 1, 2, 0, 1), Uint8Array.of(0, 1, 2, 2, 1, 2), 3);
    expect(evaluation.accuracy).to.equal(0.5);
    expect(evaluation.pairs).to.deep.equal([
      { label: 2, guess: 1, count: 2 },
      { label: 0, guess: 0, count: 1 },
      { label: 1, guess: 0, count: 1 },
      { label: 1, guess: 1, count: 1 },
      { label: 2, guess: 2, count: 1 },
    ]);
    expect(evaluation.confusion).to.deep.equal([
      [1, 0, 0],
      [1, 1, 0],
      [0, 2, 1],
    ]);
    expect({ ...evaluation }).to.have.all.keys('accuracy', 'n', 'guesses', 'pairs');
  });
  it('refuses guesses without labels, and a table that is larger than any split', () => {
    expect(() => score(new Int32Array(), [], 3)).to.throw(
      MoonletError,
      'got 0 guesses and 0 labels; give one of each for every example',
    );
    const many = score(Int32Array.of(70_000), Int32Array.of(69_999), 100_000);
    expect(many.pairs).to.deep.equal([{ label: 69_999, guess: 70_000, count: 1 }]);
    expect(() => many.confusion).to.throw(
      MoonletError,
      'a table of 100000 x 100000 classes is too large; read the pairs that occur from "pairs"',
    );
  });
});

describe('evaluate', () => {
  it('of 21,843 classes takes memory for its images alone, and labels beyond bytes', async () => {
    const classes = 21_843;
    const net = init(graph('many', input(2, 2, 1).flatten().dense(classes, { bias: false })));
    // the brighter the first pixel, the more speaks for class 20,000
    const kernel = new Float32Array(4 * classes);
    kernel[20_000] = 1;
    const weights = new Map(net.weights).set('dense:kernel', float([4, classes], kernel));
    const split = {
      count: 10,
      pixels: new Uint8Array(40).fill(9),
      labels: Uint16Array.from({ length: 10 }, (_, i) => (i < 7 ? 20_000 : i)),
    };
    const before = process.memoryUsage();
    const { accuracy, guesses, pairs } = await evaluate({ ...net, weights }, split, scale, {
      batch: 10,
      engine: 'wasm',
    });
    const after = process.memoryUsage();
    expect(accuracy).to.equal(0.7);
    expect([...new Set(guesses)]).to.deep.equal([20_000]);
    expect(pairs[0]).to.deep.equal({ label: 20_000, guess: 20_000, count: 7 });
    // a table of all pairs would take 3.8e9 bytes; a batch's logits take 0.9e6
    expect(after.heapUsed - before.heapUsed).to.be.below(200e6);
  });

  it('takes smaller batches of larger images, and no larger one than there are', async () => {
    const batchesOf = async (side: number, count: number): Promise<readonly number[]> => {
      const net = init(graph('tiny', input(side, side, 1).globalPool().dense(2)));
      const pixels = new Uint8Array(count * side * side);
      const done: number[] = [];
      await evaluate(
        net,
        { count, pixels, labels: new Uint8Array(count) },
        { ...scale, shape: [side, side, 1] },
        {
          engine: 'wasm',
          onBatch: (n) => done.push(n),
        },
      );
      return done;
    };
    expect(await batchesOf(4, 300)).to.deep.equal([250, 300]);
    expect(await batchesOf(200, 110)).to.deep.equal([50, 100, 110]); // 2,000,000 values
    expect(await batchesOf(512, 20)).to.deep.equal([16, 20]);
    expect(await batchesOf(4, 3)).to.deep.equal([3]);
  });
});

describe('measures of dense predictions', () => {
  it('take memory for the classes, not for their pairs', () => {
    const counts = confusionOf(21_843);
    countPixels(counts, [21_842, 0, 5], [21_842, 0, 6]);
    const { miou, iou, pixelAccuracy } = segmentationScore(counts);
    expect([iou[21_842], iou[0], iou[5], iou[6], iou[7]]).to.deep.equal([1, 1, 0, 0, undefined]);
    expect(miou).to.equal(0.5);
    expect(pixelAccuracy).to.be.closeTo(2 / 3, 1e-12);
  });
});
