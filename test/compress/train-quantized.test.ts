/** @file Training through rounding learns from the uncompressed net where it is asked to. */
import { expect } from 'chai';
import { compress, parseSteps } from '../../src/compress/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { graph, init, input, UsageError } from '../../src/index.ts';
import { evaluate } from '../../src/learn/task/index.ts';
import { fit } from '../../src/learn/train/index.ts';
import { corners, cornersNet, cornersScale } from '../support/corners.ts';
import { messageOf } from '../support/errors.ts';

describe('the step quantize', () => {
  it('gives sums bits of their own', async () => {
    const net = init(
      graph(
        'sums',
        input(6, 6, 1)
          .pipe('stem', (x) => x.conv(4, { kernel: 3 }).relu())
          .pipe('stage1', (x) => x.residual((y) => y.conv(4, { kernel: 3 }).relu().conv(4, { kernel: 3 })))
          .pipe('head', (x) => x.globalPool().dense(4)),
      ),
    );
    const train = corners(64, 1);
    const data = {
      name: 'corners',
      classes: 4,
      classNames: ['a', 'b', 'c', 'd'],
      ...cornersScale,
      train,
      test: train,
    };
    const bitsOf = async (words: string): Promise<readonly (readonly [string, number])[]> => {
      const done = await compress(net, parseSteps(words), { data, heldOut: 8, runs: 0 });
      return done.net.graph.nodes.flatMap((n) =>
        n.op.kind === 'quantize' ? [[n.id, n.op.bits] as const] : [],
      );
    };
    const [plain, own] = [
      await bitsOf('quantize=4,activations=4'),
      await bitsOf('quantize=4,activations=4,sums=8'),
    ];
    expect(new Set(plain.map(([, bits]) => bits))).to.deep.equal(new Set([4]));
    expect(own.filter(([, bits]) => bits === 8).map(([id]) => id)).to.deep.equal(
      own.map(([id]) => id).filter((id) => id.includes('add')),
    );
    expect(own.filter(([, bits]) => bits === 8)).to.have.length(1);
    expect(messageOf(() => parseSteps('quantize=4,activations=0,sums=8'), UsageError)).to.equal(
      'steps[0]: sums: it is the bits of values; it needs rounded values (activations)',
    );
  });
});

describe('train-quantized', () => {
  it('with alpha = 1 learns the outputs of the uncompressed net, whatever the labels say', async () => {
    await useBackend('wasm');
    const [train, test] = [corners(200, 1), corners(100, 2)];
    const { net } = await fit(cornersNet(), train, cornersScale, { steps: 60, batch: 32, rate: 0.05 });
    const wrong = { ...train, labels: train.labels.map((label) => (label + 1) % 4) };
    const data = {
      name: 'corners',
      classes: 4,
      classNames: ['a', 'b', 'c', 'd'],
      ...cornersScale,
      train: wrong,
      test,
    };
    const accuracy = async (alpha: number): Promise<number> => {
      const steps = parseSteps(
        `quantize=4,activations=4,clip=mse train-quantized=60,kind=learned,batch=32,rate=0.05,alpha=${alpha}`,
      );
      const done = await compress(net, steps, { data, heldOut: 40, runs: 0, seed: 1 });
      return (await evaluate(done.net, test, cornersScale)).accuracy;
    };
    expect((await evaluate(net, test, cornersScale)).accuracy).to.be.above(0.9);
    expect(await accuracy(1)).to.be.above(0.8);
    expect(await accuracy(0)).to.be.below(0.4);
  });
});
