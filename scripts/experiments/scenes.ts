/**
 * @file The methods on scenes (159 to 163) against the same student without the teacher's signal, at the same number of
 * steps: each recipe of zoo/recipes, seed by seed. `npm run experiment -- scenes [seeds] [method ...]`; 3 seeds and all
 * methods unless told. Runs that are done are kept in out/experiments/scenes and not run again.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { writeAtomically } from '../../src/files/index.ts';
import { parseSceneRecipe, runScenes, type SceneRecipe, withoutTeacher } from '../../src/run/index.ts';
import { checkWords } from '../lib/known.ts';
import { paired } from '../lib/paired.ts';

export const sceneMethods = ['mimic', 'detection', 'neuron-selection', 'cross-modal', 'multi-task'] as const;
export type SceneMethod = (typeof sceneMethods)[number];

export interface SceneOutcome {
  /** What the task is about: mAP, mIoU or accuracy; then the others. */
  readonly measures: Readonly<Record<string, number>>;
  readonly seconds: number;
}
export interface SceneRow {
  readonly method: SceneMethod;
  readonly measure: string;
  readonly seeds: readonly number[];
  readonly taught: readonly SceneOutcome[];
  readonly alone: readonly SceneOutcome[];
}

export const recipeOf = (method: SceneMethod, seed: number): SceneRecipe =>
  parseSceneRecipe({ ...JSON.parse(readFileSync(`zoo/recipes/${method}.json`, 'utf8')), seed }, method);

/** One method with and without the teacher's signal, for these seeds. */
export async function sceneRow(method: SceneMethod, seeds: readonly number[]): Promise<SceneRow> {
  const [taught, alone]: [SceneOutcome[], SceneOutcome[]] = [[], []];
  for (const seed of seeds) {
    taught.push(await outcome(recipeOf(method, seed)));
    alone.push(await outcome(withoutTeacher(recipeOf(method, seed))));
  }
  const measure = Object.keys(taught[0]?.measures ?? {})[0] ?? '';
  return { method, measure, seeds, taught, alone };
}

async function outcome(recipe: SceneRecipe): Promise<SceneOutcome> {
  const file = `out/experiments/scenes/${createHash('sha256').update(JSON.stringify(recipe)).digest('hex')}.json`;
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as SceneOutcome;
  const start = performance.now();
  const { measures } = await runScenes(recipe);
  const done = { measures, seconds: (performance.now() - start) / 1000 };
  writeAtomically(file, `${JSON.stringify(done)}\n`);
  return done;
}

/** A line of the table: means, and the difference with its 95 % interval over seeds. */
export function told({ method, measure, seeds, taught, alone }: SceneRow, name = measure): string {
  const of = (all: readonly SceneOutcome[]): number[] => all.map((o) => o.measures[name] as number);
  const mean = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0) / all.length;
  const [t, a] = [of(taught), of(alone)];
  const { mean: by, half } = paired(t.map((v, i) => v - (a[i] as number)));
  const cell = (v: number): string => (100 * v).toFixed(2);
  return `| ${method} | ${name} | ${seeds.length} | ${cell(mean(t))} | ${cell(mean(a))} | ${cell(by)} ± ${cell(half)} |`;
}

async function main(): Promise<void> {
  const [seeds = '3', ...names] = process.argv.slice(2);
  checkWords(names, sceneMethods, 'method');
  const chosen = names.length ? sceneMethods.filter((m) => names.includes(m)) : sceneMethods;
  console.log('| method | measure, % | seeds | with the teacher | without | difference, 95 % interval |');
  console.log('|---|---|---|---|---|---|');
  for (const method of chosen) {
    const row = await sceneRow(
      method,
      Array.from({ length: Number(seeds) }, (_, i) => i + 1),
    );
    for (const name of Object.keys(row.alone[0]?.measures ?? {})) console.log(told(row, name));
  }
}
if (process.argv[1]?.endsWith('scenes.ts')) await main();
