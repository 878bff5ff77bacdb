/**
 * @file What was tried for the recipes whose method was not clearly ahead: variants of `tried.json`, each trained with seeds
 * 11 and 12 (the table of docs/distillation.md has 1 to 3) and measured on 5,000 training images held out, or on 500 scenes
 * of such images by the measure that the task is about. `npm run experiment -- tried [WORD]` takes the variants whose name
 * has the word.
 */

import { join } from 'node:path';
import { Command } from 'commander';
import { loadDataset } from '../../src/data/index.ts';
import { readText } from '../../src/files/index.ts';
import { evaluate } from '../../src/learn/task/index.ts';
import {
  parseRecipe,
  parseSceneRecipe,
  partsOf,
  perform,
  readyFor,
  runScenes,
  withoutTeacher,
} from '../../src/run/index.ts';
import { withWord } from '../lib/known.ts';

interface Variant {
  readonly name: string;
  /** Its file in zoo/recipes. */
  readonly recipe: string;
  /** What is put over it; null takes a field away. */
  readonly over: Readonly<Record<string, unknown>>;
  /** A recipe on scenes, without the teacher's signal. */
  readonly alone?: boolean;
}
const [word = ''] = new Command()
  .argument('[word]', 'variants whose name has this word (default: all)')
  .parse().args;
const file = join('scripts', 'experiments', 'tried.json');
const known = JSON.parse(readText(file)) as readonly Variant[];
const variants = withWord(known, (v) => v.name, word, 'variant');

const held = 5000;

async function measured(variant: Variant, seed: number): Promise<number> {
  const { name, recipe, over } = variant;
  const given = JSON.parse(readText(join('zoo', 'recipes', `${recipe}.json`))) as object;
  const whole = Object.fromEntries(Object.entries({ ...given, ...over, seed }).filter(([, v]) => v !== null));
  if ('task' in whole) return onScenes(variant, whole);
  const ready = await readyFor(parseRecipe({ ...whole, validation: held }, name));
  const { fitted } = await perform(ready, { options: { evaluateEvery: Number.MAX_SAFE_INTEGER } });
  const data = await loadDataset(ready.recipe.data);
  const { validation } = partsOf(ready.recipe, data);
  if (!validation) throw new Error('internal: nothing is held out');
  return (await evaluate(fitted.net, validation, data)).accuracy;
}

async function onScenes({ name, alone }: Variant, given: object): Promise<number> {
  const recipe = parseSceneRecipe(given, name);
  const { measures } = await runScenes(alone ? withoutTeacher(recipe) : recipe, { heldOut: held });
  return Object.values(measures)[0] as number;
}

for (const variant of variants) {
  const found = [await measured(variant, 11), await measured(variant, 12)];
  const mean = found.reduce((a, b) => a + b, 0) / found.length;
  console.log(
    `${variant.name.padEnd(48)} ${found.map((a) => (100 * a).toFixed(2)).join(', ')}  mean ${(100 * mean).toFixed(2)} %`,
  );
}
