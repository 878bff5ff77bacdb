/** @file Runs a recipe on scenes: loads its nets and data, trains stage by stage, measures on the test scenes. */

import { architectures, compose, holdsNet, loadStudent, sceneArchitectures } from '../../zoo/index.ts';
import {
  attributesOf,
  bytesOfImages,
  type Dataset,
  hold,
  loadDataset,
  type Scenes,
  type Split,
  scenes,
  take,
} from '../data/index.ts';
import type { EngineName } from '../engine/index.ts';
import { UsageError } from '../errors.ts';
import { classesOf } from '../graph/index.ts';
import { chooseNeurons, crossModal, neuronSelection, parsingLoss } from '../learn/distill/index.ts';
import { crossEntropy, type LossMaker, type Schedule, schedule } from '../learn/loss/index.ts';
import {
  checkFit,
  classification,
  detection,
  evaluate,
  evaluateDetector,
  evaluateParser,
  pairs,
  parsing,
  type Task,
} from '../learn/task/index.ts';
import {
  type CheckpointStore,
  type FitTaskOptions,
  fitTask,
  memoryCache,
  type StepReport,
} from '../learn/train/index.ts';
import { init, type Net } from '../weights/index.ts';
import { optimizerOf } from './fit-options.ts';
import { detectionLosses } from './scene-losses.ts';
import type { SceneRecipe, SceneRecipeOf } from './scene-recipe.ts';

export interface SceneRunOptions {
  readonly engine?: EngineName;
  readonly checkpoints?: (stage: string) => CheckpointStore;
  readonly signal?: AbortSignal;
  readonly onNotes?: (notes: readonly string[]) => void;
  readonly onStep?: (stage: string, at: StepReport) => void;
  /** So many training images are held out and stand in for the test split: what recipes are chosen by. */
  readonly heldOut?: number;
}
export interface SceneRun {
  readonly net: Net;
  /** False when a signal stopped it. */
  readonly finished: boolean;
  readonly finalLoss: number | undefined;
  /** On the test split; the first is what the task is about. Empty when it did not finish. */
  readonly measures: Readonly<Record<string, number>>;
  /** How many test scenes or images were measured. */
  readonly n: number;
}
/** One part of a run: what is trained for how long. */
interface Stage {
  readonly name: string;
  readonly task: Task;
  readonly steps: number;
  readonly losses: readonly LossMaker[];
  readonly teacher?: Net;
}
interface Plan {
  readonly stages: readonly Stage[];
  readonly n: number;
  measure(net: Net): Promise<Readonly<Record<string, number>>>;
}

/**
 * Runs a recipe on scenes: loads what it names, trains, and measures on the test scenes.
 * @throws MoonletError, UsageError before the first step for what does not fit together.
 */
export async function runScenes(recipe: SceneRecipe, o: SceneRunOptions = {}): Promise<SceneRun> {
  const net = netOf(recipe);
  const whole = await loadDataset(recipe.data);
  const data = o.heldOut ? holding(whole, o.heldOut) : whole;
  const { stages, measure, n } = await planOf(recipe, net, data, o.engine ? { engine: o.engine } : {});
  let now = net;
  let finalLoss: number | undefined;
  for (const { name, task, steps, losses, teacher } of stages) {
    const checkpoints = o.checkpoints?.(name);
    const done = await fitTask(now, task, {
      ...optimization(recipe, steps),
      losses,
      recipe: JSON.stringify({ ...recipe, stage: name }),
      ...(o.engine ? { engine: o.engine } : {}),
      ...(teacher ? { teacher, teacherCache: memoryCache() } : {}),
      ...(checkpoints ? { checkpoints } : {}),
      ...(o.signal ? { signal: o.signal } : {}),
      ...(o.onNotes ? { onNotes: o.onNotes } : {}),
      onStep: (at) => o.onStep?.(name, at),
    });
    now = done.net;
    finalLoss = done.history.loss.at(-1);
    if (!done.finished) return { net: now, finished: false, finalLoss, measures: {}, n };
  }
  return { net: now, finished: true, finalLoss, measures: await measure(now), n };
}

/** A dataset whose test split is part of its training images, drawn by class. */
function holding(data: Dataset, count: number): Dataset {
  const { train, validation } = hold(data.train, count, 0);
  return { ...data, train, test: validation };
}

const optimization = (r: SceneRecipe, steps: number): FitTaskOptions & { readonly rate: Schedule } => ({
  steps,
  batch: r.batch,
  seed: r.seed,
  optimizer: optimizerOf(r.optimizer),
  rate: schedule(r.rate.kind, { steps, peak: r.rate.peak }),
});

/** The student of a recipe, with fresh weights or those of a folder. */
function netOf(recipe: SceneRecipe): Net {
  const name = recipe.student.trim().split(/\s+/)[0] ?? '';
  const known = architectures.has(name) || sceneArchitectures.has(name);
  if (!known && holdsNet(recipe.student)) return loadStudent(recipe.student);
  return init(compose(recipe.student), { seed: recipe.seed });
}

