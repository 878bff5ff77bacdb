/** @file Batches of pictures that are read when they are needed: those of the next steps are begun while a step runs. */
import { changesPictures, withViews } from '../../data/images/augment/index.ts';
import { exchanged, inChannels, type Picture, prepared, sizeOfInput } from '../../data/images/index.ts';
import type { PictureSource } from '../../data/in-memory.ts';
import { checkAugmentFits } from './augment.ts';
import {
  type BatchOptions,
  checkViews,
  type Labelled,
  labelledBatch,
  labelsAt,
  turns,
  viewer,
} from './batches.ts';
import type { Scale } from './scale.ts';

/** Batches that are begun before they are asked for. */
const ahead = 2;

/**
 * The batches of `make`, those after the one asked for already begun, up to `steps`.
 * @returns a function of the step, whose promise is refused as that of `make`.
 */
export function readAhead<T>(
  make: (step: number) => Promise<T>,
  steps = Number.POSITIVE_INFINITY,
): (step: number) => Promise<T> {
  const begun = new Map<number, Promise<T>>();
  const begin = (step: number): Promise<T> => {
    const known = begun.get(step);
    if (known) return known;
    const batch = make(step);
    batch.catch(() => undefined); // refused to who asks for it, who may never come
    begun.set(step, batch);
    return batch;
  };
  return (step) => {
    for (const other of begun.keys()) if (other < step || other > step + ahead) begun.delete(other);
    const batch = begin(step);
    for (let next = step + 1; next <= step + ahead && next < steps; next++) begin(next);
    begun.delete(step);
    return batch;
  };
}

/**
 * Training batches of pictures by step, as `batches` gives them of images in memory. A random part is taken of the whole picture;
 * without `resizedCrop` a picture is prepared as for evaluation.
 * @throws MoonletError when there are fewer pictures than a batch; UsageError for options out of range.
 */
export function pictureBatches(
  source: PictureSource,
  scale: Scale,
  o: BatchOptions & { readonly steps?: number | undefined },
): (step: number) => Promise<Labelled> {
  const { batch, seed, augment = {}, views, viewSeed = seed, steps } = o;
  checkViews({ augment, views, viewSeed });
  checkAugmentFits(augment, 'bytes', batch);
  const turn = turns(source.count, batch, seed, 'pictures');
  const size = scale.shape.reduce((n, d) => n * d);
  const place = viewer(scale, new Uint8Array(), { augment, viewSeed });
  const view = viewOf(source, augment);
  return readAhead(async (step) => {
    const { epoch, examples: images } = turn(step);
    const number = views === undefined ? epoch : epoch % views;
    const x = new Float32Array(batch * size);
    await Promise.all(
      Array.from(images, (index, i) =>
        source.use(index, (picture) =>
          place(view(picture, [viewSeed, index, number]), x, i, { index, view: number }),
        ),
      ),
    );
    const labels = labelsAt(source.labels, images);
    return labelledBatch({ x, images, view: number, labels }, scale, augment, [seed, step]);
  }, steps);
}

/** The bytes of a view of a picture, in the size of the net's input and its order of channels. */
function viewOf(
  { preparation, isWhole }: Pick<PictureSource, 'preparation' | 'isWhole'>,
  augment: BatchOptions['augment'] = {},
): (picture: Picture, keys: readonly number[]) => Uint8Array {
  const { channels: order, interpolation, mean } = preparation;
  const target = { size: sizeOfInput(preparation), interpolation };
  const change = changesPictures(augment) ? withViews(augment, mean.length) : undefined;
  const isBgr = order === 'bgr';
  const inRgb = isBgr ? { ...preparation, channels: 'rgb', mean: mean.toReversed() } : preparation;
  const fitted = (picture: Picture): Picture => {
    if (!isWhole) return isBgr ? { ...picture, data: exchanged(picture.data) } : picture;
    if (augment.resizedCrop) return inChannels(picture, mean.length);
    const [height, width] = target.size;
    return { width, height, channels: mean.length, data: prepared(picture, inRgb) };
  };
  return (picture, keys) => {
    const { data } = change ? change(fitted(picture), target, keys) : fitted(picture);
    return isBgr ? exchanged(data) : data;
  };
}
