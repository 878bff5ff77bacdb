/** @file One training run of a pair: with its teacher or alone, at one seed. Resumed after a kill, skipped when done. */

import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { trainingBar } from '../../src/cli/bars.ts';
import { note, percent } from '../../src/cli/say.ts';
import { type Dataset, loadDataset } from '../../src/data/index.ts';
import { MoonletError } from '../../src/errors.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import { classesOf } from '../../src/graph/index.ts';
import { checkFit, evaluate } from '../../src/learn/task/index.ts';
import { type Fitted, fit } from '../../src/learn/train/index.ts';
import {
  alone,
  checkpointFiles,
  fitOptions,
  type Pair,
  partsOf,
  type Recipe,
  stageRecipes,
  studentOf,
  teacherOf,
} from '../../src/run/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { saveNet } from '../../zoo/index.ts';
import { diskCache } from './cache.ts';

export interface RunOptions {
  readonly out: string;
  readonly threads?: number;
  readonly force?: boolean;
  readonly signal: AbortSignal;
}
export interface Run {
  readonly pair: Pair;
  readonly seed: number;
  readonly taught: boolean;
}
export interface RunResult {
  readonly recipe: Recipe;
  readonly accuracy: number;
  readonly n: number;
  readonly finalLoss: number;
  /** Examples trained on and held out. */
  readonly train: number;
  readonly validation: number;
  /** Of this process alone, from its start or resumption to its end. */
  readonly seconds: number;
}

/** Every run of a pair: a teacher has one, a student two for each seed. */
export const runsOf = (pair: Pair): readonly Run[] =>
  pair.teacher === undefined
    ? pair.seeds.map((seed) => ({ pair, seed, taught: false }))
    : pair.seeds.flatMap((seed) => [true, false].map((taught) => ({ pair, seed, taught })));

export const folderOf = ({ pair, seed, taught }: Run, out: string): string =>
  join(out, pair.id, `${pair.teacher === undefined ? 'teacher' : taught ? 'taught' : 'alone'}-${seed}`);

export const recipeOf = ({ pair, seed, taught }: Run): Recipe => {
  const recipe = { ...pair.recipe, seed };
  return taught || pair.teacher === undefined ? recipe : alone(recipe);
};

/** What a finished run found, or nothing. @throws MoonletError when it was another recipe's. */
export function resultOf(run: Run, out: string): RunResult | undefined {
  const path = join(folderOf(run, out), 'result.json');
  if (!existsSync(path)) return undefined;
  const result = JSON.parse(readText(path)) as RunResult;
  if (JSON.stringify(result.recipe) === JSON.stringify(recipeOf(run))) return result;
  throw new MoonletError(`${path}: it was made by another recipe; run it again by --force`);
}

const datasetsLoaded = new Map<string, Promise<Dataset>>();
/** The published data: nets of the zoo are not trained on a part of it. */
const dataset = (name: string): Promise<Dataset> => {
  const found = datasetsLoaded.get(name) ?? loadDataset(name, { source: 'published' });
  datasetsLoaded.set(name, found);
  return found;
};

/** Train and measure, or tell what was measured before. Undefined when a signal stopped it. */
export async function doRun(run: Run, o: RunOptions): Promise<RunResult | undefined> {
  const folder = folderOf(run, o.out);
  if (o.force) rmSync(folder, { recursive: true, force: true });
  const before = resultOf(run, o.out);
  if (before) return before;
  const recipe = recipeOf(run);
  const data = await dataset(recipe.data);
  const teacher = teacherOf(recipe);
  let net = studentOf(recipe);
  checkFit(net.graph, classesOf(net.graph), data);
  const parts = partsOf(recipe, data);
  const engine = o.threads === undefined ? {} : { threads: o.threads };
  const start = performance.now();
  let finalLoss = Number.NaN;
  note(folder);
  for (const stage of stageRecipes(recipe)) {
    const fitted = await doStage(stage, net, teacher, data, parts, folder, o);
    if (!fitted.finished) return undefined;
    net = fitted.net;
    finalLoss = fitted.history.loss.at(-1) as number;
  }
  const { accuracy, n } = await evaluate(net, data.test, data, engine);
  const result: RunResult = {
    recipe,
    accuracy,
    n,
    finalLoss,
    train: parts.train.count,
    validation: parts.validation?.count ?? 0,
    seconds: Math.round((performance.now() - start) / 1000),
  };
  saveNet(folder, net);
  writeAtomically(join(folder, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  rmSync(join(folder, 'checkpoints'), { recursive: true, force: true });
  note(`${folder}: ${percent(accuracy)} of ${n} test images, ${result.seconds} s`);
  return result;
}

/** One part of a run, from its own checkpoint or from the net that the part before left. */
async function doStage(
  recipe: ReturnType<typeof stageRecipes>[number],
  net: Net,
  teacher: Net | undefined,
  data: Dataset,
  parts: ReturnType<typeof partsOf>,
  folder: string,
  o: RunOptions,
): Promise<Fitted> {
  const kept = teacher && (await diskCache(join(o.out, 'cache'), net.graph, teacher, recipe));
  const store = checkpointFiles(join(folder, 'checkpoints', recipe.stage));
  let bar: ReturnType<typeof trainingBar> | undefined;
  let from = 0;
  const { teacherCache: _, ...options } = await fitOptions(recipe);
  const fitted = await fit(net, parts.train, data, {
    ...options,
    ...(o.threads === undefined ? {} : { threads: o.threads }),
    ...(teacher ? { teacher } : {}),
    ...(kept ? { teacherCache: kept.cache } : {}),
    ...(parts.validation ? { validation: parts.validation } : {}),
    checkpoints: {
      load: store.load,
      save: async (name, bytes) => {
        kept?.save();
        await store.save(name, bytes);
      },
    },
    checkpointEvery: 200,
    signal: o.signal,
    onResume: (step) => {
      from = step;
      note(`${recipe.stage}: resuming after step ${step}`);
    },
    onStep: (at) => {
      bar ??= trainingBar(recipe.stage, recipe.steps, recipe.batch, from);
      bar.step(at);
    },
    onValidation: (step, accuracy) => bar?.say(`step ${step}: ${percent(accuracy)} of the held-out images`),
  });
  bar?.end();
  return fitted;
}
