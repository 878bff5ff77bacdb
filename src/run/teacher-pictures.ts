/** @file Pictures as a run's teachers take them, where their cards say otherwise than the student's. */

import { scaleOf, sizeOfInput } from '../data/images/index.ts';
import { type Dataset, loadDataset, type Preparation } from '../data/index.ts';
import { MoonletError } from '../errors.ts';
import type { Graph } from '../graph/index.ts';
import { checkSharedAugment } from '../learn/task/teacher-images.ts';
import type { Net } from '../weights/index.ts';
import { type PictureHow, pictureCard } from './pictures.ts';
import type { Recipe } from './recipe.ts';

interface Named {
  readonly name: string;
  readonly graph: Graph;
}

/** What decides the bytes of a prepared picture. */
function bytesBy(p: Preparation): string {
  const { interpolation = 'bilinear', crop = 0.875, cropMode = 'center', channels, mean, range } = p;
  const order = channels === 'bgr' ? 'bgr' : mean.length;
  const fill = cropMode === 'border' ? [mean, range] : [];
  return JSON.stringify([sizeOfInput(p), interpolation, crop, cropMode, order, fill]);
}
const inputBy = (p: Preparation): string => JSON.stringify([bytesBy(p), scaleOf(p)]);

/** The nets that teach in a run. */
export interface Teachers {
  readonly teacher: Net | undefined;
  readonly teachers: Readonly<Record<string, Net>>;
}
/**
 * How the teachers of a recipe take pictures; undefined where they see what the student sees.
 * @param own how the student takes them.
 * @throws MoonletError when teachers see pictures in different ways, or the recipe makes images of the student's; UsageError for
 * augmentations that both would not see alike; as `pictureCard`.
 */
export function teacherPreparation(
  recipe: Recipe,
  own: Preparation,
  { teacher, teachers }: Teachers,
): Preparation | undefined {
  const names = recipe.teacher === undefined ? (recipe.ensemble ?? []) : [recipe.teacher];
  const named: readonly Named[] = [
    ...(teacher ? names.map((name) => ({ name, graph: teacher.graph })) : []),
    ...Object.entries(teachers).map(([key, { graph }]) => ({ name: recipe.teachers?.[key] ?? key, graph })),
  ];
  const [first, ...others] = named.map((t) => ({ ...t, ...pictureCard(t.name, t.graph) }));
  if (!first) return undefined;
  const other = others.find((t) => inputBy(t.preparation) !== inputBy(first.preparation));
  if (other)
    throw new MoonletError(
      `${first.name} and ${other.name} see pictures in different ways (size, crop, interpolation, mean or deviation); name teachers whose cards agree`,
    );
  if (inputBy(first.preparation) === inputBy(own)) return undefined;
  if (recipe.transfer)
    throw new MoonletError(
      `${recipe.transfer.kind}: makes images as the student takes them, and the teacher takes others; use a teacher with the student's preprocessing`,
    );
  if ((recipe.assistants || recipe.generations !== undefined) && recipe.teachers)
    throw new MoonletError(
      "teachers: assistants and generations see pictures as the student does, and these teachers otherwise; leave one of the two out, or name teachers with the student's preprocessing",
    );
  checkSharedAugment(recipe.augment);
  return first.preparation;
}

/** The pictures of `data`, which are those at `path`, prepared in another way; not decoded again where only mean or deviation differ. */
export async function teacherPictures(
  path: string,
  data: Dataset,
  preparation: Preparation,
  how: PictureHow,
): Promise<Dataset> {
  if (data.preparation && bytesBy(preparation) === bytesBy(data.preparation))
    return { ...data, ...scaleOf(preparation), preparation };
  const { classNames } = data;
  return loadDataset(path, { pictures: { ...how, preparation, classNames } });
}
