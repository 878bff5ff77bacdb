/** @file Datasets of the page: fetched once, a split at a time. */

import { type Dataset, dataset, type Split } from '../../data/in-memory.ts';
import { MoonletError } from '../../index.ts';
import { placeOf } from './places.ts';

export interface DataInfo {
  readonly name: string;
  readonly shape: readonly [h: number, w: number, c: number];
  readonly classes: number;
  readonly classNames: readonly string[];
  readonly mean: number;
  readonly std: number;
  readonly note: string | null;
  readonly train: number;
  readonly test: number;
}
type Part = 'train' | 'test';
const kept = new Map<string, Promise<unknown>>();

/** What `make` gave at first for a key; a failure is not kept. */
function once<T>(key: string, make: () => Promise<T>): Promise<T> {
  const before = kept.get(key);
  if (before) return before as Promise<T>;
  const made = make();
  kept.set(key, made);
  made.catch(() => kept.delete(key));
  return made;
}

async function fetched(path: string): Promise<Response> {
  const response = await fetch(placeOf(path));
  if (response.ok && response.body) return response;
  const type = response.headers.get('content-type') ?? '';
  const said = response.status === 404 && type.startsWith('text/plain') ? (await response.text()).trim() : '';
  throw new MoonletError(
    `${path} is not on this server${said && said !== 'not found' ? ` (${said})` : '; a page that was built in a clone, by npm run web, has it'}`,
  );
}

export const dataInfo = (name: string): Promise<DataInfo> =>
  once(`${name}/info`, async () => (await fetched(`data/${name}/info.json`)).json());

async function array(path: string): Promise<Uint8Array> {
  const { body } = await fetched(path);
  if (!body) throw new MoonletError(`${path} is empty`);
  return new Uint8Array(await new Response(body.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer());
}

export const dataSplit = (name: string, part: Part): Promise<Split<Uint8Array>> =>
  once(`${name}/${part}`, async () => {
    const [pixels, labels] = await Promise.all([
      array(`data/${name}/${part}-pixels.gz`),
      array(`data/${name}/${part}-labels.gz`),
    ]);
    return { count: labels.length, pixels, labels };
  });

/** Both splits, checked. */
export const wholeDataset = (name: string): Promise<Dataset<Uint8Array>> =>
  once(`${name}/all`, async () => {
    const [info, train, test] = await Promise.all([
      dataInfo(name),
      dataSplit(name, 'train'),
      dataSplit(name, 'test'),
    ]);
    const { shape, classes, classNames, mean, std } = info;
    return dataset({ name, shape, classes, classNames, mean, std, train, test });
  });
