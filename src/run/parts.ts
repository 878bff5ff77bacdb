/** @file Loads the net and the images that a recipe names. */
import { architectures, compose, holdsNet, loadStudent, studentNames } from '../../zoo/index.ts';
import {
  type Dataset,
  hold,
  holdIndices,
  type PictureSource,
  type Split,
  subsetOf,
  take,
  takeIndices,
} from '../data/index.ts';
import { cheapen } from '../edit/cheapen.ts';
import { UsageError } from '../errors.ts';
import { init, type Net } from '../weights/index.ts';
import type { Recipe } from './recipe.ts';

/** Whether a recipe's student is a trained net, and not an architecture. */
export function isTrained(student: string): boolean {
  const isArchitecture = architectures.has(student.trim().split(/\s+/)[0] ?? '');
  return !isArchitecture && (studentNames().includes(student) || holdsNet(student));
}

/** The net that a recipe trains, with fresh weights or those of a folder or of a shipped student. */
export function studentOf(recipe: Recipe): Net {
  if (isTrained(recipe.student)) {
    if (recipe.block !== undefined)
      throw new UsageError(
        `block: ${recipe.student} has weights, which a cheap block would replace; name its architecture as the student, or leave the block out`,
      );
    return loadStudent(recipe.student);
  }
  const graph = compose(recipe.student);
  return init(recipe.block ? cheapen(graph, recipe.block) : graph, { seed: recipe.seed });
}

/**
 * What a recipe trains on, and what it holds out.
 * @throws UsageError when the data have fewer examples.
 */
export function partsOf(recipe: Recipe, { train }: Dataset): { train: Split; validation?: Split } {
  checkParts(recipe, train.count);
  const seed = recipe.viewSeed ?? recipe.seed;
  const parts = recipe.validation ? hold(train, recipe.validation, seed) : { train };
  return recipe.limit ? { ...parts, train: take(parts.train, recipe.limit, seed) } : parts;
}

/** The same of pictures that are read when they are needed. */
export function partsOfSource(
  recipe: Recipe,
  source: PictureSource,
): { train: PictureSource; validation?: PictureSource } {
  checkParts(recipe, source.count);
  const seed = recipe.viewSeed ?? recipe.seed;
  const limited = (all: PictureSource): PictureSource =>
    recipe.limit ? subsetOf(all, takeIndices(all, recipe.limit, seed)) : all;
  if (!recipe.validation) return { train: limited(source) };
  const { train, validation } = holdIndices(source, recipe.validation, seed);
  return { train: limited(subsetOf(source, train)), validation: subsetOf(source, validation) };
}

/** @throws UsageError for more examples to hold out, or to train on, than the data have. */
function checkParts({ validation, limit = 1 }: Recipe, count: number): void {
  if (validation >= count)
    throw new UsageError(
      `--validation ("validation" in a recipe) must be a whole number from 0 to ${count - 1}, since the data have ${count} training examples, got ${validation}`,
    );
  if (limit > count - validation)
    throw new UsageError(
      `limit must be a whole number from 1 to ${count - validation}, since the data have ${count} training examples${validation ? `, ${validation} of them held out` : ''}, got ${limit}`,
    );
}
