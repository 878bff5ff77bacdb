/**
 * @file Pictures to train on, read when they are needed, in bounded memory: whole ones, decoded again in each epoch by threads of sharp
 * and kept as far as a cache allows, for random parts of them; or those that `store` prepared.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { codeOf, MoonletError, messageOf, UsageError } from '../../errors.ts';
import { type Labels, labelsLike } from '../dataset.ts';
import { decodePicture, readPicture } from './decode.ts';
import { gate } from './gate.ts';
import type { Labelled } from './list.ts';
import type { Picture } from './picture.ts';
import { type Preparation, prepared, sizeOfInput } from './prepare.ts';
import { cacheFolder, keyOf, type Store, type StoreOptions } from './store.ts';

/** Pictures to train on, read when they are asked for. `fit` and `distill` take one in the place of images in memory. */
export interface PictureSource {
  readonly count: number;
  readonly labels: Labels;
  readonly paths: readonly string[];
  readonly preparation: Preparation;
  /** Whether pictures have the size of their files; else that of the net's input. */
  readonly isWhole: boolean;
  /**
   * Reads a picture, calls `then` with it, and gives its result. Pictures are decoded ahead of those that are used, as far as 64 MiB allow.
   * @throws MoonletError for a file that has changed so that it cannot be read.
   */
  use<T>(index: number, then: (picture: Picture) => T): Promise<T>;
  /** The bytes of `count` prepared pictures from the one numbered `first`, `count * h * w * c`. */
  read(first: number, count: number): Promise<Uint8Array>;
  /** A hash of the pictures and their labels. */
  digest(): Promise<string>;
}
export interface SourceOptions extends StoreOptions {
  /** The most bytes of decoded pictures that are kept in memory from epoch to epoch; 128 MiB by default. */
  readonly cacheBytes?: number | undefined;
}

/** The most bytes of pictures that are being decoded or wait for their use. */
const mostAhead = 2 ** 26;

/** What is known of a file that can be read. */
interface Scanned {
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
}

/**
 * Whole pictures of a list. All are decoded once to find those that are damaged; a cache remembers that.
 * @throws MoonletError for a damaged picture, unless they are skipped, or when all of them are damaged.
 */
export async function wholePictures(
  list: readonly Labelled[],
  labels: Labels,
  o: SourceOptions,
): Promise<PictureSource> {
  const { preparation, orient, cacheBytes = 2 ** 27 } = o;
  if (!(cacheBytes >= 0)) throw new UsageError(`cacheBytes must be 0 or more, got ${cacheBytes}`);
  const scans = await scanned(list, o);
  const usable = scans.flatMap((scan, i) => (scan ? [{ ...scan, ...list[i]!, label: labels[i]! }] : []));
  if (!usable.length) throw new MoonletError(`${list[0]?.path}: and all ${list.length} pictures are damaged`);
  const channels = preparation.mean.length === 1 ? 1 : 3;
  const kept = new Map<number, Picture>();
  let bytes = 0;
  const through = gate(mostAhead);
  const use = async <T>(index: number, then: (picture: Picture) => T): Promise<T> => {
    const known = kept.get(index);
    if (known) {
      await setImmediate(); // so that a batch of kept pictures does not hold up the rest of the program
      return then(known);
    }
    const { path, width, height } = at(usable, index);
    return through(2 * width * height * channels, async () => {
      const picture = await readPicture(path, { channels, orient });
      if (!kept.has(index) && bytes + picture.data.length <= cacheBytes) {
        kept.set(index, picture);
        bytes += picture.data.length;
      }
      return then(picture);
    });
  };
  return {
    ...{ count: usable.length, paths: usable.map((p) => p.path), preparation, isWhole: true, use },
    labels: filled(
      labels,
      usable.map((p) => p.label),
    ),
    read: reader(preparation, (index) => use(index, (picture) => prepared(picture, preparation))),
    digest: async () => {
      const hash = createHash('sha256').update(JSON.stringify([orient ?? true, preparation]));
      for (const { sha256, label } of usable) hash.update(`${sha256} ${label};`);
      return hash.digest('hex');
    },
  };
}

/** Prepared pictures of a store as a source. */
export function preparedPictures(
  { file, count, read }: Store,
  { labels, paths, preparation }: Pick<PictureSource, 'labels' | 'paths' | 'preparation'>,
): PictureSource {
  const [height, width] = sizeOfInput(preparation);
  const channels = preparation.mean.length;
  return {
    ...{ count, labels, paths, preparation, isWhole: false },
    use: async (index, then) => then({ width, height, channels, data: read(index, 1) }),
    read: async (first, n) => read(first, n),
    digest: async () => {
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(file)) hash.update(chunk);
      return hash.update(Int32Array.from(labels)).digest('hex');
    },
  };
}

