/** @file Runs in stages and through assistants; everything is checked before the first step. */

import { expect } from 'chai';
import { MoonletError } from '../../src/errors.ts';
import { assistants, hints, softTargets } from '../../src/learn/distill/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { classification } from '../../src/learn/task/index.ts';
import { fitStages } from '../../src/learn/train/index.ts';
import { parseRecipe, stageRecipes } from '../../src/run/index.ts';
import { tinyScale, tinySplit, tinyStudent, tinyTeacher } from '../support/distilling.ts';
import { shaken } from '../support/nets.ts';

const task = classification(tinySplit(), tinyScale);
const teacher = shaken(tinyTeacher());
const hint = { name: 'hints', steps: 2, batch: 8, teacher, losses: [hints()] };
const soft = { name: 'soft', steps: 3, batch: 8, teacher, losses: [crossEntropy(), softTargets()] };

describe('a run in stages', () => {
  it('hands the net on, each stage with its own losses and checkpoints', async () => {
    const told: string[] = [];
    const files = new Map<string, Uint8Array>();
    const checkpoints = (stage: string) => ({
      load: async (name: string) => files.get(`${stage}/${name}`),
      save: async (name: string, bytes: Uint8Array) => void files.set(`${stage}/${name}`, bytes),
    });
    const run = () =>
      fitStages(shaken(tinyStudent()), task, [hint, soft], {
        checkpoints,
        onStage: (s) => told.push(s.name),
      });
    const first = await run();
    expect(told).to.deep.equal(['hints', 'soft']);
    expect([...files.keys()].sort()).to.deep.equal(['hints/last', 'soft/last']);
    expect(first.history.loss).to.have.length(3);
    const again = await run(); // finished stages are read, not run
    for (const [key, { data }] of first.net.weights)
      expect(again.net.weights.get(key)?.data).to.deep.equal(data);
  });
  it('is refused before its first step for what does not fit in its last stage', async () => {
    const steps: number[] = [];
    const wrong = { ...soft, losses: [hints({ pairs: [['stage9', 'stage1']] })] };
    const error = await fitStages(shaken(tinyStudent()), task, [
      { ...hint, onStep: (at) => steps.push(at.step) },
      wrong,
    ]).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(MoonletError);
    expect((error as Error).message).to.match(/no node at "stage9"\. Did you mean "stage\d"\?$/);
    expect(steps).to.deep.equal([]);
  });
  it('goes through assistants: each is taught by the one before', async () => {
    const link = (name: string) => ({ name, steps: 2, batch: 8, losses: [softTargets()] });
    const done = await assistants(
      teacher,
      [
        { student: shaken(tinyStudent(), 5), stages: [link('assistant')] },
        { student: shaken(tinyStudent(), 6), stages: [link('student')] },
      ],
      task,
    );
    expect(done.assistants).to.have.length(1);
    expect(done.student.finished).to.equal(true);
  });
  it('stands in a recipe: what a stage does not say is the recipe’s', () => {
    const recipe = parseRecipe({
      ...{ data: 'mnist', student: 'wrn', teacher: 'mnist/wrn-16-1', batch: 32 },
      stages: [
        { name: 'hints', steps: 5, losses: [{ kind: 'hints' }] },
        { steps: 7, rate: { kind: 'cosine', peak: 0.3 } },
      ],
    });
    expect(recipe.steps).to.equal(12);
    const [a, b] = stageRecipes(recipe);
    expect([a?.stage, a?.steps, a?.rate.peak, b?.stage, b?.steps, b?.rate.peak, b?.batch]).to.deep.equal([
      ...['hints', 5, 0.1],
      ...['stage-2', 7, 0.3, 32],
    ]);
  });
});
