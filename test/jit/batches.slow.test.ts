/**
 * @file Training steps at any batch: the images of a batch become the channels of blocked convs, which come in blocks. Every
 * batch up to 70 runs on this machine, and is lowered for every block; some run in the interpreter.
 */

import { expect } from 'chai';
import { graph, input } from '../../src/compose/index.ts';
import { deepen, widen } from '../../src/edit/index.ts';
import { pruneChannels } from '../../src/edit/prune/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { sgd, step } from '../../src/learn/train/index.ts';
import { init } from '../../src/weights/index.ts';
import { change, expectStepsAgree, steps } from '../support/agreement.ts';
import { blockName, everyBlock, interpretedStep } from '../support/blocks.ts';
import { distance } from '../support/nets.ts';

/** A conv of each kind that has a gradient of its own, with norms, a strided block with its shortcut, and a sum. */
const every: Graph = graph(
  'every kind of conv',
  input(4, 4, 3)
    .pipe('stem', (x) => x.conv(16, { kernel: 3 }).norm().relu())
    .pipe('stage1', (x) => {
      const body = x.conv(16, { kernel: 3, stride: 2 }).norm().act('relu6').conv(16, { kernel: 3 }).norm();
      return body.add(x.conv(16, { stride: 2 }).norm());
    })
    .pipe('stage2', (x) => x.conv(24).norm().relu().depthwise({ kernel: 3 }).norm().act('relu6'))
    .pipe('stage3', (x) => x.conv(24, { kernel: 3, groups: 6 }).norm().conv(20).norm().relu())
    .pipe('head', (x) => x.globalPool().dense(10)),
);

const batches = Array.from({ length: 70 }, (_, i) => i + 1);
const fives = Array.from({ length: 14 }, (_, i) => batches.slice(5 * i, 5 * i + 5));
const between = (list: readonly number[]): string => `${list[0]} to ${list.at(-1)}`;
const planOf = (batch: number) =>
  step({ graph: every, losses: [crossEntropy()({ student: every })], optimizer: sgd(), batch });

describe('training steps at any batch', () => {
  for (const some of [...fives, [100, 127]]) {
    it(`agree with the step without blocks, ${between(some)}`, async () => {
      for (const batch of some) {
        const [plain, blocked] = [
          change(await steps(every, 'plain', { batch, calm: true })),
          change(await steps(every, 'onnxruntime', { batch, calm: true })),
        ];
        expect(distance(blocked, plain), `batch ${batch}`).to.be.below(1e-4);
      }
    });

    for (const block of [8, 16]) {
      it(`are lowered for ${blockName(block)}, ${between(some)}`, () => {
        for (const batch of some) interpretedStep(planOf(batch), block);
      });
    }
  }

  for (const block of everyBlock) {
    for (const batch of [1, 7, 8, 12, 17, 24, 33]) {
      it(`agree with the eager step in ${blockName(block)}, batch ${batch}`, () =>
        expectStepsAgree(every, { batch, engine: { block } }));
    }
  }
});

describe('training steps of nets that were edited, in every block', () => {
  const net = init(every, { seed: 1 });
  const edited: Readonly<Record<string, () => Graph>> = {
    'widened to 24': () => widen(net, { stem: 24, stage1: 24 }).net.graph,
    'widened to 20 and 12 more': () => widen(net, { stem: 20, stage2: 36 }).net.graph,
    pruned: () => pruneChannels(net, { ratio: 0.3 }, { roundTo: 1 }).net.graph,
    deepened: () => deepen(net, 'stage1').net.graph,
  };
  for (const [name, make] of Object.entries(edited)) {
    for (const block of everyBlock) {
      it(`${name}, ${blockName(block)}`, () => expectStepsAgree(make(), { batch: 12, engine: { block } }));
    }
    it(`${name}, on this machine`, () => expectStepsAgree(make(), { batch: 12 }));
  }

  it('the interpreter is not the engine: both gave numbers', async () => {
    const [a, b] = [await steps(every, { block: 8 }), await steps(every, 'onnxruntime')];
    expect(Object.keys(a.after[0] ?? {})).to.deep.equal(Object.keys(b.after[0] ?? {}));
  });
});
