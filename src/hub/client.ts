/**
 * @file Asks the hub about repositories and files, by its HTTP protocol. A token goes to the endpoint's own origin
 * (scheme, host and port), and never to where that redirects.
 */
import * as z from 'zod';
import { body, type DownloadOptions, type Exchange, fetchText, Passing, type Sent } from '../../zoo/http.ts';
import { pretrainedNets } from '../../zoo/pretrained.ts';
import { MoonletError, quote, suggestion } from '../errors.ts';
import { issueText } from '../graph/index.ts';
import type { Repository } from './repository.ts';
import type { HubSettings } from './settings.ts';

/** A file as the listing of a commit has it. */
export interface ListedFile {
  readonly path: string;
  /** The sha256 of a file in LFS, or git's hash of a small one. */
  readonly hash: string | undefined;
}
export interface Listing {
  readonly commit: string;
  readonly files: ReadonlyMap<string, ListedFile>;
}
/** A file as the hub answers for it. */
export interface RemoteFile {
  readonly url: string;
  readonly etag: string;
  readonly bytes: number;
}

const listing = z.looseObject({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(
    z.looseObject({
      rfilename: z.string(),
      blobId: z.string().nullish(),
      lfs: z.looseObject({ sha256: z.string() }).nullish(),
    }),
  ),
});
const longestListing = 16 * 2 ** 20;
const mostRedirects = 10;
/** A longer wait than this is the user's decision. */
const longestWaitMs = 60_000;

/** The commit of a revision and its files. @throws MoonletError when there is none, it is gated, or the hub does not answer. */
export async function listFiles(s: HubSettings, repo: Repository, o: DownloadOptions): Promise<Listing> {
  const url = `${s.endpoint}/api/models/${repo.id}/revision/${encodeURIComponent(repo.revision)}?blobs=true`;
  const text = await fetchText(url, longestListing, o, exchangeOf(s, repo, ''));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new MoonletError(`${url}: the answer is not JSON; is HF_ENDPOINT the address of a hub?`);
  }
  const read = listing.safeParse(json);
  if (!read.success)
    throw new MoonletError(`${url}: ${issueText(read.error)}; is HF_ENDPOINT the address of a hub?`);
  const { sha, siblings } = read.data;
  const files = siblings.map(({ rfilename: path, blobId, lfs }) => {
    const hash = lfs?.sha256 ?? blobId ?? undefined;
    return [path, { path, hash }] as const;
  });
  return { commit: sha, files: new Map(files) };
}

/** What the hub says of one file of a commit. @throws MoonletError when it has none, or says it of another commit. */
export async function headOf(
  s: HubSettings,
  repo: Repository,
  commit: string,
  path: string,
  o: DownloadOptions,
): Promise<RemoteFile> {
  const url = `${s.endpoint}/${repo.id}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
  const exchange = { ...exchangeOf(s, repo, path), send: sender(s, 'HEAD') };
  const answers: Response[] = [];
  for await (const _ of body(url, exchange, o, (response) => void answers.push(response)));
  const headers = answers[0]?.headers ?? new Headers();
  const said = headers.get('x-repo-commit');
  if (said !== null && said !== commit)
    throw new MoonletError(`${url}: the hub answers with the commit ${quote(said)}; try again`);
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '')
    .replace(/^W\//, '')
    .replaceAll('"', '');
  const bytes = Number(headers.get('x-linked-size') ?? headers.get('content-length') ?? Number.NaN);
  if (!/^[\w-]{1,128}$/.test(etag) || !Number.isSafeInteger(bytes) || bytes < 0)
    throw new MoonletError(`${url}: the answer has no etag or no size; is HF_ENDPOINT the address of a hub?`);
  return { url, etag, bytes };
}

/** How requests for a file of a repository are sent, and what refusals mean; for the repository itself `path` is empty. */
export const exchangeOf = (s: HubSettings, repo: Repository, path: string): Exchange => ({
  send: sender(s, 'GET'),
  refuse: (_, response) => refuse(s, repo, path, response),
  remedy: 'try again later, or set HF_HUB_OFFLINE=1 to take what the cache has',
});

/** Follows redirects by hand. Metadata stand in the answer that redirects to another host, so HEAD stops there. */
const sender =
  (s: HubSettings, method: 'GET' | 'HEAD') =>
  async (url: string, { headers, signal }: Sent): Promise<Response> => {
    const own = new URL(s.endpoint).origin;
    let at = new URL(url);
    for (let hops = 0; hops <= mostRedirects; hops++) {
      const token = at.origin === own && s.token !== undefined ? { authorization: `Bearer ${s.token}` } : {};
      const sent = { ...headers, 'user-agent': 'moonlet', ...token };
      const response = await fetch(at, { method, headers: sent, signal, redirect: 'manual' });
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      const next = new URL(location, at);
      const isMetadata = response.headers.has('x-linked-etag') || next.origin !== at.origin;
      if (method === 'HEAD' && isMetadata) return response;
      await response.body?.cancel();
      if (!/^https?:$/.test(next.protocol) || (at.protocol === 'https:' && next.protocol === 'http:'))
        throw new MoonletError(
          `${url}: redirected to ${next.protocol}//${next.host}, which is not secure; nothing is taken`,
        );
      at = next;
    }
    throw new MoonletError(
      `${url}: more than ${mostRedirects} redirects; is HF_ENDPOINT the address of a hub?`,
    );
  };

