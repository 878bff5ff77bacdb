/**
 * @file One file of the hub as a blob of the cache: resumed, verified, and in place by one rename. What is unfinished is
 * `ETAG.moonlet-HOST-PID-N.incomplete`, a name of its own for each download; who goes on with what a dead one left
 * renames it first, which only one can do.
 */
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  body,
  type DownloadOptions,
  type Exchange,
  insist,
  lengthIn,
  Passing,
  startOf,
} from '../../zoo/http.ts';
import { MoonletError } from '../errors.ts';
import { namesIn, pidEnded } from '../files/index.ts';
import { type RepositoryCache, unwritable } from './cache.ts';
import type { RemoteFile } from './client.ts';

const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
/** A process of another machine is taken for dead after so long a silence. */
const longestSilenceMs = 3_600_000;
let counter = 0;

export interface BlobOptions extends DownloadOptions {
  /** Called while a file is downloaded, with its bytes so far and in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Whether a hash is one that a file can be verified by: the sha256 of LFS, or git's sha1 of a small file. */
export const isHash = (etag: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(etag);

/** The hash of a file, of the same kind as `like`: sha256, or git's of a blob, which begins with its length. */
export async function hashOf(path: string, like: string): Promise<string> {
  const hash = createHash(like.length === 64 ? 'sha256' : 'sha1');
  if (like.length === 40) hash.update(`blob ${statSync(path).size}\0`);
  const chunks: AsyncIterable<Uint8Array> = createReadStream(path);
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

/** Whether a file is there with this hash. */
export const isWhole = async (path: string, etag: string): Promise<boolean> =>
  sizeOf(path) !== undefined && (await hashOf(path, etag)) === etag;

/**
 * Downloads a file to `blobs/ETAG`.
 * @throws MoonletError when its bytes do not arrive or have another hash; then none are kept. What came before a broken
 *   connection is kept.
 */
export async function fetchBlob(
  at: RepositoryCache,
  file: RemoteFile,
  exchange: Exchange,
  o: BlobOptions,
): Promise<void> {
  const { url, etag, bytes } = file;
  try {
    mkdirSync(at.blobs, { recursive: true });
    const part = claim(at.blobs, etag);
    const forget = (): void => rmSync(part, { force: true });
    try {
      await insist(url, o, async () => {
        if ((sizeOf(part) ?? 0) > bytes) forget();
        const from = sizeOf(part) ?? 0;
        if (from < bytes || bytes === 0) await append(file, part, from, exchange, o);
        const got = sizeOf(part) ?? 0;
        if (got < bytes) throw new Passing(`it ended after ${got} of ${bytes} bytes`);
        const hash = await hashOf(part, etag);
        if (hash === etag) return;
        forget();
        if (from > 0) throw new Passing('the resumed file has another hash');
        throw new MoonletError(
          `${url}: its ${etag.length === 64 ? 'sha256' : 'git hash'} is ${hash}, and its etag says ${etag}; nothing is kept, try again later`,
        );
      });
    } catch (e) {
      leave(at.blobs, etag, part);
      throw e;
    }
    renameSync(part, at.blob(etag));
  } catch (e) {
    throw unwritable(at, e);
  }
}

/** Requests the rest of a file and appends it; starts again when the server sends the whole file. */
async function append(
  { url, bytes }: RemoteFile,
  part: string,
  from: number,
  exchange: Exchange,
  o: BlobOptions,
): Promise<void> {
  const range = from ? { range: `bytes=${from}-` } : {};
  const file = await open(part, 'a');
  let size = from;
  try {
    const begin = async (response: Response): Promise<void> => {
      size = response.status === 206 ? startOf(response, from) : 0;
      if (size !== from) {
        if (size !== 0) throw new Passing(`it sent bytes from ${size} on, not from ${from}`);
        await file.truncate(0);
      }
      const length = lengthIn(response.headers);
      if (length !== undefined && size + length !== bytes)
        throw new MoonletError(
          `${url}: it has ${size + length} bytes, and the hub says ${bytes}; try again later`,
        );
    };
    for await (const chunk of body(url, { ...exchange, headers: range }, o, begin)) {
      if (size + chunk.length > bytes)
        throw new MoonletError(`${url}: more than the ${bytes} bytes that the hub says; try again later`);
      await file.appendFile(chunk);
      size += chunk.length;
      o.onProgress?.(size, bytes);
    }
    await file.sync();
  } catch (e) {
    // of a file that is not what the hub says, or a range that it does not have, no byte is worth keeping
    if (e instanceof MoonletError || (e instanceof Passing && e.fromStart)) await file.truncate(0);
    throw e;
  } finally {
    await file.close();
  }
}

/** A name of our own for an unfinished file, with what an earlier download left where there is any. */
function claim(blobs: string, etag: string): string {
  const own = join(blobs, `${etag}.moonlet-${host}-${process.pid}-${counter++}.incomplete`);
  for (const name of namesIn(blobs)) {
    if (name !== waiting(etag) && !(name.startsWith(`${etag}.moonlet-`) && isDead(blobs, name))) continue;
    try {
      renameSync(join(blobs, name), own);
      return own;
    } catch {
      // another process was faster
    }
  }
  return own;
}

/** Leaves what came to the next download; nothing came, nothing stays. */
function leave(blobs: string, etag: string, part: string): void {
  const size = sizeOf(part) ?? 0;
  const other = sizeOf(join(blobs, waiting(etag))) ?? 0;
  if (size > other) renameSync(part, join(blobs, waiting(etag)));
  else rmSync(part, { force: true });
}
const waiting = (etag: string): string => `${etag}.moonlet.incomplete`;

function isDead(blobs: string, name: string): boolean {
  const [, machine, pid] = /\.moonlet-([0-9a-f]{8})-(\d+)-\d+\.incomplete$/.exec(name) ?? [];
  if (pid === undefined) return false;
  if (machine === host) return pidEnded(Number(pid));
  const { mtimeMs = Date.now() } = statSync(join(blobs, name), { throwIfNoEntry: false }) ?? {};
  return Date.now() - mtimeMs > longestSilenceMs;
}

/** The size of a file; undefined when it is not there, or cannot be. */
function sizeOf(path: string): number | undefined {
  try {
    return statSync(path).size;
  } catch {
    return undefined;
  }
}
