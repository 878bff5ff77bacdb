/**
 * @file A small hub: repositories in memory behind the protocol of the Hugging Face hub, small files behind a relative redirect,
 * large ones on another port, and what can go wrong on the way.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { defined } from '../../src/access.ts';

export interface HubFile {
  readonly bytes: Uint8Array;
  /** In LFS: redirected to the other port, with its sha256 as etag. */
  readonly lfs: boolean;
  /** What the hub says instead of the hash. */
  readonly etag?: string;
}
export interface HubCommit {
  readonly sha: string;
  readonly files: ReadonlyMap<string, HubFile>;
}
export interface HubRepository {
  readonly commits: HubCommit[];
  /** Branches and tags to commits. */
  readonly refs: Map<string, string>;
  gated?: boolean;
}
export interface HubAsked {
  readonly port: 'hub' | 'cdn';
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly token: string | undefined;
  readonly status: number;
}
/** What goes wrong with one answer: a status, silence or a broken connection after so many bytes, other bytes. */
export type HubFault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: 'stall' | 'die'; readonly at: number }
  | { readonly kind: 'wrong' | 'no-range' };
export interface HubServer {
  readonly url: string;
  readonly asked: HubAsked[];
  readonly repos: Map<string, HubRepository>;
  /** Names that lead to another. */
  readonly renamed: Map<string, string>;
  /** What goes wrong with the next answers to `METHOD path` that contain this. */
  fail(what: string, ...faults: readonly HubFault[]): void;
  /** Called before each answer, which waits for a promise. */
  before: (asked: Omit<HubAsked, 'status'>) => unknown;
  close(): Promise<void>;
}

export const sha256Of = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');
/** git's hash of a blob. */
export const gitHashOf = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
const etagOf = ({ bytes, lfs, etag }: HubFile): string => etag ?? (lfs ? sha256Of(bytes) : gitHashOf(bytes));

/** Adds a commit to a repository's branch. */
export function push(
  { repos }: Pick<HubServer, 'repos'>,
  id: string,
  files: Readonly<Record<string, string | Uint8Array | HubFile>>,
  branch = 'main',
): string {
  const repo: HubRepository = repos.get(id) ?? { commits: [], refs: new Map() };
  repos.set(id, repo);
  const all = Object.entries(files).map(([path, file]): readonly [string, HubFile] => {
    if (typeof file === 'string') return [path, { bytes: Buffer.from(file), lfs: false }];
    return [path, file instanceof Uint8Array ? { bytes: file, lfs: path.endsWith('.safetensors') } : file];
  });
  const said = all.map(([path, file]) => `${path} ${etagOf(file)}`).join('\n');
  const sha = createHash('sha1').update(`${id} ${repo.commits.length}\n${said}`).digest('hex');
  repo.commits.push({ sha, files: new Map(all) });
  repo.refs.set(branch, sha);
  return sha;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Uint8Array;
}
const refusal = (status: number, code: string): Answer => ({ status, headers: { 'x-error-code': code } });