/** @throws MoonletError with the remedy for what will not pass, Passing for what may. */
function refuse(s: HubSettings, { id, revision }: Repository, path: string, response: Response): void {
  const { status, headers } = response;
  if (status >= 200 && status < 400) return;
  const page = `${s.endpoint}/${id}`;
  const isOwn = response.url === '' || new URL(response.url).origin === new URL(s.endpoint).origin;
  const answered = `${isOwn ? '' : `${new URL(response.url).host}: `}the server replied with status ${status}`;
  if (status === 416) throw new Passing(answered, true);
  if (status === 429) throw rateLimited(s, page, headers);
  if (status === 408 || status >= 500 || !isOwn) throw new Passing(answered); // a signed address may have run out
  const login = s.token === undefined ? 'set HF_TOKEN' : 'use the token of an account that may read it';
  const code = headers.get('x-error-code');
  if (code === 'GatedRepo')
    throw new MoonletError(`${id}: gated; accept its conditions at ${page}, and ${login}`);
  if (code === 'RevisionNotFound')
    throw new MoonletError(
      `${id}: no revision ${quote(revision)}; branches and commits are at ${page}/commits`,
    );
  if (code === 'EntryNotFound' || (status === 404 && path && code === null))
    throw new MoonletError(`${id}: no file ${path} in revision ${quote(revision)}; see ${page}/tree/main`);
  if (status === 401 && s.token !== undefined && code === null)
    throw new MoonletError(
      `${id}: ${s.endpoint} does not accept the token; renew it by "hf auth login" or in HF_TOKEN, or unset it`,
    );
  if (code === 'RepoNotFound' || status === 401 || status === 404)
    throw new MoonletError(
      `${id}: no such repository at ${s.endpoint}, or a private one; check the name, or ${login}${nearest(id)}`,
    );
  throw new MoonletError(`${id}: ${answered}; look at ${page}${status === 403 ? `, and ${login}` : ''}`);
}

/** The known net of timm whose name is nearest. */
function nearest(id: string): string {
  const known = pretrainedNets().map(({ name }) => `timm/${name}`);
  const near = id.startsWith('timm/') && !known.includes(id) ? suggestion(id, known) : '';
  return near && `.${near}`;
}

function rateLimited({ token }: HubSettings, page: string, headers: Headers): Error {
  const after = headers.get('retry-after') ?? '';
  const ms = /^\d+$/.test(after) ? 1000 * Number(after) : Math.max(0, Date.parse(after) - Date.now()) || 0;
  const remedy = `try again later${token === undefined ? ', or set HF_TOKEN, which raises the limit' : ''}`;
  const what = 'rate limited (429)';
  if (ms <= longestWaitMs) return new Passing(what, false, ms, remedy);
  return new MoonletError(`${page}: ${what} for ${Math.ceil(ms / 1000)} s more; ${remedy}`);
}
