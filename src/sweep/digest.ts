/** @file What a dataset holds, as a hash, so that workers with other data are found out. */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { listPictures } from '../data/images/list.ts';
import { type Dataset, isPictures, loadDataset, type Split } from '../data/index.ts';

/** Name, shape and number of classes of data, and a hash of all of it. */
export interface DataAbout extends Pick<Dataset, 'name' | 'shape' | 'classes'> {
  readonly digest: string;
}

/**
 * Looks at the data of a recipe. Of files of pictures, names, classes and sizes of the files are hashed, not what is in them.
 * @throws MoonletError when they are missing or damaged.
 */
export async function aboutData(name: string): Promise<DataAbout> {
  const hash = createHash('sha256');
  if (isPictures(name)) {
    const list = await listPictures(name);
    for (const part of [list.train, list.test])
      for (const { path, label } of part)
        hash.update(`${relative(resolve(name), resolve(path))} ${label} ${statSync(path).size}\n`);
    hash.update(list.classNames.join('\n'));
    return { name: list.name, shape: [0, 0, 0], classes: list.classNames.length, digest: hash.digest('hex') };
  }
  const { shape, classes, train, test, mean, std, name: own } = await loadDataset(name);
  hash.update(JSON.stringify([shape, classes, mean, std]));
  for (const { pixels, labels } of [train, test] satisfies Split[])
    for (const part of [pixels, labels])
      hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return { name: own, shape, classes, digest: hash.digest('hex') };
}
