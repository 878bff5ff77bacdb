/**
 * @file Losses of the first steps of the distillation of `npm start` and of three recipes are those from before the tracer's later
 * passes (first-losses.json): what makes steps faster changes no training. Two steps agree to rounding. Then rounding grows: the bounds
 * are those of law 6 for `npm start`, whose losses move by 2e-2 within 7 steps when its first weights move by 1e-7, and 1e-3 for the
 * recipes, which move by 1e-4 then.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { recipe } from '../../scripts/bench/rows/whole-run-recipe.ts';
import { parseRecipe, perform, readyFor } from '../../src/run/index.ts';

const { losses: before }: { readonly losses: Record<string, readonly number[]> } = JSON.parse(
  readFileSync('test/run/first-losses.json', 'utf8'),
);
const start = {
  ...{ data: 'mnist', student: 'wrn depth=16 width=1 size=28 channels=1', block: 'BG(2,2)' },
  teacher: 'mnist/wrn-16-1',
  losses: [
    { kind: 'cross-entropy', weight: recipe.crossEntropy },
    { kind: 'soft-targets', weight: recipe.softTargets, temperature: recipe.temperature },
    { kind: 'attention', weight: recipe.attention },
  ],
  ...{ steps: recipe.steps, rate: { kind: 'one-cycle', peak: recipe.peak }, batch: recipe.batch },
  ...{ seed: recipe.seed, augment: { shift: recipe.shift }, validation: recipe.heldOut },
};
const recipeOf = (name: string): unknown =>
  name === 'start' ? start : JSON.parse(readFileSync(`zoo/recipes/${name}.json`, 'utf8'));

describe('the first losses', () => {
  for (const [name, expected] of Object.entries(before))
    it(`of ${name === 'start' ? 'npm start' : `the recipe ${name}`} are as before`, async () => {
      const found: number[] = [];
      const stop = new AbortController();
      await perform(await readyFor(parseRecipe(recipeOf(name))), {
        options: {
          signal: stop.signal,
          onStep: ({ loss }) => {
            found.push(loss);
            if (found.length === expected.length) stop.abort();
          },
        },
      });
      expect(found.length).to.equal(expected.length);
      const later = name === 'start' ? 5e-2 : 1e-3;
      for (const [i, loss] of expected.entries())
        expect(found[i], `step ${i + 1}`).to.be.closeTo(loss, loss * (i < 2 ? 1e-5 : later));
    });
});
