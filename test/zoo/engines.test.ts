/** @file Law 6 for small nets of the zoo: eager and traced engines agree in inference and in training. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { cheapen } from '../../src/edit/cheapen.ts';
import { useBackend } from '../../src/engine/index.ts';
import { graph, input } from '../../src/index.ts';
import { cost } from '../../src/read/index.ts';
import { wrn } from '../../zoo/architectures/index.ts';
import {
  expectAdamAgrees,
  expectForwardAgrees,
  expectRunsAgree,
  expectStepsAgree,
  steps,
} from '../support/agreement.ts';
import { blockName, everyBlock } from '../support/blocks.ts';
import { lighter, small, smallZoo } from '../support/nets.ts';

/** Norms over channels, a scale, and what makes maps larger or smaller. */
const upward = graph(
  'upward',
  input(8, 8, 3)
    .pipe('stem', (x) => x.conv(16, { kernel: 3, stride: 2 }).norm().relu())
    .convTranspose(16, { kernel: 4, stride: 2, bias: true })
    .pixelShuffle(2)
    .resize([9, 7])
    .pad([1, 0, 2, 1])
    .layerNorm()
    .responseNorm()
    .scale()
    .pad([0, -1, -2, 1])
    .globalPool()
    .dense(10),
);

/** Talking heads of fewer places than the map has, with a filter of v beside them, made as large again. */
const talking = graph(
  'talking',
  input(9, 10, 3)
    .pipe('stem', (x) => x.conv(16, { kernel: 3 }).norm().relu())
    .pipe('attention', (x) => {
      const few = x.depthwise({ stride: 2, padding: [1, 1, 1, 1], bias: true }).norm();
      const [q, k, v] = [few.conv(16).norm(), few.conv(16).norm(), few.conv(32, { bias: true }).norm()];
      const sum = q.attention(k, v, { heads: 4, bias: true, talking: true }).add(v.depthwise());
      return x.add(sum.resize([9, 10]).act('gelu').conv(16).norm());
    })
    .globalPool()
    .dense(10),
);

describe('engines agree (law 6)', () => {
  for (const graph of smallZoo(32)
    .filter((g) => cost(g).params < 1_000_000)
    .map(lighter)) {
    it(`${graph.name}: inference on cpu, wasm and onnxruntime`, () => expectForwardAgrees(graph));
  }
  // five eager steps each: on the engine in JavaScript at a size that it does in a second, larger ones on wasm
  for (const graph of [small('wrn', 8), cheapen(small('wrn', 8), 'G(4)')]) {
    it(`${graph.name}: one training step, eager on cpu and traced`, () => expectStepsAgree(graph));
  }
  for (const graph of [
    small('wrn', 16),
    small('resnet-cifar', 16),
    small('mobilenet-v1'),
    small('mobilenet-v2'),
    ...['G(4)', 'BG(2,2)'].map((block) => cheapen(small('wrn', 16), block)),
  ]) {
    // 16 fill a block: kernels' gradients are blocked convs then; and the last maps of mobilenets are 1x1 here, where a norm
    // over few values would multiply any rounding
    const batch = graph.name.startsWith('wrn') ? 4 : 16;
    it(`${graph.name}: one training step, eager on wasm and traced`, () =>
      expectStepsAgree(graph, { batch, reference: 'wasm' }));
  }
  it('norms over channels and transposed convs: one training step, eager on wasm and traced', () =>
    expectStepsAgree(upward, { batch: 4, reference: 'wasm' }));
  for (const engine of ['onnxruntime', 'plain', ...everyBlock.map((block) => ({ block }))] as const)
    it(`talking heads: one training step, eager on wasm and traced, on ${typeof engine === 'string' ? engine : blockName(engine.block)}`, () =>
      expectStepsAgree(talking, { engine, reference: 'wasm' }));
  it('wrn: the moments of Adam, eager and traced', () => expectAdamAgrees(small('wrn', 16)));
  it('wrn-16-1: three steps of SGD agree in each tensor within 1e-4', () =>
    expectRunsAgree(wrn({ size: 8 }), 3, 1e-4));
  it('an eager run leaves no tensor behind', async () => {
    const graph = cheapen(small('wrn', 16), 'B(4)');
    await useBackend('cpu');
    await steps(graph, 'cpu');
    const before = tf.memory().numTensors;
    await steps(graph, 'cpu');
    expect(tf.memory().numTensors).to.equal(before);
  });
});
