/** @file Training for the zoo: stopped and resumed, skipped when done, the teacher's outputs shared on disk. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { diskCache } from '../../scripts/zoo/cache.ts';
import { doRun, folderOf, type Run, recipeOf, resultOf, runsOf } from '../../scripts/zoo/run.ts';
import { type Pair, parseRecipe } from '../../src/run/index.ts';
import { compose, loadStudent } from '../../zoo/index.ts';
import { scratch } from '../support/cli.ts';
import { messageOf } from '../support/errors.ts';
import { quietly } from '../support/quiet.ts';

const recipe = parseRecipe({
  data: 'mnist',
  student: 'lenet-5 size=28 channels=1 classes=10',
  teacher: 'mnist/wrn-16-1',
  optimizer: { kind: 'adam' },
  rate: { kind: 'one-cycle', peak: 0.002 },
  steps: 6,
  batch: 16,
  limit: 48,
  views: 2,
  viewSeed: 7,
  augment: { shift: 2 },
});
const pair: Pair = { id: 'mnist/tiny', teacher: 'mnist/wrn-16-1', stages: [], recipe, seeds: [1, 2] };
const never = new AbortController().signal;
const run = (seed: number, taught: boolean): Run => ({ pair, seed, taught });

describe('zoo:train', () => {
  const path = scratch();
  const out = path('zoo');
  const weights = (folder: string): Buffer => readFileSync(join(folder, 'weights.safetensors'));
  const cacheFiles = (where = out): string[] => readdirSync(join(where, 'cache'));

  it('knows the runs of a pair: with its teacher and without, at each seed; a teacher has one', () => {
    expect(runsOf(pair).map((r) => folderOf(r, 'o'))).to.deep.equal(
      ['taught-1', 'alone-1', 'taught-2', 'alone-2'].map((name) => join('o', 'mnist', 'tiny', name)),
    );
    const { teacher: _, ...own } = pair;
    expect(runsOf({ ...own, seeds: [1] }).map((r) => folderOf(r, 'o'))).to.deep.equal([
      join('o', 'mnist', 'tiny', 'teacher-1'),
    ]);
    expect(recipeOf(run(2, false))).to.include({ seed: 2, steps: 6, viewSeed: 7 });
    expect(recipeOf(run(2, false)).teacher).to.equal(undefined);
  });

  it('stopped in its middle, it resumes to the same net as an unbroken run', async () => {
    const stop = new AbortController();
    stop.abort();
    expect(await quietly(() => doRun(run(1, true), { out, signal: stop.signal }))).to.equal(undefined);
    expect(
      existsSync(join(folderOf(run(1, true), out), 'checkpoints', 'training', 'last.safetensors')),
    ).to.equal(true);
    const resumed = await quietly(() => doRun(run(1, true), { out, signal: never }));
    const whole = path('whole');
    const unbroken = await quietly(() => doRun(run(1, true), { out: whole, signal: never }));
    expect(resumed?.finalLoss).to.equal(unbroken?.finalLoss);
    expect([resumed?.n, resumed?.train]).to.deep.equal([10_000, 48]);
    const [a, b] = [out, whole].map((o) => weights(folderOf(run(1, true), o)));
    expect(a?.equals(b as Buffer)).to.equal(true);
  });

  it('shares what the teacher said among seeds: two views of 48 images of 10 logits, in one file', async () => {
    const before = cacheFiles();
    const size = statSync(join(out, 'cache', before[0] as string)).size;
    expect(before).to.have.length(1);
    expect(size).to.be.within(2 * 48 * 11 * 4, 2 * 48 * 11 * 4 + 1000);
    await quietly(() => doRun(run(2, true), { out, signal: never }));
    expect(cacheFiles()).to.deep.equal(before);
    expect(statSync(join(out, 'cache', before[0] as string)).size).to.equal(size);
  });

  it('adds to what another run of the teacher has written meanwhile', async () => {
    const teacher = loadStudent('mnist/wrn-16-1');
    const [a, b] = [await open(), await open()];
    a?.cache.set('1/0', Float32Array.of(1));
    b?.cache.set('2/0', Float32Array.of(2));
    a?.save();
    b?.save();
    const both = await open();
    expect([...(both?.cache.entries() ?? [])].map(([key, values]) => [key, ...values])).to.have.deep.members([
      ['1/0', 1],
      ['2/0', 2],
    ]);
    function open() {
      return diskCache(path('meanwhile'), compose('lenet-5'), teacher, recipe);
    }
  });

  it('keeps no feature maps: a loss that reads them asks the teacher', async () => {
    const maps = parseRecipe({
      ...recipe,
      student: 'igcv1 depth=8 partitions=4 size=28 channels=1 classes=10',
      steps: 1,
      losses: [{ kind: 'cross-entropy' }, { kind: 'attention' }],
    });
    const where = path('maps');
    const done = await quietly(() =>
      doRun({ pair: { ...pair, recipe: maps }, seed: 1, taught: true }, { out: where, signal: never }),
    );
    expect(done?.finalLoss).to.be.greaterThan(0);
    expect(existsSync(join(where, 'cache'))).to.equal(false);
  });

  it('skips what is done, and refuses to pass off another recipe as done', async () => {
    const before = statSync(join(folderOf(run(1, true), out), 'result.json')).mtimeMs;
    const again = await doRun(run(1, true), { out, signal: never });
    expect(again).to.deep.equal(resultOf(run(1, true), out));
    expect(statSync(join(folderOf(run(1, true), out), 'result.json')).mtimeMs).to.equal(before);
    const longer: Run = { pair: { ...pair, recipe: { ...recipe, steps: 7 } }, seed: 1, taught: true };
    expect(messageOf(() => resultOf(longer, out))).to.match(
      /taught-1.result\.json: it was made by another recipe; run it again by --force$/,
    );
  });
});
