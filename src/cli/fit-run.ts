/**
 * @file The implementation of `moonlet fit` and `moonlet distill` for classification: training by a recipe, and its
 * files.
 */
import { join } from 'node:path';
import { filesOf, jsonFile } from '../../zoo/net-files.ts';
import { type Out, withOut } from '../files/index.ts';
import { bestSince } from '../learn/train/best.ts';
import { cost } from '../read/cost.ts';
import { type Done, perform, type Ready, readyFor } from '../run/classify.ts';
import { checkpointFiles, inputsOf } from '../run/files.ts';
import { isTrained } from '../run/parts.ts';
import { type PictureHow, provenanceOf } from '../run/pictures.ts';
import type { Recipe } from '../run/recipe.ts';
import { tensorBoard } from '../run/tensorboard.ts';
import { type Bar, trainingBar, workBar } from './bars.ts';
import type { Call } from './fit-recipe.ts';
import { count, note, percent, print, printJson, stopping } from './say.ts';

interface TrainCall extends Call {
  /** Steps between checkpoints. */
  readonly every: number;
  /** What is done with damaged pictures. */
  readonly pictures: PictureHow;
  /** The folder of the events for TensorBoard. */
  readonly tensorboard?: string;
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
async function train(ready: Ready, out: Out, call: TrainCall): Promise<void> {
  const { every, force, json } = call;
  const { student, recipe } = ready;
  const data = ready.data ?? ready.pictures;
  for (const text of ready.notes) note(text);
  note(
    `${student.graph.name}: ${count(cost(student.graph).params)} parameters, ${count(recipe.steps)} steps of ${recipe.batch} on ${recipe.data}`,
  );
  if (data?.note) note(data.note);
  const stop = stopping(force);
  let bar: Bar | undefined;
  let from = 0;
  let stage = { name: 'training', steps: recipe.steps };
  const single = ready.links.length === 1 && ready.links[0]?.stages.length === 1;
  const board = call.tensorboard === undefined ? undefined : tensorBoard(call.tensorboard);
  let [events, before] = [board?.hooks(), 0];
  const done = await perform(ready, {
    say: note,
    checkpoints: (name) => checkpointFiles(single ? out.checkpoints : join(out.checkpoints, name)),
    onStage: (next) => {
      bar?.end();
      [bar, from, stage] = [undefined, 0, next];
      events = board?.hooks(single ? '' : `${next.name}/`, before);
      before += next.steps;
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
        events?.onStep(at);
      },
      onValidation: (step, accuracy) => {
        bar?.say(`step ${step}: ${percent(accuracy)} of the held-out images`);
        events?.onValidation(step, accuracy);
      },
    },
  }).finally(() => board?.close());
  bar?.end();
  stop.end();
  const { fitted } = done;
  if (fitted.endedEarly) note(earlyNote(done, ready.links.at(-1)?.stages.at(-1)?.recipe ?? recipe));
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
  say(ready, done, out.folder, json);
}

/** When and why a run ended before its last step. */
function earlyNote({ fitted: { history } }: Done, { steps, keep, patience }: Recipe): string {
  const best = bestSince(history, 0);
  const which =
    keep === 'best' ? 'which is saved' : 'and the last weights are saved (--keep best saves the best ones)';
  return `ended early, at step ${history.loss.length} of ${steps}: not better in ${patience} evaluations than at step ${best?.step} (${percent(best?.measure ?? Number.NaN)}), ${which}`;
}

/**
 * The card of a net for pictures: how they become its input, and what its classes are called; and of every net that begins with
 * trained weights: their licence and source.
 */
function cardOf({ recipe, student: { graph }, ...ready }: Ready): object | undefined {
  const data = ready.data ?? ready.pictures;
  const owed = isTrained(recipe.student) ? provenanceOf(recipe.student) : {};
  const from = Object.keys(owed).length ? { from: recipe.student, ...owed } : {};
  if (!data?.preparation)
    return Object.keys(from).length ? { name: graph.name, data: recipe.data, ...from } : undefined;
  const { size, range = [0, 1], channels, ...rest } = data.preparation;
  const [height = 0, width = height] = [size].flat();
  return {
    name: graph.name,
    data: recipe.data,
    ...from,
    labels: data.classNames,
    preprocessing: {
      range,
      ...{
        channels: channels ?? (rest.mean.length === 3 ? 'rgb' : 'gray'),
        size: width === height ? height : [height, width, rest.mean.length],
      },
      ...rest,
      from: 'what the net was trained with',
    },
  };
}

function say({ recipe, notes: before }: Ready, done: Done, out: string, json: boolean): void {
  const { fitted } = done;
  const notes = [...before, ...done.notes];
  const result = {
    out,
    steps: recipe.steps,
    ...(fitted.endedEarly ? { endedAt: fitted.history.loss.length } : {}),
    finalLoss: fitted.history.loss.at(-1),
    accuracy: done.accuracy ?? null,
    ...(done.top5 === undefined ? {} : { top5: done.top5 }),
    n: done.n ?? 0,
    params: cost(fitted.net.graph).params,
    ...(done.oldAccuracy === undefined ? {} : { oldAccuracy: done.oldAccuracy }),
    ...(notes.length ? { notes } : {}),
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
