/** @file Training through rounding learns from the uncompressed net where it is asked to. */
import { expect } from 'chai';
import { compress, parseSteps } from '../../src/compress/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { evaluate } from '../../src/learn/task/index.ts';
import { fit } from '../../src/learn/train/index.ts';
import { corners, cornersNet, cornersScale } from '../support/corners.ts';

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
