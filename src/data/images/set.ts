/** @file Folders and tables of pictures as datasets: streamed in batches from a cache of decoded pictures, or whole in memory. */
import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import { MoonletError, UsageError } from '../../errors.ts';
import { type Dataset, type Labels, labelsFor } from '../dataset.ts';
import { holdsIdx } from '../idx-files.ts';
import { dataset } from '../own.ts';
import { type ClassesOfNet, holdsClasses, kinds, type Labelled, listPictures } from './list.ts';
import { checkPreparation, type Preparation, scaleOf, sizeOfInput } from './prepare.ts';
import { type PictureSource, preparedPictures, type SourceOptions, wholePictures } from './source.ts';
import { type Store, stored } from './store.ts';

/** `classNames` and `classes` are those of the net, where there is one; by default the names of the class folders, sorted. */
export interface PictureOptions extends SourceOptions, ClassesOfNet {
  /** The most bytes of pictures that are taken into memory; 4 GiB by default. */
  readonly maxBytes?: number | undefined;
}
/** Pictures of a split, read from the cache when they are asked for. */
export interface PictureSplit {
  readonly count: number;
  readonly labels: Labels;
  /** Where each picture is. */
  readonly paths: readonly string[];
  /** The bytes of `count` prepared pictures from the one numbered `first`, `count * h * w * c`. */
  read(first: number, count: number): Uint8Array;
}
/** Like a `Dataset`, with pictures that are read when they are asked for. */
export interface PictureSet
  extends Pick<Dataset, 'name' | 'classes' | 'classNames' | 'shape' | 'mean' | 'std' | 'note'> {
  readonly preparation: Preparation;
  /** Pictures to train on, decoded by the first call. */
  train(): Promise<PictureSplit>;
  test(): Promise<PictureSplit>;
  /**
   * Pictures to train on in bounded memory: whole ones, of which `resizedCrop` takes random parts (the default), or prepared ones, which
   * are read from the cache.
   */
  source(kind?: 'whole' | 'prepared'): Promise<PictureSource>;
}

/** Whether a path is that of pictures: a CSV, or a folder of folders without a dataset.json or IDX files. */
export const isPictures = (path: string): boolean =>
  extname(path).toLowerCase() === '.csv' ||
  (holdsClasses(path) && !existsSync(join(path, 'dataset.json')) && !holdsIdx(path));

const heldOutNote = (test: number, all: number): string =>
  `the pictures have no part to measure on: ${test} of ${all} are held out, about a fifth of each class and always the same; name folders train and val to choose them`;
const passedOverNote = (files: readonly string[]): string =>
  `${files.length} ${files.length === 1 ? 'picture is' : 'pictures are'} left out (${[...new Set(files.map((file) => extname(file).toLowerCase()))].join(', ')}): only ${kinds.join(', ')} are read`;

/**
 * Pictures of classes that are read in batches, so that memory is that of a batch: prepared ones are decoded once, to a cache; whole ones,
 * for random parts, are decoded in each epoch. `path` is a folder
 * `class/picture`, a folder with such folders `train` and `val` (or `valid`, `validation`, `test`), or a CSV with the columns
 * `path,label` and, if there is one, `split`.
 * @throws UsageError for a preparation that cannot be; MoonletError for a class without pictures, and for a damaged picture.
 *
 * @example
 * import { cpSync, mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { pictureSet } from 'moonlet/data';
 *
 * const folder = mkdtempSync(join(tmpdir(), 'birds-'));
 * for (const name of ['tit/1.png', 'tit/2.png', 'wren/1.png', 'wren/2.png'])
 *   cpSync('docs/scenes.png', join(folder, name));
 * const preparation = { size: 96, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
 * const birds = await pictureSet(folder, { preparation, cacheDir: join(folder, '.cache') });
 * const test = await birds.test();
 * birds.classNames.join(' '); // 'tit wren'
 * test.count; // 2
 * test.read(0, 2).length; // 55296
 * const source = await birds.source(); // for fit(net, source, birds, { augment: { resizedCrop: {} }, ... })
 * await source.use(0, ({ width, height }) => width > height); // true
 */
export async function pictureSet(path: string, o?: PictureOptions): Promise<PictureSet> {
  if (!o)
    throw new UsageError(
      `${path}: pictures need a size; give "pictures": { preparation: { size, mean, std } }, as on the card of a net`,
    );
  const { preparation } = o;
  checkPreparation(preparation);
  const list = await listPictures(path, o);
  const { name, classNames, parted, passedOver } = list;
  const notes = [
    ...(parted ? [] : [heldOutNote(list.test.length, list.test.length + list.train.length)]),
    ...(passedOver.length ? [passedOverNote(passedOver)] : []),
  ];
  const [height, width] = sizeOfInput(preparation);
  const { mean, std } = scaleOf(preparation);
  const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
    let made: Promise<T> | undefined;
    return () => {
      made ??= make();
      return made;
    };
  };
  const store = once(() => stored(list.train, o));
  const train = once(async () => splitOf(list.train, classNames.length, await store()));
  const whole = once(() => wholePictures(list.train, labelsOf(list.train, classNames.length), o));
  return {
    ...{
      name,
      classNames,
      classes: classNames.length,
      shape: [height, width, mean.length],
      mean,
      std,
      preparation,
    },
    ...(notes.length ? { note: notes.join('; ') } : {}),
    train,
    test: once(async () => splitOf(list.test, classNames.length, await stored(list.test, o))),
    source: async (kind = 'whole') =>
      kind === 'whole' ? whole() : preparedPictures(await store(), { ...(await train()), preparation }),
  };
}

function splitOf(part: readonly Labelled[], classes: number, { count, kept, read }: Store): PictureSplit {
  const of = [...kept].flatMap((i) => part[i] ?? []);
  return { count, labels: labelsOf(of, classes), paths: of.map((p) => p.path), read };
}
function labelsOf(part: readonly Labelled[], classes: number): Labels {
  const labels = labelsFor(classes, part.length);
  labels.set(part.map(({ label }) => label));
  return labels;
}

/**
 * The same as a `Dataset` of bytes, whole in memory, for `fit`, `distill` and everything else that takes one.
 * @throws MoonletError when the pictures take more than `maxBytes`, beside what `pictureSet` throws.
 */
export async function picturesIn(path: string, o?: PictureOptions): Promise<Dataset<Uint8Array>> {
  const { train, test, source: _, preparation, ...rest } = await pictureSet(path, o);
  const parts = { train: await train(), test: await test() };
  const [most, bytes] = [
    o?.maxBytes ?? 2 ** 32,
    (parts.train.count + parts.test.count) * rest.shape.reduce((a, b) => a * b),
  ];
  if (bytes > most)
    throw new MoonletError(
      `${path}: ${parts.train.count + parts.test.count} pictures of ${rest.shape.join(' x ')} take ${gib(bytes)} of memory, and at most ${gib(most)} are taken; use a smaller size or fewer pictures, or raise maxBytes`,
    );
  const whole = ({ count, labels, read }: PictureSplit) => ({ count, labels, pixels: read(0, count) });
  return { ...dataset({ ...rest, train: whole(parts.train), test: whole(parts.test) }), preparation };
}
const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