export async function hubServer(): Promise<HubServer> {
  const asked: HubAsked[] = [];
  const plans: { what: string; faults: HubFault[] }[] = [];
  const state: Pick<HubServer, 'repos' | 'renamed' | 'before'> = {
    repos: new Map(),
    renamed: new Map(),
    before: () => {},
  };
  const serve = async (port: 'hub' | 'cdn', answer: (request: IncomingMessage, path: string) => Answer) => {
    const server = createServer(async (request, response) => {
      const { method = 'GET', headers } = request;
      const path = new URL(request.url ?? '', 'http://x').pathname;
      const base = { port, method, path, range: headers.range, token: headers.authorization };
      await hub.before(base);
      const plan = plans.find(({ what, faults }) => `${method} ${path}`.includes(what) && faults.length);
      const fault = plan?.faults.shift();
      const given =
        fault?.kind === 'status'
          ? { status: fault.status, headers: fault.headers ?? {} }
          : answer(request, decodeURIComponent(path));
      asked.push({ ...base, status: send(request, response, given, fault) });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return server;
  };
  const cdn = await serve('cdn', (_, path) => blobNamed(state.repos, path.slice(1)));
  const own = await serve('hub', (request, path) => answerOf(state, addressOf(cdn), request, path));
  const hub: HubServer = Object.assign(state, {
    url: addressOf(own),
    asked,
    fail: (what: string, ...faults: readonly HubFault[]) => void plans.push({ what, faults: [...faults] }),
    close: async () => {
      for (const server of [own, cdn]) {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    },
  });
  return hub;
}

function addressOf(server: Server): string {
  const address = server.address();
  return typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : '';
}

function blobNamed(repos: HubServer['repos'], sha256: string): Answer {
  for (const { commits } of repos.values())
    for (const { files } of commits)
      for (const { bytes } of files.values())
        if (sha256Of(bytes) === sha256)
          return { status: 200, body: bytes, headers: { etag: '"of the store"' } };
  return { status: 403 };
}

function answerOf(
  { repos, renamed }: Pick<HubServer, 'repos' | 'renamed'>,
  cdn: string,
  request: IncomingMessage,
  path: string,
): Answer {
  const api = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(path);
  const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
  const kept = /^\/api\/resolve-cache\/models\/([^/]+\/[^/]+)\/([^/]+)\/(.+)$/.exec(path);
  const [, id = '', revision = '', name] = api ?? file ?? kept ?? [];
  const moved = renamed.get(id);
  if (moved !== undefined) return { status: 307, headers: { location: path.replace(id, moved) } };
  const repo = repos.get(id);
  const { authorization } = request.headers;
  if (!repo) return refusal(authorization ? 404 : 401, 'RepoNotFound');
  if (repo.gated && !api) return authorization ? refusal(403, 'GatedRepo') : refusal(401, 'GatedRepo');
  const sha = repo.refs.get(revision) ?? revision;
  const commit = repo.commits.find((c) => c.sha === sha);
  if (!commit) return refusal(404, 'RevisionNotFound');
  if (name === undefined) return listingOf(id, commit);
  const found = commit.files.get(name);
  if (!found) return refusal(404, 'EntryNotFound');
  const headers = { 'x-repo-commit': sha, etag: `"${etagOf(found)}"` };
  if (kept) return { status: 200, headers, body: found.bytes };
  if (!found.lfs) {
    const location = `/api/resolve-cache/models/${id}/${sha}/${name}`;
    return { status: 307, headers: { 'x-repo-commit': sha, location } };
  }
  const linked = { 'x-linked-etag': `"${etagOf(found)}"`, 'x-linked-size': found.bytes.length };
  return { status: 302, headers: { ...headers, ...linked, location: `${cdn}/${sha256Of(found.bytes)}` } };
}

function listingOf(id: string, { sha, files }: HubCommit): Answer {
  const siblings = [...files].map(([rfilename, { bytes, lfs }]) => ({
    rfilename,
    size: bytes.length,
    blobId: gitHashOf(bytes),
    ...(lfs ? { lfs: { sha256: sha256Of(bytes), size: bytes.length, pointerSize: 134 } } : {}),
  }));
  return { status: 200, body: Buffer.from(JSON.stringify({ id, sha, gated: false, siblings })) };
}

function send(
  { method, headers: { range } }: IncomingMessage,
  response: ServerResponse,
  { status, headers = {}, body }: Answer,
  fault: HubFault | undefined,
): number {
  if (status !== 200 || !body) {
    response.writeHead(status, headers).end();
    return status;
  }
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? Number.NaN);
  const partial = !Number.isNaN(from) && fault?.kind !== 'no-range';
  if (partial && from >= body.length) {
    response.writeHead(416).end();
    return 416;
  }
  const right = partial ? body.subarray(from) : body;
  const sent = fault?.kind === 'wrong' ? Uint8Array.from(right, (byte) => byte ^ 0x20) : right;
  const given = partial ? 206 : 200;
  response.writeHead(given, {
    'content-length': sent.length,
    ...headers,
    ...(partial ? { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` } : {}),
  });
  if (method === 'HEAD') response.end();
  else if (fault?.kind === 'stall') response.write(sent.subarray(0, fault.at));
  else if (fault?.kind === 'die')
    response.write(sent.subarray(0, fault.at), () => setTimeout(() => response.destroy(), 25));
  else response.end(sent);
  return given;
}

/** The last question that contains this. */
export const lastAsked = ({ asked }: HubServer, part: string): HubAsked =>
  defined(
    asked.findLast(({ method, path }) => `${method} ${path}`.includes(part)),
    `question ${part}`,
  );
