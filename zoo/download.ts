/** @file Downloads one file over HTTP with a size limit, a minimum speed, retries that resume, and a hash. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, MoonletError, messageOf } from '../src/errors.ts';

export interface DownloadOptions {
  /** Milliseconds over which the speed is measured; a slower try is given up. 15,000 by default. */
  readonly stallMs?: number;
  /** Minimum speed in bytes per second; 1,000 by default. With 0 one byte in `stallMs` is enough. */
  readonly leastPace?: number;
  /** Milliseconds for all files together, tries and waits included; no limit by default. */
  readonly limitMs?: number;
  /** Tries after the first; 4 by default. Each resumes where the last one stopped. */
  readonly retries?: number;
  /** Milliseconds before the second try, doubled for each later one; 250 by default. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}
export interface Wanted {
  readonly url: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A failure that another try may not have; `from the start` when the bytes so far are of no use. */
class Passing extends Error {
  readonly fromStart: boolean;
  constructor(reason: string, fromStart = false) {
    super(reason);
    this.fromStart = fromStart;
  }
}

/** Runs a try, and again after failures that may pass. */
async function insist<T>(url: string, o: DownloadOptions, attempt: () => Promise<T>): Promise<T> {
  const { retries = 4, waitMs = 250 } = o;
  for (let i = 0; ; i++) {
    try {
      return await attempt();
    } catch (e) {
      o.signal?.throwIfAborted();
      if (!(e instanceof Passing)) throw e;
      if (i >= retries) throw new MoonletError(`${url}: ${e.message}, after ${i + 1} tries; try again later`);
      await sleep(waitMs * 2 ** i, undefined, o.signal ? { signal: o.signal } : {});
    }
  }
}

/** The body of a response, chunk by chunk. @throws Passing when the server is silent, gone, or busy. */
async function* body(
  url: string,
  headers: Readonly<Record<string, string>>,
  { stallMs = 15_000, leastPace = 1000, signal }: DownloadOptions,
  onResponse: (response: Response) => Promise<void> | void,
): AsyncGenerator<Uint8Array> {
  const stop = new AbortController();
  const give = (): void => stop.abort();
  const least = Math.max(1, (leastPace * stallMs) / 1000);
  let came = 0;
  const look = (): void => {
    if (came < least) return give();
    came = 0;
    timer = setTimeout(look, stallMs);
  };
  let timer = setTimeout(look, stallMs);
  signal?.addEventListener('abort', give);
  try {
    const response = await fetch(url, {
      headers: { 'accept-encoding': 'identity', ...headers },
      signal: stop.signal,
    });
    refuse(url, response);
    clearTimeout(timer);
    timer = setTimeout(look, stallMs); // the body has a whole interval, however long the answer took
    await onResponse(response);
    const reader = response.body?.getReader();
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      came += next.value.length;
      yield next.value;
    }
  } catch (e) {
    if (e instanceof MoonletError || e instanceof Passing) throw e;
    if (stop.signal.aborted) throw new Passing(slow(came, stallMs, leastPace));
    const cause = e instanceof Error && e.cause instanceof Error ? e.cause : e;
    throw new Passing(`the connection broke (${codeOf(cause) ?? messageOf(cause)})`);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', give);
    stop.abort(); // nothing of a body that is not wanted any more goes on coming
  }
}

const slow = (came: number, stallMs: number, leastPace: number): string =>
  came === 0
    ? `no data arrived for ${stallMs / 1000} s`
    : `only ${came} bytes arrived in ${stallMs / 1000} s; the minimum is ${leastPace} per second`;

function refuse(url: string, { status }: Response): void {
  if (status === 200 || status === 206) return;
  const answered = `the server responded with ${status}`;
  if (status === 416) throw new Passing(answered, true); // the range lies outside of the file
  if (status >= 500 || status === 408 || status === 429) throw new Passing(answered);
  throw new MoonletError(`${url}: ${answered}; check the URL`);
}

/** A small file as text. @throws MoonletError when it is larger than the limit or does not arrive. */
export const fetchText = (url: string, limit: number, o: DownloadOptions = {}): Promise<string> =>
  insist(url, o, async () => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    let promised: number | undefined;
    const note = ({ headers }: Response): void => {
      promised = lengthIn(headers);
    };
    for await (const chunk of body(url, {}, o, note)) {
      length += chunk.length;
      if (length > limit)
        throw new MoonletError(`${url}: larger than the ${limit} bytes allowed for such a file`);
      chunks.push(chunk);
    }
    if (promised !== undefined && length < promised)
      throw new Passing(`the download ended after ${length} of ${promised} bytes`);
    return Buffer.concat(chunks).toString('utf8');
  });

/** The length of the body in the response's headers, where it counts the same bytes as we do (no compression). */
const lengthIn = (headers: Headers): number | undefined => {
  const length = headers.get('content-length');
  return length === null || headers.has('content-encoding') ? undefined : Number(length);
};

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
    for await (const chunk of body(url, range, o, begin)) {
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

/** Where the bytes of a partial answer begin. */
const startOf = ({ headers }: Response, from: number): number => {
  const start = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '')?.[1];
  return start === undefined ? from : Number(start);
};

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  const chunks: AsyncIterable<Uint8Array> = createReadStream(path);
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;
