/** @file Downloads one file over HTTP with a size limit, a minimum speed, retries that resume, and a hash. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MoonletError } from '../src/errors.ts';
import { body, type DownloadOptions, insist, lengthIn, Passing, startOf } from './http.ts';

export interface Wanted {
  readonly url: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Downloads the rest of `<part>/data` and verifies the file.
 * @throws MoonletError when bytes do not arrive, are too many, or have another hash: then none of them are kept.
 */
export async function download(wanted: Wanted, part: string, o: DownloadOptions = {}): Promise<string> {
  const { url } = wanted;
  const [data, tag] = [join(part, 'data'), join(part, 'etag')];
  const forget = async (): Promise<void> => {
    await rm(data, { force: true });
    await rm(tag, { force: true });
  };
  return insist(url, o, async () => {
    const had = await sizeOf(data);
    if (had > wanted.bytes) await forget();
    const from = had > wanted.bytes ? 0 : had;
    try {
      if (from < wanted.bytes) await append(wanted, from, data, tag, o);
    } catch (e) {
      if (e instanceof MoonletError || (e instanceof Passing && e.fromStart)) await forget();
      throw e;
    }
    const got = await sizeOf(data);
    if (got < wanted.bytes) throw new Passing(`the download ended after ${got} of ${wanted.bytes} bytes`);
    const digest = await digestOf(data);
    if (digest === wanted.sha256) return data;
    await forget();
    // the two halves may be of different versions of the file: one more try, from the start
    if (from > 0) throw new Passing('the resumed file has another sha256');
    throw new MoonletError(`${url}: its sha256 is ${digest}, but the index has ${wanted.sha256}`);
  });
}

/** Requests the rest of a file and appends it; starts again when the server sends the whole file. */
async function append(
  { url, bytes }: Wanted,
  from: number,
  data: string,
  tag: string,
  o: DownloadOptions,
): Promise<void> {
  const etag = from ? await readFile(tag, 'utf8').catch(() => '') : '';
  const range = from ? { range: `bytes=${from}-`, ...(etag ? { 'if-range': etag } : {}) } : {};
  let at = from;
  const file = await open(data, 'a');
  try {
    const begin = async (response: Response): Promise<void> => {
      at = response.status === 206 ? startOf(response, from) : 0;
      if (at !== from) {
        if (at !== 0) throw new Passing(`the server sent bytes from ${at}, not from ${from}`);
        await file.truncate(0);
      }
      const length = lengthIn(response.headers);
      if (length !== undefined && at + length !== bytes)
        throw new MoonletError(`${url}: it has ${at + length} bytes, but the index has ${bytes}`);
      const strong = response.headers.get('etag') ?? '';
      await writeFile(tag, strong.startsWith('W/') ? '' : strong);
    };
    for await (const chunk of body(url, { headers: range }, o, begin)) {
      if (at + chunk.length > bytes)
        throw new MoonletError(`${url}: more than the ${bytes} bytes in the index`);
      await file.appendFile(chunk);
      at += chunk.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  const chunks: AsyncIterable<Uint8Array> = createReadStream(path);
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;
