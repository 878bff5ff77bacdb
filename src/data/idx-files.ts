/**
 * @file Folders of IDX files, as MNIST and the datasets after it are published: images and labels of two splits, each file as it is
 * or compressed by gzip.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { MoonletError } from '../errors.ts';
import { codeOf } from '../files/index.ts';
import type { Dataset, Split } from './dataset.ts';
import { parseIdx } from './idx.ts';
import { dataset } from './own.ts';

/** The names of the four files, without `.gz`. */
export const idxFiles = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
] as const;
export type IdxFile = (typeof idxFiles)[number];

/** Whether the name of a file is that of an IDX file of bytes. */
export const isIdxFile = (file: string): boolean => /(-ubyte|\.idx)(\.gz)?$/i.test(file);

/** The path of one of the files in a folder: as it is, or compressed. */
export const idxPath = (folder: string, name: IdxFile): string | undefined =>
  [name, `${name}.gz`].map((file) => join(folder, file)).find((path) => existsSync(path));

/** Whether a folder has any of the four files. */
export const holdsIdx = (folder: string): boolean =>
  idxFiles.some((name) => idxPath(folder, name) !== undefined);

/** The bytes of a file, decompressed where its name ends in `.gz`. @param fail throws with the name of the file. */
export async function readUnzipped(path: string, fail: (reason: string) => never): Promise<Uint8Array> {
  const bytes: Uint8Array = await readFile(path).catch((e) => fail(`it cannot be read (${codeOf(e)})`));
  if (!path.endsWith('.gz')) return bytes;
  return promisify(gunzip)(bytes).catch((e) => fail(`it cannot be decompressed (${codeOf(e)})`));
}

/** An IDX file of bytes with so many dimensions as its header says. */
export async function readIdxArray(
  path: string,
  fail: (reason: string) => never,
): Promise<{ readonly shape: readonly number[]; readonly bytes: Uint8Array }> {
  const bytes = await readUnzipped(path, fail);
  const rank = bytes[3] ?? 0;
  const { dims, data } = parseIdx(bytes, new Array<undefined>(rank).fill(undefined), fail);
  return { shape: dims, bytes: data };
}

/**
 * A dataset of one's own from the four files: grey images of bytes of any height and width. Classes are the labels from 0 to the
 * largest one.
 * @throws MoonletError that names the file, for one that is missing or damaged.
 */
export async function readIdxFolder(folder: string): Promise<Dataset<Uint8Array>> {
  const [trainImages, trainLabels, testImages, testLabels] = idxFiles;
  const train = await readSplit(folder, trainImages, trainLabels);
  const test = await readSplit(folder, testImages, testLabels, train.size);
  const [h, w] = train.size;
  // at least two, so that a file with one class is refused by its labels and not by its number of classes
  const classes = Math.max(1, ...new Set(train.split.labels), ...new Set(test.split.labels)) + 1;
  return dataset({
    name: basename(resolve(folder)),
    classes,
    shape: [h, w, 1],
    train: train.split,
    test: test.split,
  });
}

type Size = readonly [h: number, w: number];
async function readSplit(
  folder: string,
  images: IdxFile,
  labels: IdxFile,
  expected?: Size,
): Promise<{ split: Split<Uint8Array>; size: Size }> {
  const read = async (name: IdxFile, dims: readonly (number | undefined)[]) => {
    const path = idxPath(folder, name);
    if (path === undefined)
      throw new MoonletError(
        `${join(folder, name)}: it is missing; a folder of IDX files holds ${idxFiles.join(', ')}, each also as .gz`,
      );
    const fail = (reason: string): never => {
      throw new MoonletError(`${path}: ${reason}; replace the file`);
    };
    return parseIdx(await readUnzipped(path, fail), dims, fail);
  };
  const pixels = await read(images, [undefined, ...(expected ?? [undefined, undefined])]);
  const [count = 0, h = 0, w = 0] = pixels.dims;
  const { data } = await read(labels, [count]);
  return { split: { count, pixels: pixels.data, labels: data }, size: [h, w] };
}
