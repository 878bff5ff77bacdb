/** @file HTTP requests with a minimum speed, and tries again after failures that may pass. */
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

/** How one request is sent and judged. */
export interface Exchange {
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of `fetch`. */
  readonly send?: (url: string, init: Sent) => Promise<Response>;
  /** Throws when the answer is none; by default for every status but 200 and 206. */
  readonly refuse?: (url: string, response: Response) => void;
  /** What to do when the server is gone or too slow; 'try again later' by default. */
  readonly remedy?: string;
}
export interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** A failure that another try may not have; `from the start` when the bytes so far are of no use. */
export class Passing extends Error {
  readonly fromStart: boolean;
  /** Milliseconds that the server asks to wait. */
  readonly afterMs: number;
  readonly remedy: string;
  constructor(reason: string, fromStart = false, afterMs = 0, remedy = 'try again later') {
    super(reason);
    this.fromStart = fromStart;
    this.afterMs = afterMs;
    this.remedy = remedy;
  }
}

/** Runs a try, and again after failures that may pass. */
export async function insist<T>(url: string, o: DownloadOptions, attempt: () => Promise<T>): Promise<T> {
  const { retries = 4, waitMs = 250 } = o;
  for (let i = 0; ; i++) {
    try {
      return await attempt();
    } catch (e) {
      o.signal?.throwIfAborted();
      if (!(e instanceof Passing)) throw e;
      if (i >= retries) throw new MoonletError(`${url}: ${e.message}, after ${i + 1} tries; ${e.remedy}`);
      const wait = Math.max(waitMs * 2 ** i, e.afterMs);
      await sleep(wait, o.signal);
    }
  }
}

/** Waits, unless a signal ends it: then its reason is thrown. */
const sleep = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
  });

/** The body of a response, chunk by chunk. @throws Passing when the server is silent, gone, or busy. */
export async function* body(
  url: string,
  { headers = {}, send = fetch, refuse = refuseStatus, remedy }: Exchange,
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
    const response = await send(url, {
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
    if (stop.signal.aborted) throw new Passing(slow(came, stallMs, leastPace), false, 0, remedy);
    const cause = e instanceof Error && e.cause instanceof Error ? e.cause : e;
    throw new Passing(`the connection broke (${codeOf(cause) ?? messageOf(cause)})`, false, 0, remedy);
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

function refuseStatus(url: string, { status }: Response): void {
  if (status === 200 || status === 206) return;
  const answered = `the server responded with ${status}`;
  if (status === 416) throw new Passing(answered, true); // the range lies outside of the file
  if (status >= 500 || status === 408 || status === 429) throw new Passing(answered);
  throw new MoonletError(`${url}: ${answered}; check the URL`);
}

/** The length of the body in the response's headers, where it counts the same bytes as we do (no compression). */
export const lengthIn = (headers: Headers): number | undefined => {
  const length = headers.get('content-length');
  return length === null || headers.has('content-encoding') ? undefined : Number(length);
};

/** The whole body. @throws MoonletError when it is larger than the limit or does not arrive. */
export const fetchBytes = (
  url: string,
  limit: number,
  o: DownloadOptions = {},
  exchange: Exchange = {},
): Promise<Uint8Array<ArrayBuffer>> =>
  insist(url, o, async () => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    let promised: number | undefined;
    const note = ({ headers }: Response): void => {
      promised = lengthIn(headers);
    };
    for await (const chunk of body(url, exchange, o, note)) {
      length += chunk.length;
      if (length > limit)
        throw new MoonletError(`${url}: larger than the ${limit} bytes allowed for such a file`);
      chunks.push(chunk);
    }
    if (promised !== undefined && length < promised)
      throw new Passing(`the download ended after ${length} of ${promised} bytes`);
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  });

/** A small file as text. @throws MoonletError when it is larger than the limit or does not arrive. */
export const fetchText = async (
  url: string,
  limit: number,
  o: DownloadOptions = {},
  exchange: Exchange = {},
): Promise<string> => new TextDecoder().decode(await fetchBytes(url, limit, o, exchange));

/** Where the bytes of a partial answer begin. */
export const startOf = ({ headers }: Response, from: number): number => {
  const start = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '')?.[1];
  return start === undefined ? from : Number(start);
};

/** Runs downloads within `limitMs`; `what` is what they are of. @throws MoonletError when the time is over. */
export async function withinLimit<O extends DownloadOptions, T>(
  what: string,
  o: O,
  run: (o: O) => Promise<T>,
): Promise<T> {
  const { limitMs, signal } = o;
  if (limitMs === undefined) return run(o);
  const over = AbortSignal.timeout(limitMs);
  try {
    return await run({ ...o, signal: signal ? AbortSignal.any([signal, over]) : over });
  } catch (e) {
    if (!over.aborted || signal?.aborted || e instanceof MoonletError) throw e;
    throw new MoonletError(
      `${what}: not done in the ${limitMs / 1000} s allowed; the downloaded part is kept, and the next pull resumes from it`,
    );
  }
}
