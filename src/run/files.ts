/** @file Files of nets, their origins and checkpoints. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { studentFolder, studentNames } from '../../zoo/folders.ts';
import { readCard } from '../../zoo/students.ts';
import { isDatasetName, isDatasetPath } from '../data/index.ts';
import { readText, writeAtomically } from '../files/index.ts';
import type { CheckpointStore } from '../learn/train/index.ts';
import type { Recipe } from './recipe.ts';

/** What a net was made from, and the dataset that it is for. */
export interface Origin {
  readonly from: string;
  readonly data: string;
}

/** What a run of this recipe reads: the nets and files that it names. */
export const inputsOf = (recipe: Partial<Recipe>): readonly string[] => {
  const losses = [...(recipe.losses ?? []), ...(recipe.stages ?? []).flatMap((s) => s.losses ?? [])];
  const modules = losses.flatMap((l) => (l.kind === 'custom' ? [l.module] : []));
  const nets = [
    recipe.student,
    recipe.teacher,
    ...(recipe.ensemble ?? []),
    ...Object.values(recipe.teachers ?? {}),
  ].flatMap((name) => (name === undefined ? [] : [studentFolder(name)]));
  const { transfer } = recipe;
  const metadata = transfer?.kind === 'data-free' && transfer.metadata ? [transfer.metadata] : [];
  const data = recipe.data !== undefined && isDatasetPath(recipe.data) ? [recipe.data] : [];
  return [...nets, ...modules, ...metadata, ...data];
};

/**
 * The dataset of a shipped student by its card, or of a folder by its card or recipe, as `loadDataset` takes it; undefined when
 * none is named, or the path that is named does not exist from here.
 */
export function dataOf(name: string): string | undefined {
  if (studentNames().includes(name)) {
    const { data } = readCard(name);
    return isDatasetName(data) ? data : undefined;
  }
  for (const file of ['card.json', 'recipe.json']) {
    const path = join(name, file);
    if (!existsSync(path)) continue;
    try {
      const { data }: { readonly data?: unknown } = JSON.parse(readText(path));
      if (typeof data !== 'string') continue;
      if (isDatasetName(data)) return data;
      if (isDatasetPath(data) && existsSync(data)) return data;
    } catch {
      // a file of another kind says nothing
    }
  }
  return undefined;
}

/**
 * A warning where a net was trained on images that the data test it on, which makes accuracies of it and of its students too high:
 * the earlier split of Fashion-MNIST has published test images in its training part. Undefined where this is not known of the net.
 */
export const overlapNote = (name: string, data: string): string | undefined =>
  data === 'fashion-mnist' && dataOf(name) === 'fashion-mnist-earlier'
    ? `${name}: was trained on fashion-mnist-earlier, which has test images of fashion-mnist: accuracies are too high; use fashion-mnist-earlier`
    : undefined;

/** The warnings for the nets that a recipe names. */
export const overlapNotes = ({
  data,
  student,
  teacher,
  ensemble: members = [],
  teachers = {},
}: Recipe): string[] =>
  [student, ...(teacher === undefined ? [] : [teacher]), ...members, ...Object.values(teachers)].flatMap(
    (name) => overlapNote(name, data) ?? [],
  );

/** Checkpoints as files of a folder. */
export const checkpointFiles = (folder: string): CheckpointStore => {
  const path = (name: string): string => join(folder, `${name}.safetensors`);
  return {
    load: async (name) => (existsSync(path(name)) ? readFileSync(path(name)) : undefined),
    save: async (name, bytes) => writeAtomically(path(name), bytes),
  };
};
