/** @file `moonlet distill` and `moonlet fit` on scenes: detection, parsing, cross-modal and neuron-selection recipes. */

import { join } from 'node:path';
import { filesOf, jsonFile } from '../../zoo/index.ts';
import type { EngineName } from '../engine/index.ts';
import { type Out, withOut } from '../files/index.ts';
import { cost } from '../read/index.ts';
import {
  checkpointFiles,
  inputsOf,
  type Locate,
  parseSceneRecipe,
  runScenes,
  type SceneRecipe,
} from '../run/index.ts';
import { note, percent, print, printJson, stopping, trainingBar } from './say.ts';

/** Resumes an unfinished run in the folder; a finished one must be forced. */
export async function sceneTask(value: Readonly<Record<string, unknown>>, at: TaskCall): Promise<void> {
  const recipe = parseSceneRecipe(value, at.name, at.locate);
  const { student } = recipe;
  const teacher = 'teacher' in recipe ? recipe.teacher : undefined;
  const options = {
    force: at.force,
    writes: ['recipe.json', 'result.json', 'graph.json', 'weights.safetensors'],
    inputs: inputsOf({ student, ...(teacher === undefined ? {} : { teacher }) }, [at.name]),
    resumes: true,
  };
  await withOut(at.out, options, (out) => train(recipe, out, at));
}

async function train(recipe: SceneRecipe, out: Out, at: TaskCall): Promise<void> {
  const stop = stopping(at.force);
  let bar: { readonly stage: string; readonly on: ReturnType<typeof trainingBar> } | undefined;
  const done = await runScenes(recipe, {
    engine: at.engine,
    checkpoints: (stage) => checkpointFiles(join(out.checkpoints, stage)),
    signal: stop.signal,
    onNotes: (notes) => notes.forEach(note),
    onStep: (stage, report) => {
      if (bar?.stage !== stage) {
        bar?.on.end();
        bar = { stage, on: trainingBar(stage, report.steps, recipe.batch, report.step - 1) };
      }
      bar.on.step(report);
    },
  });
  bar?.on.end();
  stop.end();
  if (!done.finished) {
    note('stopped; the checkpoint is saved');
    process.exitCode = 130;
    return;
  }
  const { measures, n, finalLoss, net } = done;
  const result = {
    out: at.out,
    steps: recipe.steps,
    finalLoss,
    ...measures,
    n,
    params: cost(net.graph).params,
  };
  out.publish([
    jsonFile('recipe.json', recipe),
    { file: 'result.json', content: `${JSON.stringify(result)}\n` },
    ...filesOf(net),
  ]);
  if (at.json) return printJson(result);
  const said = Object.entries(measures).map(([name, v]) => `${name} ${percent(v)}`);
  print(`${said.join(', ')} on ${n} test examples of ${recipe.data}; saved in ${at.out}`);
}

export interface TaskCall {
  /** The file that the recipe came from, for errors. */
  readonly name: string;
  /** Where a value of the recipe stands in that file. */
  readonly locate: Locate;
  readonly out: string;
  readonly force: boolean;
  readonly json: boolean;
  readonly engine: EngineName;
}

/** Validates its recipe, runs it, says what came out. @throws MoonletError, UsageError as every command does. */
export type Task = (recipe: Readonly<Record<string, unknown>>, at: TaskCall) => Promise<void>;

export const tasks: Readonly<Record<string, Task>> = {
  detection: sceneTask,
  parsing: sceneTask,
  'cross-modal': sceneTask,
  'neuron-selection': sceneTask,
};
