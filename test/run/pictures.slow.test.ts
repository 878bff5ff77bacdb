/** @file Recipes on folders of pictures: read while the run needs them, held-out parts, resumed to the same numbers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Hooks, parseRecipe, perform, type RecipeInput, readyFor } from '../../src/run/index.ts';
import { saveNet } from '../../zoo/index.ts';
import { memoryStore } from '../support/corners.ts';
import { colours, writeClasses } from '../support/pictures.ts';

describe('recipes on pictures', () => {
  const root = mkdtempSync(join(tmpdir(), 'recipes-'));
  const photos = join(root, 'photos');
  after(() => rmSync(root, { recursive: true, force: true }));
  before(async () => {
    await writeClasses(join(photos, 'train'), colours, 10);
    await writeClasses(join(photos, 'val'), colours, 2);
  });
  const run = async (more: Partial<RecipeInput>, how: { cacheBytes?: number } = {}, hooks: Hooks = {}) => {
    const student = 'wrn depth=10 width=1 size=8 channels=3 classes=3';
    const recipe = parseRecipe({ data: photos, student, steps: 8, batch: 8, rate: 0.02, ...more });
    const ready = await readyFor(recipe, {}, { ...how, cacheDir: join(root, 'cache') });
    return { ready, ...(await perform(ready, hooks)) };
  };

  it('hold no pictures in memory, and measure on the part for it', async () => {
    const { ready, n, accuracy } = await run({});
    expect([ready.data, ready.pictures?.classNames, n]).to.deep.equal([
      undefined,
      ['blue', 'green', 'red'],
      6,
    ]);
    expect(accuracy).to.be.within(0, 1);
    const munged = await run({ transfer: { kind: 'noise', images: 10 } });
    expect([munged.ready.pictures, munged.ready.data?.train.count]).to.deep.equal([undefined, 30]);
  });

  for (const augment of ['strong', { shift: 1, flip: true }] as const) {
    it(`with ${JSON.stringify(augment)} stopped and resumed, with and without a cache, give the same numbers`, async () => {
      const more = { augment, validation: 6, keep: 'best' } as const;
      const whole = await run(more);
      expect(whole.fitted.history.validation).to.have.length.above(1);
      const store = memoryStore();
      const stop = new AbortController();
      const onStep = ({ step }: { readonly step: number }): void => {
        if (step === 5) stop.abort();
      };
      const checkpoints = () => store;
      const half = await run(
        more,
        { cacheBytes: 0 },
        { checkpoints, options: { signal: stop.signal, onStep } },
      );
      expect(half.fitted.finished).to.equal(false);
      const resumed = await run(more, {}, { checkpoints });
      expect(resumed.fitted.history).to.deep.equal(whole.fitted.history);
      expect(resumed.fitted.net.weights).to.deep.equal(whole.fitted.net.weights);
    });
  }

  it('with mixup say that the teacher sees the mixed images, and keep none of its values', async () => {
    const { fitted } = await run({ augment: 'none', steps: 2 });
    saveNet(join(root, 'teacher'), fitted.net);
    const said: string[] = [];
    const distilled = { teacher: join(root, 'teacher'), views: 2, steps: 2 };
    const say = (text: string) => said.push(text);
    await run({ ...distilled, augment: 'light' }, {}, { say });
    expect(said).to.deep.equal([]);
    await run({ ...distilled, augment: { mix: { mixup: 1 } } }, {}, { say });
    expect(said.join()).to.equal(
      'mixup and CutMix: the teacher sees the mixed images, so that its values are computed anew each time',
    );
  });
});
