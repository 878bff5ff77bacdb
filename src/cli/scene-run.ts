/** @file The implementation of `moonlet distill` and `moonlet fit` for recipes on scenes. */
import { join } from 'node:path';
import { filesOf, jsonFile } from '../../zoo/net-files.ts';
import { type Out, withOut } from '../files/index.ts';
import { cost } from '../read/cost.ts';
import { checkpointFiles, inputsOf } from '../run/files.ts';
import type { SceneRecipe } from '../run/scene-recipe.ts';
import { runScenes } from '../run/scenes.ts';
import { type Bar, trainingBar } from './bars.ts';
import type { Call } from './fit-recipe.ts';
import { note, percent, print, printJson, stopping } from './say.ts';

/** Trains by a recipe into a folder. An unfinished run there is resumed; a finished one must be forced. */
export async function runScene(recipe: SceneRecipe, call: Call): Promise<void> {
  const { student } = recipe;
  const teacher = 'teacher' in recipe ? recipe.teacher : undefined;
  const options = {
    force: call.force,
    writes: ['recipe.json', 'result.json', 'graph.json', 'weights.safetensors'],
    inputs: [...call.inputs, ...inputsOf({ student, ...(teacher === undefined ? {} : { teacher }) })],
    resumes: true,
  };
  await withOut(call.out, options, (out) => train(recipe, out, call));
}

async function train(recipe: SceneRecipe, out: Out, call: Call): Promise<void> {
  const stop = stopping(call.force);
  let bar: { readonly stage: string; readonly on: Bar } | undefined;
  const done = await runScenes(recipe, {
    engine: call.engine,
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
    out: call.out,
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
  if (call.json) return printJson(result);
  const said = Object.entries(measures).map(([name, v]) => `${name} ${percent(v)}`);
  print(`${said.join(', ')} on ${n} test examples of ${recipe.data}; saved in ${call.out}`);
}
