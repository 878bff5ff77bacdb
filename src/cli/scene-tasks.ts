/** @file `moonlet distill` and `moonlet fit` on scenes: detection, parsing, cross-modal and neuron-selection recipes. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseSceneRecipe } from '../learn/index.ts';
import { cost } from '../read/cost.ts';
import { checkpointFiles, outFolder, saveNet, writeAtomically } from './files.ts';
import { note, percent, print, printJson, trainingBar } from './say.ts';
import { runScenes } from './scene-run.ts';
import type { TaskCall } from './tasks.ts';

/** Resumes an unfinished run in the folder; a finished one must be forced. */
export async function sceneTask(value: Readonly<Record<string, unknown>>, at: TaskCall): Promise<void> {
  const recipe = parseSceneRecipe(value, at.name);
  const folder = join(at.out, 'checkpoints');
  const resumes = !at.force && existsSync(folder) && !existsSync(join(at.out, 'graph.json'));
  if (!resumes) outFolder(at.out, at.force);
  const stop = new AbortController();
  const onSignal = (): void => {
    note('\nstopping after this step; run the same command again to resume');
    stop.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  let bar: { readonly stage: string; readonly on: ReturnType<typeof trainingBar> } | undefined;
  const done = await runScenes(recipe, {
    engine: at.engine,
    checkpoints: (stage) => checkpointFiles(join(folder, stage)),
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
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
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
  writeAtomically(join(at.out, 'recipe.json'), `${JSON.stringify(recipe, null, 2)}\n`);
  writeAtomically(join(at.out, 'result.json'), `${JSON.stringify(result)}\n`);
  saveNet(at.out, net);
  if (at.json) return printJson(result);
  const said = Object.entries(measures).map(([name, v]) => `${name} ${percent(v)}`);
  print(`${said.join(', ')} on ${n} test examples of ${recipe.data}; saved in ${at.out}`);
}