type Engine = { readonly engine?: EngineName };
const planOf = (r: SceneRecipe, net: Net, data: Dataset, engine: Engine): Plan | Promise<Plan> => {
  switch (r.task) {
    case 'detection':
      return detectionPlan(r, net, data, engine);
    case 'parsing':
      return parsingPlan(r, net, data, engine);
    case 'cross-modal':
      return crossModalPlan(r, net, data, engine);
    case 'neuron-selection':
      return neuronPlan(r, net, data, engine);
  }
};
const parts = (r: { scenes: number; test: number }, data: Dataset): { train: Scenes; test: Scenes } => ({
  train: scenes(data.train, r.scenes),
  test: scenes(data.test, r.test),
});

function detectionPlan(r: SceneRecipeOf<'detection'>, net: Net, data: Dataset, engine: Engine): Plan {
  const { classes } = data;
  const { train, test } = parts(r, data);
  const teacher = r.teacher === undefined ? undefined : loadStudent(r.teacher);
  const task = detection(net.graph, train, { classes });
  const losses = detectionLosses(r, classes);
  return {
    n: r.test,
    stages: [{ name: 'detection', task, steps: r.steps, losses, ...(teacher ? { teacher } : {}) }],
    measure: async (done) => ({ map: (await evaluateDetector(done, test, { classes, ...engine })).map }),
  };
}

function parsingPlan(r: SceneRecipeOf<'parsing'>, net: Net, data: Dataset, engine: Engine): Plan {
  const { classes } = data;
  const { modality } = r;
  const { train, test } = parts(r, data);
  const losses = [parsingLoss({ classes, ...(r.tasks ? { tasks: r.tasks } : {}) })];
  const task = parsing(net.graph, train, { classes, modality });
  return {
    n: r.test,
    stages: [{ name: 'parsing', task, steps: r.steps, losses }],
    measure: (done) => parserMeasures(done, test, { classes, modality, ...engine }),
  };
}

async function parserMeasures(net: Net, test: Scenes, o: Parameters<typeof evaluateParser>[2]) {
  const { miou, pixelAccuracy, depth } = await evaluateParser(net, test, o);
  return {
    miou,
    pixelAccuracy,
    ...(depth ? { depthRmse: depth.rmse, depthRelative: depth.relative, depthDelta1: depth.delta1 } : {}),
  };
}

function crossModalPlan(r: SceneRecipeOf<'cross-modal'>, net: Net, data: Dataset, engine: Engine): Plan {
  const { classes } = data;
  const { from, to, pair } = r;
  const { train, test } = parts(r, data);
  const transfer: Stage = {
    name: 'transfer',
    task: pairs(net.graph, train, { from, to }),
    steps: r.transfer,
    losses: [crossModal(pair ? { pair } : {})],
    teacher: loadStudent(r.teacher),
  };
  const labelled = scenes(data.train, r.labelled); // the first of the same scenes
  const labels: Stage = {
    name: 'labels',
    task: parsing(net.graph, labelled, { classes, modality: to }),
    steps: r.steps,
    losses: [parsingLoss({ classes })],
  };
  return {
    n: r.test,
    stages: r.transfer ? [transfer, labels] : [labels],
    measure: (done) => parserMeasures(done, test, { classes, modality: to, ...engine }),
  };
}

async function neuronPlan(
  r: SceneRecipeOf<'neuron-selection'>,
  net: Net,
  data: Dataset,
  engine: Engine,
): Promise<Plan> {
  const teacher = loadStudent(r.teacher);
  for (const { graph } of [net, teacher]) checkFit(graph, classesOf(graph), data);
  if (r.limit !== undefined && r.limit > data.train.count)
    throw new UsageError(
      `limit must be a whole number from 1 to ${data.train.count}, the number of training images, got ${r.limit}`,
    );
  const train = r.limit ? take(data.train, r.limit, r.seed) : data.train;
  const some = take(train, Math.min(2000, train.count), r.seed);
  const losses: LossMaker[] = [crossEntropy()];
  if (r.weight) {
    const known = attributeColumns(some, data.classes, r.attributes);
    const { lambda, cost } = r;
    const chosen = await chooseNeurons(teacher, some, data, known, { lambda, cost, ...engine });
    losses.push(neuronSelection({ ...chosen, weight: r.weight }));
  }
  return {
    n: data.test.count,
    stages: [{ name: 'neurons', task: classification(train, data), steps: r.steps, losses, teacher }],
    measure: async (done) => ({ accuracy: (await evaluate(done, data.test, data, engine)).accuracy }),
  };
}

/** Each attribute of a split's images; `class` is one column a class. */
function attributeColumns(
  split: Split,
  classes: number,
  names: SceneRecipeOf<'neuron-selection'>['attributes'],
): readonly (readonly number[])[] {
  const pixels = bytesOfImages(split, 'neuron-selection');
  const drawn = Array.from({ length: split.count }, (_, i) =>
    attributesOf(pixels.subarray(i * 784, (i + 1) * 784)),
  );
  const labels = [...split.labels];
  return names.flatMap((name) =>
    name === 'class'
      ? Array.from({ length: classes }, (_, c) => labels.map((l) => (l === c ? 1 : 0)))
      : [drawn.map((a) => a[name])],
  );
}
