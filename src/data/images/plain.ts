/** @file Pictures without classes: what calibrates a net needs no labels. */
import { existsSync, statSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { MoonletError } from '../../errors.ts';
import { permutation, random } from '../../random.ts';
import type { Unlabelled } from '../dataset.ts';
import { holdsClasses, picturesBelow, trainingPictures } from './list.ts';
import { checkPreparation, scaleOf, sizeOfInput } from './prepare.ts';
import { type StoreOptions, stored } from './store.ts';

export interface PlainOptions extends StoreOptions {
  /** The most pictures; by default all. Where there are more, a random choice by the seed. */
  readonly most?: number | undefined;
  /** The seed of that choice; 0 by default. */
  readonly seed?: number | undefined;
}

/** Whether a path is a folder with pictures, but without class folders. */
export const isPlainPictures = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true &&
  !holdsClasses(path) &&
  !existsSync(join(path, 'dataset.json')) &&
  picturesBelow(path).length > 0;

/**
 * Pictures as images without labels, whole in memory: those in a folder and in all folders below it; of a folder or a CSV with
 * a part to train on, that part. Names of folders mean nothing here.
 * @throws UsageError for a preparation that cannot be; MoonletError when there is no picture, or one is damaged.
 *
 * @example
 * import { cpSync, mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { plainPictures } from 'moonlet/data';
 *
 * const folder = mkdtempSync(join(tmpdir(), 'photos-'));
 * cpSync('docs/scenes.png', join(folder, '1.png'));
 * const preparation = { size: 96, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
 * const { count, pixels } = await plainPictures(folder, { preparation, cacheDir: join(folder, '.cache') });
 * count; // 1
 * pixels.length; // 27648
 */
export async function plainPictures(path: string, o: PlainOptions): Promise<Unlabelled<Uint8Array>> {
  const { preparation, most, seed = 0 } = o;
  checkPreparation(preparation);
  const all = await pathsOf(path);
  if (!all.length) throw new MoonletError(`${path}: no pictures; give a folder with PNG, JPEG or WebP files`);
  const chosen = permutation(all.length, random('plain pictures', seed)).subarray(0, most ?? all.length);
  const paths = [...chosen].sort((a, b) => a - b).flatMap((i) => all[i] ?? []);
  const { count, read } = await stored(
    paths.map((file) => ({ path: file, label: 0 })),
    o,
  );
  const [height, width] = sizeOfInput(preparation);
  const { mean, std } = scaleOf(preparation);
  return {
    name: resolve(path).split(/[/\\]/).at(-1) ?? 'pictures',
    ...{ shape: [height, width, mean.length], mean, std, preparation },
    ...{ count, pixels: read(0, count) },
  };
}

async function pathsOf(path: string): Promise<readonly string[]> {
  const isTable = extname(path).toLowerCase() === '.csv';
  if (isTable || holdsClasses(path)) return trainingPictures(path);
  return picturesBelow(path);
}
