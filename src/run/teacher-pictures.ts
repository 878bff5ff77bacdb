/** @file Pictures as a run's teachers take them, where their cards say otherwise than the student's. */
import { type Dataset, isPictures, loadDataset, type Preparation } from '../data/index.ts';
import { scaleOf, sizeOfInput } from '../data/images/index.ts';
import { MoonletError } from '../errors.ts';
import type { Graph } from '../graph/index.ts';
import { type PictureHow, pictureCard } from './pictures.ts';

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

/**
 * The pictures of `data` as the teachers take them; undefined where they see what the student sees.
 * @throws MoonletError when teachers see pictures in different ways; as `pictureCard`.
 */
export async function teacherPictures(
  path: string,
  data: Dataset,
  teachers: readonly Named[],
  how: PictureHow,
): Promise<Dataset | undefined> {
  const { preparation } = data;
  if (!isPictures(path) || !preparation) return undefined;
  const [first, ...others] = teachers.map((t) => ({ ...t, ...pictureCard(t.name, t.graph) }));
  if (!first) return undefined;
  const other = others.find((t) => inputBy(t.preparation) !== inputBy(first.preparation));
  if (other)
    throw new MoonletError(
      `${first.name} and ${other.name} see pictures in different ways (size, crop, interpolation, mean or deviation); name teachers whose cards agree`,
    );
  if (inputBy(first.preparation) === inputBy(preparation)) return undefined;
  if (bytesBy(first.preparation) === bytesBy(preparation))
    return { ...data, ...scaleOf(first.preparation), preparation: first.preparation };
  const { classNames } = data;
  return loadDataset(path, { pictures: { ...how, preparation: first.preparation, classNames } });
}
