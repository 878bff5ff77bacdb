/** @file A static HTTP server of a folder that misbehaves when told: what `pull` must survive. */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** What goes wrong with one answer, after `at` bytes of its body where that means something. */
export type Fault =
  | { readonly kind: 'stall' | 'die' | 'short'; readonly at: number } // silence; a broken connection; a clean early end
  | { readonly kind: 'drip'; readonly everyMs: number } // a byte at a time, without end
  | { readonly kind: 'wrong' } // as many bytes, but others
  | { readonly kind: 'long' } // more bytes than there are, of a length that is not said
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'no-range' } // answers with everything
  | { readonly kind: 'deaf' }; // gives a range without looking at If-Range

export interface Asked {
  readonly path: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly status: number;
}
export interface RegistryServer {
  readonly url: string;
  readonly asked: Asked[];
  /** What goes wrong with the next answers for paths with this end, in turn; `forever` for each of them. */
  fail(end: string, faults: readonly Fault[], forever?: boolean): void;
  /** Holds the answers for paths with this end until so many have been asked for. */
  gather(end: string, count: number): void;
  /** The validator that files have from now on. */
  etag: string | undefined;
  close(): Promise<void>;
}

export async function registryServer(root: string): Promise<RegistryServer> {
  const asked: Asked[] = [];
  const plans = new Map<string, { faults: Fault[]; forever: boolean }>();
  const state = { etag: '"1"' as string | undefined };
  const faultFor = (path: string): Fault | undefined => {
    for (const [end, plan] of plans)
      if (path.endsWith(end)) return plan.forever ? plan.faults[0] : plan.faults.shift();
    return undefined;
  };
  const gatherings = new Map<string, { missing: number; whole: Promise<void>; open: () => void }>();
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '', 'http://x').pathname);
    for (const [end, gathering] of gatherings) {
      if (!path.endsWith(end)) continue;
      if (--gathering.missing <= 0) gathering.open();
      await gathering.whole;
    }
    const status = answer(request, response, join(root, path), faultFor(path), state.etag);
    const { range, 'if-range': ifRange } = request.headers;
    asked.push({ path, range, ifRange: ifRange as string | undefined, status });
  });
  await listening(server);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    fail: (end, faults, forever = false) => plans.set(end, { faults: [...faults], forever }),
    gather: (end, missing) => {
      let open = (): void => {};
      const whole = new Promise<void>((done) => {
        open = done;
      });
      gatherings.set(end, { missing, whole, open });
    },
    get etag() {
      return state.etag;
    },
    set etag(value) {
      state.etag = value;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const listening = (server: Server): Promise<void> =>
  new Promise((done) => server.listen(0, '127.0.0.1', done));

/** Not at once: a client drops what it has not read yet when the connection breaks, and tests count bytes. */
async function destroy(response: ServerResponse): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((done) => setTimeout(done, 5));
  response.destroy();
}

function drip(response: ServerResponse, body: Buffer, everyMs: number): void {
  let at = 0;
  const timer = setInterval(() => response.write(body.subarray(at, ++at)), everyMs);
  response.on('close', () => clearInterval(timer));
}

function answer(
  { headers }: IncomingMessage,
  response: ServerResponse,
  file: string,
  fault: Fault | undefined,
  etag: string | undefined,
): number {
  const end = (status: number): number => {
    response.writeHead(status).end();
    return status;
  };
  if (fault?.kind === 'status') return end(fault.status);
  let all: Buffer;
  try {
    all = readFileSync(file);
  } catch {
    return end(404);
  }
  const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? Number.NaN);
  const fresh = fault?.kind === 'deaf' || headers['if-range'] === undefined || headers['if-range'] === etag;
  const partial = !Number.isNaN(from) && fresh && fault?.kind !== 'no-range';
  if (partial && from >= all.length) return end(416);
  const right = partial ? all.subarray(from) : all;
  const body = fault?.kind === 'wrong' ? Buffer.from(right.map((byte) => byte ^ 0x20)) : right;
  const status = partial ? 206 : 200;
  response.writeHead(status, {
    ...(etag === undefined ? {} : { etag }),
    ...(fault?.kind === 'long' || fault?.kind === 'short' ? {} : { 'content-length': body.length }),
    ...(partial ? { 'content-range': `bytes ${from}-${all.length - 1}/${all.length}` } : {}),
  });
  if (fault?.kind === 'drip') drip(response, body, fault.everyMs);
  else if (fault?.kind === 'stall') response.write(body.subarray(0, fault.at));
  else if (fault?.kind === 'short') response.end(body.subarray(0, fault.at));
  else if (fault?.kind === 'die') response.write(body.subarray(0, fault.at), () => void destroy(response));
  else if (fault?.kind === 'long') response.end(Buffer.concat([body, Buffer.alloc(9)]));
  else response.end(body);
  return status;
}
