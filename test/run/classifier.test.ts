/** @file Pictures in, labels with probabilities out: nets that end in logits or in a softmax, cards, and what is refused. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { graph, init, input } from '../../src/index.ts';
import { type Classifier, classifier, pictureCard } from '../../src/run/index.ts';
import { float, type Net } from '../../src/weights/index.ts';
import { saveNet, studentNames } from '../../zoo/index.ts';
import { madePicture } from '../support/pictures.ts';
import { line, usage } from '../support/refused.ts';

const picture = madePicture({ seed: 4, width: 9, height: 7, channels: 3 });
const flow = () => input(4, 4, 3).pipe('head', (x) => x.globalPool().dense(3));
/** Logits that are the biases alone. */
const biased = (net: Net, ...biases: readonly number[]): Net => ({
  ...net,
  weights: new Map([
    ...net.weights,
    ['head/dense:kernel', float([3, 3], new Float32Array(9))],
    ['head/dense:bias', float([3], Float32Array.from(biases))],
  ]),
});
const logits = biased(init(graph('logits', flow())), 1, 3, 2);

describe('classifier', () => {
  const folder = mkdtempSync(join(tmpdir(), 'classifier-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const told = async ({ classify, release }: Classifier, top?: number) => {
    const said = await classify(picture, top);
    await release();
    return said;
  };

  it('gives the most probable classes, with the softmax of the logits', async () => {
    const { guesses, outputs } = await told(await classifier(logits, { labels: ['a', 'b', 'c'] }));
    expect(guesses.map(({ label, index }) => [label, index])).to.deep.equal([
      ['b', 1],
      ['c', 2],
      ['a', 0],
    ]);
    const sum = Math.exp(1) + Math.exp(2) + Math.exp(3);
    [Math.exp(3) / sum, Math.exp(2) / sum, Math.exp(1) / sum].forEach((p, i) => {
      expect(guesses[i]?.probability).to.be.closeTo(p, 1e-7);
    });
    expect([...outputs]).to.deep.equal([1, 3, 2]);
    expect((await told(await classifier(logits), 1)).guesses.map(({ label }) => label)).to.deep.equal(['1']);
  });

  it('overflows at no logit, and gives equal classes in order', async () => {
    const { guesses } = await told(await classifier(biased(logits, -3e38, 3e38, 3e38)));
    expect(guesses.map(({ index, probability }) => [index, probability])).to.deep.equal([
      [1, 0.5],
      [2, 0.5],
      [0, 0],
    ]);
  });

  it('takes what a net with a softmax says as it is', async () => {
    const soft = biased(
      init(
        graph(
          'soft',
          flow().pipe('end', (x) => x.act('softmax')),
        ),
      ),
      0,
      Math.log(2),
      Math.log(5),
    );
    const { guesses, outputs } = await told(await classifier(soft));
    [5 / 8, 2 / 8, 1 / 8].forEach((p, i) => {
      expect(guesses[i]?.probability).to.be.closeTo(p, 1e-6);
    });
    expect(outputs[2]).to.be.closeTo(5 / 8, 1e-6);
  });

  it('reads preprocessing and labels from the card of a folder; the size is that of the input', async () => {
    const preprocessing = {
      ...{ range: [0, 255], mean: [9, 8, 7], std: [1, 2, 3], channels: 'bgr', size: 224, from: 'a test' },
      ...{ interpolation: 'bicubic', crop: 0.9, cropMode: 'squash' },
    };
    saveNet(join(folder, 'net'), logits, { preprocessing, labels: ['x', 'y', 'z'] });
    const net = await classifier(join(folder, 'net'));
    const { from: _, ...rest } = preprocessing;
    expect(net.preparation).to.deep.equal({ ...rest, size: [4, 4] });
    expect([net.labels, net.note]).to.deep.equal([['x', 'y', 'z'], undefined]);
    await net.release();
    saveNet(join(folder, 'bare'), logits, {});
    const bare = await classifier(join(folder, 'bare'));
    expect(bare.note).to.match(
      /bare: no card says how pictures become its input; they are resized to 4 x 4 with ImageNet/,
    );
    await bare.release();
  });

  it('knows how every shipped student sees pictures', () => {
    for (const name of studentNames()) {
      const { preparation, note } = pictureCard(name, graph('grey', input(28, 28, 1).globalPool().dense(10)));
      expect([preparation.size, preparation.mean.length, note]).to.deep.equal([[28, 28], 1, undefined]);
    }
  });

  it('refuses in one line what does not fit', async () => {
    expect(await usage(() => classifier(logits, { labels: ['a'] }))).to.equal(
      'logits: got 1 labels for 3 classes; give one for each class',
    );
    expect(await line(() => classifier(init(graph('line', input(3).dense(2)))))).to.equal(
      'line: takes [3], and pictures are [height, width, 1 or 3]; name a net that takes them',
    );
    saveNet(join(folder, 'wrong'), logits, { labels: ['only'] });
    expect(await line(() => classifier(join(folder, 'wrong')))).to.match(
      /card\.json: has 1 labels, and the net tells 3 classes apart; correct "labels", or remove it$/,
    );
    const net = await classifier(logits);
    expect(await usage(() => net.classify(picture, 0))).to.equal(
      'classify: top must be a whole number from 1 up, got 0',
    );
    await net.release();
  });
});
