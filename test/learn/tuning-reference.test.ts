/**
 * @file Fine-tuning step by step against PyTorch and timm (scripts/reference/tuning.py): layer-wise decay, moving averages, frozen
 * stages, kernels for other channels.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { withInput } from '../../src/edit/index.ts';
import { graph, init, input } from '../../src/index.ts';
import type { Task } from '../../src/learn/task/index.ts';
import { type FitTaskOptions, fitTask, sgd } from '../../src/learn/train/index.ts';
import { float, type Net, type WeightKey } from '../../src/weights/index.ts';
import { referenceImages, referenceNet } from '../support/reference-fill.ts';

interface Run {
  readonly losses: readonly number[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
  readonly average?: Readonly<Record<string, readonly number[]>>;
}
const golden: {
  readonly decayed: Run;
  readonly averaged: Run;
  readonly frozen: Run;
  readonly norms: Run;
  readonly kernels: Readonly<Record<string, readonly number[]>>;
} = JSON.parse(readFileSync('test/learn/tuning.json', 'utf8'));

const { net: start } = referenceNet(
  graph(
    'fine-tune',
    input(6, 6, 1)
      .pipe('stem', (x) => x.conv(4, { kernel: 3 }).norm().relu())
      .pipe('stage1', (x) => x.conv(4, { kernel: 3 }).norm().relu())
      .pipe('stage2', (x) => x.conv(5, { kernel: 3 }).norm().relu())
      .pipe('head', (x) => x.globalPool().dense(3)),
  ),
);
const batch = 6;
const [x, labels] = [referenceImages(batch * 36), Int32Array.of(0, 1, 2, 0, 1, 2)];
const task: Task = {
  name: 'one batch',
  targets: { labels: { shape: [], dtype: 'int32' } },
  batches: () => () => ({ x, targets: { labels }, images: Uint32Array.from(labels.keys()), view: 0 }),
};
const options: FitTaskOptions = {
  steps: 3,
  batch,
  rate: 0.1,
  optimizer: sgd({ nesterov: true, weightDecay: 5e-4 }),
};

/** PyTorch's names for our weights. */
const slots: Readonly<Record<string, string>> = {
  ...{ kernel: 'weight', bias: 'bias', gamma: 'weight', beta: 'bias' },
  ...{ mean: 'running_mean', variance: 'running_var' },
};
function torchName(key: WeightKey): string {
  const [path = '', slot = ''] = key.split(':');
  const [part = '', layer = ''] = path.split('/');
  const place = part === 'head' ? part : `${part}.${layer === 'conv' ? 0 : 1}`;
  return `${place}.${slots[slot]}`;
}
/** The largest difference from the golden tensors, over the largest golden value. */
function apart({ weights }: Net, wanted: Run['weights']): number {
  const names = [...weights.keys()].map(torchName);
  expect(names.sort()).to.deep.equal(Object.keys(wanted).sort());
  const largest = Math.max(...Object.values(wanted).flat().map(Math.abs));
  const differences = [...weights].flatMap(([key, { data }]) =>
    (wanted[torchName(key)] ?? []).map((v, i) => Math.abs(v - (data[i] ?? Number.NaN))),
  );
  return Math.max(...differences) / largest;
}
const close = (losses: readonly number[], wanted: readonly number[]): void =>
  wanted.forEach((v, i) => {
    expect(losses[i]).to.be.closeTo(v, 2e-5);
  });

describe('fine-tuning against PyTorch and timm', () => {
  it('layer-wise decay: three steps as with the groups of param_groups_layer_decay', async () => {
    const { net, history } = await fitTask(start, task, { ...options, layerDecay: 0.5 });
    close(history.loss, golden.decayed.losses);
    expect(apart(net, golden.decayed.weights)).to.be.below(2e-5);
    const plain = await fitTask(start, task, options);
    expect(apart(plain.net, golden.decayed.weights)).to.be.above(1e-2);
  });

  it('a moving average with warm-up: the weights, and the average of weights and statistics, as of ModelEmaV3', async () => {
    const { net, raw } = await fitTask(start, task, { ...options, ema: { decay: 0.9, warmup: true } });
    if (!raw) throw new Error('the weights that are no average are missing');
    expect(apart(raw, golden.averaged.weights)).to.be.below(2e-5);
    expect(apart(net, golden.averaged.average ?? {})).to.be.below(2e-5);
    expect(apart(raw, golden.averaged.average ?? {})).to.be.above(1e-3);
  });

  it('frozen stages: norms by running statistics, nothing below them changes', async () => {
    const { net, history } = await fitTask(start, task, { ...options, freeze: ['stem..stage1'] });
    close(history.loss, golden.frozen.losses);
    expect(apart(net, golden.frozen.weights)).to.be.below(2e-5);
    for (const [key, weight] of start.weights)
      if (!/^(stage2|head)/.test(key)) expect(net.weights.get(key)?.data, key).to.deep.equal(weight.data);
  });

  it('frozen norms of layers that are trained: gradients come through what they multiply', async () => {
    const { net, history } = await fitTask(start, task, { ...options, freeze: ['**/norm'] });
    close(history.loss, golden.norms.losses);
    expect(apart(net, golden.norms.weights)).to.be.below(2e-5);
  });

  it('other channels: kernels as of adapt_input_conv', () => {
    const net = init(graph('rgb', input(4, 4, 3).conv(2, { kernel: 2 }).globalPool().dense(2)));
    const kernel = new Float32Array(24);
    // [out, in, h, w] of PyTorch to [h, w, in, out]
    for (let i = 0; i < 24; i++) {
      const [o, c, place] = [Math.floor(i / 12), Math.floor(i / 4) % 3, i % 4];
      kernel[(place * 3 + c) * 2 + o] = Math.fround(Math.fround(i / 7) - 1);
    }
    const rgb: Net = {
      graph: net.graph,
      weights: new Map([...net.weights, ['conv:kernel' as const, float([2, 2, 3, 2], kernel)]]),
    };
    for (const [channels, wanted] of Object.entries(golden.kernels)) {
      const adapted = withInput(rgb, { channels: Number(channels) }).weights.get('conv:kernel');
      expect(adapted?.shape).to.deep.equal([2, 2, Number(channels), 2]);
      wanted.forEach((v, i) => {
        expect(adapted?.data[i]).to.be.closeTo(v, 2e-6);
      });
    }
  });
});
