/**
 * @file Pictures decoded and prepared once, in one file of a cache: record after record of the same length, behind them a byte for each
 * picture, 0 for one that was skipped. Reading in batches takes the memory of a batch.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf, MoonletError } from '../../errors.ts';
import { sweepTemporaries } from '../../files/index.ts';
import { readPicture } from './decode.ts';
import type { Labelled } from './list.ts';
import { type Preparation, prepared, sizeOfInput } from './prepare.ts';

export interface StoreOptions {
  readonly preparation: Preparation;
  /** Whether EXIF orientation is honoured; `true` by default. */
  readonly orient?: boolean | undefined;
  /** What happens to a file that is empty or damaged: `refuse` (the default) ends with its name, `skip` leaves it out. */
  readonly damaged?: 'refuse' | 'skip' | undefined;
  /** Where decoded pictures are kept; `node_modules/.cache/moonlet/pictures` here, or the system's temporary folder, by default. */
  readonly cacheDir?: string | undefined;
  /** Called with one line for each picture that is skipped. */
  readonly onSkip?: ((line: string) => void) | undefined;
  readonly onPicture?: ((done: number, of: number) => void) | undefined;
}
/** Prepared pictures by index, as bytes. */
export interface Store {
  /** Where they are. */
  readonly file: string;
  readonly count: number;
  /** Indices into the list, of the pictures that were not skipped. */
  readonly kept: Uint32Array;
  /** The bytes of `count` pictures from the one numbered `first`; synchronous, since a cached record is a few pages. */
  read(first: number, count: number): Uint8Array;
}

/** Files decoded at a time: enough for the pool of threads, few enough for large photographs. */
const together = 4;

/** What a cached file depends on: the files, and how they are prepared unless they are `whole`. */
export function keyOf(
  list: readonly Labelled[],
  { preparation, orient = true }: StoreOptions,
  kind: 'prepared' | 'whole' = 'prepared',
): string {
  const { size, interpolation, crop, cropMode, channels, mean, range } = preparation;
  const hash = createHash('sha256');
  if (kind === 'whole') hash.update(JSON.stringify([kind, 1, orient]));
  else {
    hash.update(JSON.stringify([1, size, interpolation, crop, cropMode, channels, mean.length, orient]));
    if (cropMode === 'border') hash.update(JSON.stringify([mean, range]));
  }
  for (const { path } of list) {
    const found = statSync(path, { throwIfNoEntry: false });
    hash.update(JSON.stringify([path, found?.size, found?.mtimeMs]));
  }
  return hash.digest('hex').slice(0, 32);
}

/** The folder of the cache. @throws MoonletError when none can be written. */
export async function cacheFolder(cacheDir: string | undefined): Promise<string> {
  const modules = join(process.cwd(), 'node_modules');
  const usual = [
    ...(existsSync(modules) ? [join(modules, '.cache', 'moonlet', 'pictures')] : []),
    join(tmpdir(), 'moonlet-cache', 'pictures'),
  ];
  let reason = '';
  for (const folder of cacheDir === undefined ? usual : [cacheDir]) {
    try {
      await mkdir(folder, { recursive: true });
      return folder;
    } catch (e) {
      reason = `${folder}: the cache cannot be written (${codeOf(e)}); name another folder`;
    }
  }
  throw new MoonletError(reason);
}

/**
 * The pictures of a list, decoded and prepared; from the cache where it has them.
 * @throws MoonletError for a damaged picture, unless they are skipped, or when all of them are damaged.
 */
export async function stored(list: readonly Labelled[], o: StoreOptions): Promise<Store> {
  const [height, width] = sizeOfInput(o.preparation);
  const record = height * width * o.preparation.mean.length;
  const folder = await cacheFolder(o.cacheDir);
  const file = join(folder, `${keyOf(list, o)}.u8`);
  const skips = (i: number): string => `${list[i]?.path}: skipped, since it cannot be read`;
  if (!existsSync(file)) await decodeInto(file, list, record, o);
  sweepTemporaries(folder, (name) => name.endsWith('.u8'));
  const total = statSync(file).size;
  const flags = readAt(file, total - list.length, list.length);
  const kept = Uint32Array.from([...flags.keys()].filter((i) => flags[i] === 1));
  if (total !== kept.length * record + list.length)
    throw new MoonletError(`${file}: is damaged; remove it, and it is made again`);
  const skipped = [...flags.keys()].filter((i) => flags[i] !== 1);
  if (skipped.length && o.damaged !== 'skip')
    throw new MoonletError(await damageOf(list[skipped[0] ?? 0], o));
  for (const i of skipped) o.onSkip?.(skips(i));
  if (!kept.length) throw new MoonletError(`${list[0]?.path}: and all ${list.length} pictures are damaged`);
  return {
    file,
    count: kept.length,
    kept,
    read: (first, count) => readAt(file, first * record, count * record),
  };
}

/** What is wrong with a picture that was skipped before. */
async function damageOf(at: Labelled | undefined, o: StoreOptions): Promise<string> {
  try {
    await readPicture(at?.path ?? '', o);
  } catch (e) {
    if (e instanceof MoonletError) return e.message;
    throw e;
  }
  return `${at?.path}: could not be read before, and can be now; save it again, so that it is newer`;
}

function readAt(file: string, position: number, length: number): Uint8Array {
  const out = new Uint8Array(length);
  const from = openSync(file, 'r');
  try {
    for (let at = 0; at < length; ) {
      const got = readSync(from, out, at, Math.min(length - at, 2 ** 30), position + at);
      if (!got) throw new MoonletError(`${file}: is truncated; remove it, and it is made again`);
      at += got;
    }
  } finally {
    closeSync(from);
  }
  return out;
}

/** Decodes all of a list to a file, which appears whole or not at all. */
async function decodeInto(
  file: string,
  list: readonly Labelled[],
  record: number,
  o: StoreOptions,
): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  const channels = o.preparation.mean.length === 1 ? 1 : 3;
  const one = async ({ path }: Labelled): Promise<Uint8Array | undefined> => {
    try {
      return prepared(await readPicture(path, { channels, orient: o.orient }), o.preparation);
    } catch (e) {
      if (o.damaged === 'skip' && e instanceof MoonletError) return undefined;
      throw e;
    }
  };
  const flags = new Uint8Array(list.length);
  const out = await open(temporary, 'w');
  try {
    for (let first = 0; first < list.length; first += together) {
      const some = await Promise.all(list.slice(first, first + together).map(one));
      for (const [i, bytes] of some.entries()) {
        if (!bytes) continue;
        if (bytes.length !== record) throw new Error(`internal: ${bytes.length} bytes of ${record}`);
        await out.writeFile(bytes);
        flags[first + i] = 1;
      }
      o.onPicture?.(Math.min(first + together, list.length), list.length);
    }
    await out.writeFile(flags);
    await out.close();
    await rename(temporary, file);
  } catch (e) {
    await out.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw e;
  }
}
