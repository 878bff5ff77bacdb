/** @file Keys of training steps, and that a step from the cache on disk trains the same to the digit. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { dataset } from '../../src/data/index.ts';
import { graph, init, input } from '../../src/index.ts';
import { attention, dist, dkd, hints, logits, rkd, softTargets } from '../../src/learn/distill/index.ts';
import { crossEntropy, type LossMaker, taughtBy } from '../../src/learn/loss/index.ts';
import { adam, fit, type Optimizer, sgd, step } from '../../src/learn/train/index.ts';

const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
const labels = Array.from({ length: 32 }, (_, i) => i % 4);
const split = { pixels, labels };
const data = dataset({ shape: [8, 8, 1], classes: 4, train: split, test: split });
const tiny = (channels: number) =>
  init(
    graph(
      'tiny',
      input(8, 8, 1)
        .pipe('stage1', (x) => x.conv(channels).norm().relu())
        .globalPool()
        .dense(4),
    ),
  );
const [student, teacher] = [tiny(8), tiny(16)];

interface Change {
  readonly losses?: readonly LossMaker[];
  readonly optimizer?: Optimizer;
  readonly batch?: number;
  readonly trained?: (node: string) => boolean;
  readonly scale?: (node: string) => number;
  readonly averaged?: boolean;
}
function keyOf({
  losses = [crossEntropy()],
  optimizer = sgd(),
  batch = 8,
  ...plan
}: Change): string | undefined {
  const nets = { student: student.graph, teacher: teacher.graph, teachers: { big: teacher } };
  const bound = losses.map((make) => make(nets));
  const shapes = new Map(bound.flatMap((l) => (l.teacher ?? []).map((id) => [id, [4]] as const)));
  return step({ ...plan, graph: student.graph, losses: bound, optimizer, batch, teacher: shapes }).key;
}

describe('the key of a training step', () => {
  it('differs where the step does', () => {
    const changes: readonly Change[] = [
      {},
      { losses: [crossEntropy({ labelSmoothing: 0.1 })] },
      { losses: [crossEntropy(), softTargets()] },
      { losses: [crossEntropy(), logits()] },
      { losses: [softTargets(), crossEntropy()] },
      { losses: [crossEntropy(), dkd()] },
      { losses: [crossEntropy(), dkd({ standardized: true })] },
      { losses: [crossEntropy(), rkd()] },
      { losses: [crossEntropy(), dist()] },
      { losses: [attention({ pairs: [['stage1', 'stage1']] })] },
      { optimizer: sgd({ nesterov: true }) },
      { optimizer: sgd({ momentum: 0.8 }) },
      { optimizer: sgd({ weightDecay: 1e-4 }) },
      { optimizer: adam() },
      { optimizer: adam({ eps: 1e-6 }) },
      { batch: 9 },
      { trained: (node) => !node.startsWith('stage1') },
      { scale: (node) => (node.startsWith('stage1') ? 0.5 : 1) },
      { averaged: true },
    ];
    const keys = changes.map(keyOf);
    expect(keys).to.not.include(undefined);
    expect(new Set(keys).size).to.equal(changes.length);
    expect(changes.map(keyOf)).to.deep.equal(keys);
  });

  it('does not differ by what is an input of the step', () => {
    expect(keyOf({ losses: [crossEntropy({ weight: 2 })] })).to.equal(keyOf({}));
    expect(keyOf({ losses: [softTargets({ temperature: 2 })] })).to.equal(keyOf({ losses: [softTargets()] }));
  });

  it('is undefined where functions take part that Moonlet does not know', () => {
    const mine: LossMaker = (nets) => {
      const loss = crossEntropy()(nets);
      return { ...loss, compute: (at) => loss.compute(at) };
    };
    const own = sgd();
    expect(keyOf({ losses: [mine] })).to.equal(undefined);
    expect(keyOf({ losses: [crossEntropy(), mine] })).to.equal(undefined);
    expect(keyOf({ losses: [taughtBy('big', logits())] })).to.equal(undefined);
    expect(keyOf({ optimizer: { ...own, update: (...given) => own.update(...given) } })).to.equal(undefined);
  });
});

describe('a training step from the cache on disk', () => {
  it('trains the same to the digit, distillation included', async () => {
    const was = { ...process.env };
    const folder = mkdtempSync(join(tmpdir(), 'moonlet-models-'));
    const losses = [crossEntropy({ weight: 0.1 }), softTargets(), hints({ pairs: [['stage1', 'stage1']] })];
    const run = async (modelCache: boolean) => {
      const options = { teacher, losses, steps: 4, batch: 8, rate: 0.05, augment: { shift: 1 }, modelCache };
      const { net, history } = await fit(student, data.train, data, options);
      return { loss: history.loss, weights: [...net.weights] };
    };
    try {
      Object.assign(process.env, { MOONLET_CACHE: folder, MOONLET_MODEL_CACHE: '' });
      const fresh = await run(false);
      expect(readdirSync(folder)).to.deep.equal([]);
      const first = await run(true);
      expect(readdirSync(join(folder, 'models'))).to.have.length(1);
      const second = await run(true);
      expect(readdirSync(join(folder, 'models'))).to.have.length(1);
      expect(first).to.deep.equal(fresh);
      expect(second).to.deep.equal(fresh);
    } finally {
      rmSync(folder, { recursive: true });
      for (const name of ['MOONLET_CACHE', 'MOONLET_MODEL_CACHE']) {
        if (was[name] === undefined) delete process.env[name];
        else process.env[name] = was[name];
      }
    }
  });
});
