/** @file Images that calibrate a net, by the name or the path of data. */
import { isPictures, isPlainPictures, loadDataset, plainPictures, type Unlabelled } from '../data/index.ts';
import { classesOf, type Graph, inputShape, sizeOf } from '../graph/index.ts';
import { checkFit } from '../learn/task/index.ts';
import { type PictureHow, pictureCard } from './pictures.ts';

/**
 * Images that calibrate a net: the training images of a dataset; of a folder or a CSV of pictures those to train on, whatever their
 * folders and labels are called, and prepared by the card of the net `name`.
 * @throws as `loadDataset`, `plainPictures` and `pictureCard`.
 */
export async function calibrationFor(
  data: string,
  net: { readonly name: string | undefined; readonly graph: Graph },
  how: PictureHow & { readonly say?: (text: string) => void } = {},
): Promise<Unlabelled> {
  if (!isPictures(data) && !isPlainPictures(data)) {
    const set = await loadDataset(data);
    checkFit(net.graph, classesOf(net.graph), set);
    return { ...set, ...set.train };
  }
  const { say, ...rest } = how;
  const { note, preparation } = pictureCard(net.name, net.graph);
  if (note) say?.(note);
  return plainPictures(data, { ...rest, preparation, most: mostPictures(net.graph) });
}

/** Enough to calibrate: as many as 32 million values hold, which are 220 photographs of 224 x 224, and at most 1000. */
const mostPictures = (graph: Graph): number =>
  Math.max(1, Math.min(1000, Math.floor(2 ** 25 / sizeOf(inputShape(graph)))));
