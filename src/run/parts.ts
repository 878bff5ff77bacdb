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

/** The net that a recipe trains, with fresh weights or those of a folder or of a shipped student. */
export function studentOf(recipe: Recipe): Net {
  const known = architectures.has(recipe.student.trim().split(/\s+/)[0] ?? '');
  const trained = studentNames().includes(recipe.student) || holdsNet(recipe.student);
  if (!known && trained) {
    if (recipe.block !== undefined)
      throw new UsageError(
        `block: ${recipe.student} has weights, which a cheap block would replace; name its architecture as the student, or leave the block out`,
      );
    return loadStudent(recipe.student);
  }
  const graph = compose(recipe.student);
  return init(recipe.block ? cheapen(graph, recipe.block) : graph, { seed: recipe.seed });
}

/** What a recipe trains on, and what it holds out. */
export function partsOf(recipe: Recipe, { train }: Dataset): { train: Split; validation?: Split } {
  const seed = recipe.viewSeed ?? recipe.seed;
  const parts = recipe.validation ? hold(train, recipe.validation, seed) : { train };
  return recipe.limit ? { ...parts, train: take(parts.train, recipe.limit, seed) } : parts;
}

/** The same of pictures that are read when they are needed. */
export function partsOfSource(
  recipe: Recipe,
  source: PictureSource,
): { train: PictureSource; validation?: PictureSource } {
  const seed = recipe.viewSeed ?? recipe.seed;
  const limited = (all: PictureSource): PictureSource =>
    recipe.limit ? subsetOf(all, takeIndices(all, recipe.limit, seed)) : all;
  if (!recipe.validation) return { train: limited(source) };
  const { train, validation } = holdIndices(source, recipe.validation, seed);
  return { train: limited(subsetOf(source, train)), validation: subsetOf(source, validation) };
}
