/**
 * @file The implementation of `moonlet fit` and `moonlet distill` for classification: training by a recipe, and its
 * files.
 */
import { join } from 'node:path';
import { filesOf, jsonFile } from '../../zoo/net-files.ts';
import { type Out, withOut } from '../files/index.ts';
import { cost } from '../read/cost.ts';
import { type Done, perform, type Ready, readyFor } from '../run/classify.ts';
import { checkpointFiles, inputsOf } from '../run/files.ts';
import type { PictureHow } from '../run/pictures.ts';
import type { Recipe } from '../run/recipe.ts';
import { type Bar, trainingBar, workBar } from './bars.ts';
import type { Call } from './fit-recipe.ts';
import { count, note, percent, print, printJson, stopping } from './say.ts';

interface TrainCall extends Call {
  /** Steps between checkpoints. */
  readonly every: number;
  /** What is done with damaged pictures. */
  readonly pictures: PictureHow;
}

/** Trains by a recipe into a folder; an unfinished run there is resumed. */
export function trainRecipe(recipe: Recipe, call: TrainCall): Promise<void> {
  const options = {
    force: call.force,
    writes: ['recipe.json', 'history.json', 'graph.json', 'weights.safetensors', 'card.json'],
    inputs: [...call.inputs, ...inputsOf(recipe)],
    resumes: true,
  };
  const { engine, threads } = call;
  return withOut(call.out, options, async (out) => {
    const how = { engine, ...(threads === undefined ? {} : { threads }) };
    const ready = await readyFor(recipe, how, { ...call.pictures, onPicture: workBar('pictures decoded') });
    await train(ready, out, call);
  });
}

/** Trains what is ready, and publishes it when it is finished. */
async function train(ready: Ready, out: Out, { every, force, json }: TrainCall): Promise<void> {
  const { student, recipe } = ready;
  const data = ready.data ?? ready.pictures;
  note(
    `${student.graph.name}: ${count(cost(student.graph).params)} parameters, ${count(recipe.steps)} steps of ${recipe.batch} on ${recipe.data}`,
  );
  if (data?.note) note(data.note);
  const stop = stopping(force);
  let bar: Bar | undefined;
  let from = 0;
  let stage = { name: 'training', steps: recipe.steps };
  const single = ready.links.length === 1 && ready.links[0]?.stages.length === 1;
  const done = await perform(ready, {
    say: note,
    checkpoints: (name) => checkpointFiles(single ? out.checkpoints : join(out.checkpoints, name)),
    onStage: (next) => {
      bar?.end();
      [bar, from, stage] = [undefined, 0, next];
    },
    options: {
      checkpointEvery: every,
      signal: stop.signal,
      onResume: (step) => {
        from = step;
        note(`resuming after step ${step}`);
      },
      onStep: (at) => {
        bar ??= trainingBar(stage.name, stage.steps, recipe.batch, from);
        bar.step(at);
      },
      onValidation: (step, accuracy) => bar?.say(`step ${step}: ${percent(accuracy)} of the held-out images`),
    },
  });
  bar?.end();
  stop.end();
  const { fitted } = done;
  if (!fitted.finished) {
    note(`stopped at step ${fitted.history.loss.length} of ${stage.steps}; the checkpoint is saved`);
    process.exitCode = 130;
    return;
  }
  out.publish([
    jsonFile('recipe.json', recipe),
    { file: 'history.json', content: `${JSON.stringify(fitted.history)}\n` },
    ...filesOf(fitted.net, cardOf(ready)),
  ]);
  say(recipe, done, out.folder, json);
}

/** The card of a net for pictures: how they become its input, and what its classes are called. */
function cardOf({ recipe, student: { graph }, ...ready }: Ready): object | undefined {
  const data = ready.data ?? ready.pictures;
  if (!data?.preparation) return undefined;
  const { size, range = [0, 1], channels, ...rest } = data.preparation;
  const [height, width] = [size].flat();
  return {
    name: graph.name,
    data: recipe.data,
    labels: data.classNames,
    preprocessing: {
      range,
      ...{ channels: channels ?? (rest.mean.length === 3 ? 'rgb' : 'gray'), size: width ?? height },
      ...rest,
      from: 'what the net was trained with',
    },
  };
}

function say(recipe: Recipe, done: Done, out: string, json: boolean): void {
  const { fitted } = done;
  const result = {
    out,
    steps: recipe.steps,
    finalLoss: fitted.history.loss.at(-1),
    accuracy: done.accuracy ?? null,
    n: done.n ?? 0,
    params: cost(fitted.net.graph).params,
    ...(done.oldAccuracy === undefined ? {} : { oldAccuracy: done.oldAccuracy }),
    ...(done.notes.length ? { notes: done.notes } : {}),
  };
  if (json) return printJson(result);
  if (done.oldAccuracy !== undefined)
    print(`the old head: ${percent(done.oldAccuracy)} of the test images of ${recipe.newHead?.oldData}`);
  const measured =
    done.accuracy === undefined
      ? `not measured: the dataset is missing`
      : `${percent(done.accuracy)} of ${count(result.n)} test images of ${recipe.data}`;
  print(`${measured}; loss of the last step ${result.finalLoss?.toFixed(4)}; saved in ${out}`);
}
