/** @file Law 6 for every architecture at a size that matters: `npm run test:deep`. */
import { cheapen } from '../../src/edit/cheapen.ts';
import { cost } from '../../src/read/index.ts';
import { compose, wrn } from '../../zoo/architectures/index.ts';
import {
  expectAdamAgrees,
  expectForwardAgrees,
  expectRunsAgree,
  expectStepsAgree,
} from '../support/agreement.ts';
import { everyName, smallZoo } from '../support/nets.ts';

const nets = [
  'wrn depth=16 width=2',
  'wrn depth=40 width=2',
  'wrn depth=16 width=1 dropout=0.3',
  'resnet-cifar depth=20',
  'resnet-cifar depth=56',
  'resnet-18 classes=10 size=64',
  'resnet-34 classes=10 size=64',
  'resnet-50 classes=10 size=64',
  'mobilenet-v1 classes=10 size=96',
  'mobilenet-v2 classes=10 size=96',
].map(compose);
const cheap = ['G(4)', 'G(N)', 'B(2)', 'BG(2,2)', 'BG(4,M)'].map((block) =>
  cheapen(wrn({ depth: 16, width: 2 }), block),
);

/** An eager step takes up to minutes: what one ulp changes is asked of the faster engine. */
const pair = { batch: 8, chaosOn: ['onnxruntime'], draws: 4 } as const;

describe('engines agree on every architecture (law 6)', () => {
  for (const graph of smallZoo(32, everyName)) {
    it(`${graph.name}: inference on cpu, wasm and onnxruntime`, () => expectForwardAgrees(graph));
    if (cost(graph).params > 6_000_000) continue;
    it(`${graph.name}: one training step, eager and traced`, () => expectStepsAgree(graph, pair));
  }
  for (const graph of [...nets, ...cheap]) {
    it(`${graph.name}: inference on cpu, wasm and onnxruntime`, () => expectForwardAgrees(graph));
    it(`${graph.name}: one training step, eager and traced`, () => expectStepsAgree(graph, pair));
  }
  it('wrn: the moments of Adam, eager and traced', () => expectAdamAgrees(wrn()));
  it('wrn-16-1: three steps of SGD agree in each tensor within 1e-4', () => expectRunsAgree(wrn(), 3, 1e-4));
});
