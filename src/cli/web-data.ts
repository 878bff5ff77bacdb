/** @file Datasets as the files that the page fetches: `NAME/info.json`, and gzipped arrays such as `NAME/test-pixels.gz`. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Dataset, loadDataset } from '../data/index.ts';

/** Datasets that the page draws and trains on: those of the shipped nets. */
export const pageDatasets = ['mnist', 'fashion-mnist'] as const;
type Name = (typeof pageDatasets)[number];

const loaded = new Map<Name, Promise<Dataset>>();
const load = (name: Name): Promise<Dataset> => {
  const data = loaded.get(name) ?? loadDataset(name);
  loaded.set(name, data);
  return data;
};

/** What the page must know of a dataset before it fetches the arrays. */
const infoOf = ({ name, shape, classes, classNames, mean, std, note, train, test }: Dataset): object => ({
  ...{ name, shape, classes, classNames, mean, std },
  ...{ note: note ?? null, train: train.count, test: test.count },
});

/** The names of the files of a dataset. */
export const dataFiles = (name: Name): readonly string[] =>
  ['info.json', ...['train', 'test'].flatMap((part) => [`${part}-pixels.gz`, `${part}-labels.gz`])].map(
    (file) => `${name}/${file}`,
  );

/**
 * One file by its path below `data/`; undefined for other paths.
 * @throws MoonletError with the line that installs the data where they are missing.
 */
export async function dataFile(path: string): Promise<Uint8Array | undefined> {
  const name = pageDatasets.find((id) => path.startsWith(`${id}/`));
  if (name === undefined || !dataFiles(name).includes(path)) return undefined;
  const data = await load(name);
  const file = path.slice(name.length + 1);
  if (file === 'info.json') return new TextEncoder().encode(JSON.stringify(infoOf(data)));
  const { pixels, labels } = file.startsWith('train') ? data.train : data.test;
  const array = file.includes('pixels') ? pixels : labels;
  return promisify(gzip)(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), { level: 6 });
}