/** The pictures at these indices of a source, in this order. */
export function subsetOf(source: PictureSource, indices: ArrayLike<number>): PictureSource {
  const order = Uint32Array.from(indices);
  const { preparation, use } = source;
  const size = sizeOfInput(preparation).reduce((a, b) => a * b) * preparation.mean.length;
  const mine = (index: number): number => at([...order.subarray(index, index + 1)], 0);
  return {
    ...source,
    count: order.length,
    labels: filled(
      source.labels,
      Array.from(order, (i) => source.labels[i]!),
    ),
    paths: Array.from(order, (i) => source.paths[i]!),
    use: (index, then) => use(mine(index), then),
    read: async (first, count) => {
      const out = new Uint8Array(count * size);
      for (let i = 0; i < count; i++) out.set(await source.read(mine(first + i), 1), i * size);
      return out;
    },
    digest: async () =>
      createHash('sha256')
        .update(await source.digest())
        .update(order)
        .digest('hex'),
  };
}

function at<T>(all: readonly T[], index: number): T {
  const found = all[index];
  if (found === undefined) throw new UsageError(`no picture ${index}; there are ${all.length}`);
  return found;
}
function filled(like: Labels, values: readonly number[]): Labels {
  const labels = labelsLike(like, values.length);
  labels.set(values);
  return labels;
}

/** Reads prepared pictures one beside the other. */
const reader =
  (preparation: Preparation, one: (index: number) => Promise<Uint8Array>): PictureSource['read'] =>
  async (first, count) => {
    const [height, width] = sizeOfInput(preparation);
    const size = height * width * preparation.mean.length;
    const out = new Uint8Array(count * size);
    const all = Array.from({ length: count }, async (_, i) => out.set(await one(first + i), i * size));
    await Promise.all(all);
    return out;
  };

/** What is known of each file of a list, undefined of those that are skipped; from the cache where it has them. */
async function scanned(
  list: readonly Labelled[],
  o: SourceOptions,
): Promise<readonly (Scanned | undefined)[]> {
  const file = join(await cacheFolder(o.cacheDir), `${keyOf(list, o, 'whole')}.json`);
  const known = existsSync(file) ? readScan(await readFile(file, 'utf8'), list.length) : undefined;
  const scans = known ?? (await scanAll(list, o));
  const damaged = scans.flatMap((scan, i) => (scan ? [] : [i]));
  if (damaged.length && o.damaged !== 'skip') await readPicture(list[damaged[0]!]?.path ?? '', o); // says what is wrong
  if (!known) {
    const temporary = `${file}.${process.pid}.tmp`;
    try {
      await writeFile(temporary, JSON.stringify(scans.map((s) => (s ? [s.width, s.height, s.sha256] : 0))));
      await rename(temporary, file);
    } catch (e) {
      await rm(temporary, { force: true });
      throw new MoonletError(
        `${file}: cannot be written (${codeOf(e) ?? messageOf(e)}); name another folder`,
      );
    }
  }
  for (const i of damaged) o.onSkip?.(`${list[i]?.path}: skipped, since it cannot be read`);
  return scans;
}

/** The records of a scan; undefined when the text is none of as many files. */
function readScan(text: string, count: number): readonly (Scanned | undefined)[] | undefined {
  let rows: unknown;
  try {
    rows = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(rows) || rows.length !== count) return undefined;
  return rows.map((row: unknown) => {
    if (!Array.isArray(row)) return undefined;
    const [width, height, sha256] = row;
    return { width: Number(width), height: Number(height), sha256: String(sha256) };
  });
}

/** Decodes every file once. @throws MoonletError for a damaged one, unless they are skipped. */
async function scanAll(
  list: readonly Labelled[],
  o: SourceOptions,
): Promise<readonly (Scanned | undefined)[]> {
  let done = 0;
  const through = gate(mostAhead);
  const one = async ({ path }: Labelled): Promise<Scanned | undefined> => {
    try {
      const bytes = await readFile(path).catch((e) => {
        throw new MoonletError(`${path}: cannot be read (${codeOf(e) ?? messageOf(e)}); check the path`);
      });
      const { width, height } = await decodePicture(bytes, path, { orient: o.orient });
      return { width, height, sha256: createHash('sha256').update(bytes).digest('hex') };
    } catch (e) {
      if (o.damaged === 'skip' && e instanceof MoonletError) return undefined;
      throw e;
    } finally {
      o.onPicture?.(++done, list.length);
    }
  };
  // sizes are not known yet: four at a time
  return Promise.all(list.map((p) => through(mostAhead / 4, () => one(p))));
}
