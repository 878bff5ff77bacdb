/** @file Datasets as their authors published them: the four IDX files of MNIST or Fashion-MNIST, each checked by sha256. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MoonletError, UsageError } from '../errors.ts';
import type { Split } from './dataset.ts';
import { checkDigest, sha256 } from './files.ts';
import { parseIdx } from './idx.ts';
import { holdsIdx, type IdxFile, idxFiles, idxPath, readUnzipped } from './idx-files.ts';

/** A published dataset: how it is called, the folder that torchvision keeps it in, and the sha256 of its files. */
export interface Published {
  readonly name: string;
  readonly torchvision: string;
  /** Of the files without compression. */
  readonly digests: Readonly<Record<IdxFile, string>>;
}
/** Where the files are, and what helps when one of them is damaged. */
export interface Place {
  readonly folder: string;
  readonly remedy: string;
}

export const mnistFiles: Published = {
  name: 'mnist',
  torchvision: 'MNIST',
  digests: {
    'train-images-idx3-ubyte': 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
    'train-labels-idx1-ubyte': '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
    't10k-images-idx3-ubyte': '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
    't10k-labels-idx1-ubyte': 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
  },
};
export const fashionFiles: Published = {
  name: 'fashion-mnist',
  torchvision: 'FashionMNIST',
  digests: {
    'train-images-idx3-ubyte': 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
    'train-labels-idx1-ubyte': 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
    't10k-images-idx3-ubyte': '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
    't10k-labels-idx1-ubyte': '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
  },
};
const known = [mnistFiles, fashionFiles];

/** Where Debian's packages dataset-NAME put their files. */
const debian = '/usr/share/datasets';

/**
 * The place of a dataset's IDX files: below `folder` when it is given; otherwise below the folder that the environment variable
 * MOONLET_DATA names, or where Debian's package puts them. Undefined when no place has them.
 * @throws UsageError for a folder without them, MoonletError for a MOONLET_DATA that is no folder.
 */
export function findPublished(
  of: Published,
  folder?: string,
  {
    data = process.env['MOONLET_DATA'],
    system = debian,
  }: { data?: string | undefined; system?: string } = {},
): Place | undefined {
  if (folder !== undefined) {
    const found = below(of, folder);
    if (found !== undefined) return placeOf(of, found);
    throw new UsageError(
      `${folder}: holds no IDX files of ${of.name}; give the folder with ${idxFiles[0]} (or .gz) and the other three`,
    );
  }
  if (data && !statSync(data, { throwIfNoEntry: false })?.isDirectory())
    throw new MoonletError(`MOONLET_DATA: ${data} is not a folder; correct the variable, or unset it`);
  const found = (data ? below(of, data) : undefined) ?? below(of, join(system, of.name));
  return found === undefined ? undefined : placeOf(of, found);
}

/** The error of a dataset whose published files were asked for, and not found. */
export const notPublished = ({ name }: Published): MoonletError =>
  new MoonletError(
    `${name}: its published IDX files were not found; set MOONLET_DATA to the folder that holds them${name === 'fashion-mnist' ? ', or run on Debian: apt-get install dataset-fashion-mnist' : ''}`,
  );

/** The folder itself, NAME in it, or torchvision's place in it. */
const below = (of: Published, folder: string): string | undefined =>
  [folder, join(folder, of.name), join(folder, of.torchvision, 'raw')].find(
    (place, i) => holdsIdx(place) && (i > 0 || !isAnother(of, place)),
  );

/** Whether a folder's files are those of another published dataset, by the smallest of them. */
function isAnother(of: Published, folder: string): boolean {
  const path = idxPath(folder, 't10k-labels-idx1-ubyte');
  const digest = path === undefined ? undefined : digestOf(path);
  return known.some((other) => other !== of && other.digests['t10k-labels-idx1-ubyte'] === digest);
}

/** The sha256 of a file without its compression; undefined for one that cannot be read, which is for `readPublished` to say. */
function digestOf(path: string): string | undefined {
  try {
    const bytes = readFileSync(path);
    return sha256(path.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  } catch {
    return undefined;
  }
}

const placeOf = ({ name }: Published, folder: string): Place => ({
  folder,
  remedy: `replace it by the published file of ${name}`,
});

/**
 * Reads the published splits: 60,000 and 10,000 images of 28 x 28 bytes with their labels, in their order.
 * @throws MoonletError that names the file, for one that is missing or not as published.
 */
export async function readPublished(
  { digests }: Published,
  { folder, remedy }: Place,
): Promise<{ readonly train: Split<Uint8Array>; readonly test: Split<Uint8Array> }> {
  const read = async (name: IdxFile, dims: readonly number[]): Promise<Uint8Array> => {
    const path = idxPath(folder, name) ?? join(folder, name);
    const fail = (reason: string): never => {
      throw new MoonletError(`${path}: ${reason}; ${remedy}`);
    };
    const bytes = await readUnzipped(path, fail);
    const { data } = parseIdx(bytes, dims, fail);
    checkDigest(bytes, digests[name], fail);
    return data;
  };
  const split = async (images: IdxFile, labels: IdxFile, count: number): Promise<Split<Uint8Array>> => ({
    count,
    labels: await read(labels, [count]),
    pixels: await read(images, [count, 28, 28]),
  });
  const [trainImages, trainLabels, testImages, testLabels] = idxFiles;
  const [train, test] = await Promise.all([
    split(trainImages, trainLabels, 60_000),
    split(testImages, testLabels, 10_000),
  ]);
  return { train, test };
}
