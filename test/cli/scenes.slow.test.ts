/** @file Recipes on scenes: each runs to its measures, resumes to the same numbers, and is refused with one clear line. */

import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseSceneRecipe, runScenes, type SceneRecipeInput, withoutTeacher } from '../../src/run/index.ts';

const tiny = { data: 'mnist', scenes: 16, test: 8, steps: 4, batch: 4, seed: 1 } as const;
const detector = 'detector width=2 depth=1';
const parser = 'parser width=2 depth=1';

describe('recipes on scenes', () => {
  const runs: readonly (readonly [SceneRecipeInput, readonly string[]])[] = [
    [
      {
        ...tiny,
        task: 'detection',
        student: detector,
        teacher: 'zoo/teachers/detector',
        losses: [{ kind: 'detection' }, { kind: 'mimic' }, { kind: 'hints', pair: ['stage2', 'stage2'] }],
      },
      ['map'],
    ],
    [
      { ...tiny, task: 'parsing', student: 'pad-net width=2 depth=1' },
      ['miou', 'pixelAccuracy', 'depthRmse', 'depthRelative', 'depthDelta1'],
    ],
    [
      {
        ...tiny,
        task: 'cross-modal',
        student: parser,
        teacher: 'zoo/teachers/parser',
        labelled: 8,
        transfer: 3,
      },
      ['miou', 'pixelAccuracy'],
    ],
  ];
  for (const [input, names] of runs) {
    it(`${input.task} runs, with the teacher and without, to measures from 0 to 1`, async () => {
      const recipe = parseSceneRecipe(input);
      for (const r of [recipe, withoutTeacher(recipe)]) {
        let steps = 0;
        const { measures, finished, n } = await runScenes(r, { onStep: () => steps++ });
        expect([finished, n]).to.deep.equal([true, 8]);
        expect(steps).to.equal(input.task === 'cross-modal' ? 7 : 4); // the same budget
        expect(Object.keys(measures)).to.include.members([...(r === recipe ? names : names.slice(0, 1))]);
        for (const name of names.slice(0, 1)) expect(measures[name]).to.be.within(0, 1);
      }
    }).timeout(60_000);
  }

  it('resumes after a stop to the same weights', async () => {
    const recipe = parseSceneRecipe({ ...tiny, task: 'detection', student: detector });
    const unbroken = await runScenes(recipe);
    const files = new Map<string, Uint8Array>();
    const checkpoints = () => ({
      load: async (name: string) => files.get(name),
      save: async (name: string, bytes: Uint8Array) => void files.set(name, bytes),
    });
    const stop = new AbortController();
    const first = await runScenes(recipe, {
      checkpoints,
      signal: stop.signal,
      onStep: (_, at) => at.step === 2 && stop.abort(),
    });
    expect(first.finished).to.equal(false);
    const second = await runScenes(recipe, { checkpoints });
    expect([...second.net.weights].map(([, w]) => [...w.data])).to.deep.equal(
      [...unbroken.net.weights].map(([, w]) => [...w.data]),
    );
    expect(second.measures).to.deep.equal(unbroken.measures);
  }).timeout(60_000);

  it('says what is wrong before it trains', async () => {
    const wrong = (value: unknown, text: string | RegExp): void => {
      expect(() => parseSceneRecipe(value, 'r.json')).to.throw(text);
    };
    const base = { ...tiny, task: 'detection', student: detector };
    wrong({ ...base, losses: [{ kind: 'mimik' }] }, /^r\.json: losses\[0\]\.kind/);
    wrong({ ...base, losses: [{ kind: 'mimic' }] }, 'r.json: the loss mimic needs a "teacher"');
    wrong({ ...base, stepz: 3 }, /^r\.json: .*stepz/);
    wrong(
      { ...tiny, task: 'cross-modal', student: parser, teacher: 'x', labelled: 17, transfer: 0 },
      'r.json: labelled: 17 of 16 scenes cannot have labels',
    );
    const refused = (value: object): Promise<string> =>
      runScenes(parseSceneRecipe({ ...base, ...value })).then(
        () => 'nothing',
        (e: unknown) => (e as Error).message,
      );
    const taught = {
      teacher: 'zoo/teachers/detector',
      losses: [{ kind: 'mimic', pair: ['stage2', 'stage9'] }],
    };
    expect(await refused(taught)).to.match(/no node "stage9"|stage9/);
    expect(await refused({ student: 'wrn size=64 channels=1' })).to.match(/is no detector/);
    expect(await refused({ teacher: 'zoo/teachers/parser', losses: [{ kind: 'detection' }] })).to.match(
      /^parser width=16: is no detector/,
    );
    expect(await refused({ student: `${detector} classes=7` })).to.match(
      /has 7 classes, but the scenes have 10/,
    );
    expect(await refused({ student: 'detectr' })).to.match(
      /^no architecture "detectr"\. Did you mean "detector"\?/,
    );
  });

  it('all shipped ones are read', () => {
    const read = readdirSync('zoo/recipes').flatMap((file) => {
      const value = JSON.parse(readFileSync(`zoo/recipes/${file}`, 'utf8')) as { task?: string };
      return value.task ? [parseSceneRecipe(value, file).task] : [];
    });
    expect(new Set(read)).to.deep.equal(new Set(['detection', 'parsing', 'cross-modal', 'neuron-selection']));
  });
});
