/** @file A revision of a repository, its files from the cache or from the hub, all of one commit. */
import { existsSync } from 'node:fs';
import { MoonletError, quote } from '../errors.ts';
import { type BlobOptions, fetchBlob, isHash, isWhole } from './blob.ts';
import { cachedCommit, cacheOf, etagOf, keepRef, link, type RepositoryCache } from './cache.ts';
import { exchangeOf, headOf, type Listing, listFiles } from './client.ts';
import type { Repository } from './repository.ts';
import { type HubSettings, hubSettings } from './settings.ts';

export interface SnapshotOptions extends BlobOptions {
  /** By default what the environment says. */
  readonly settings?: HubSettings;
  /** The most bytes that one file may have; one gibibyte by default. */
  readonly maxBytes?: number;
}
export interface SnapshotFile {
  /** Where it lies in the cache. */
  readonly path: string;
  /** The sha256 of a file in LFS, git's hash of another; both were verified. Undefined for a copy in the cache. */
  readonly etag: string | undefined;
}
/** The files of one commit. */
export interface Snapshot {
  readonly commit: string;
  /** Whether the commit has the file; from the cache alone, whether it is there. */
  has(path: string): boolean;
  /**
   * Its place in the cache, where it is downloaded to when it is not there. `mostBytes` is the most that it may have, where that is
   * less than `maxBytes`.
   * @throws MoonletError when it cannot be had.
   */
  file(path: string, mostBytes?: number): Promise<SnapshotFile>;
  /** Remembers, when all files are there, that the revision is this commit. */
  close(): void;
}

/**
 * Opens a revision: asks the hub for its commit, and takes every file from that, though the branch may move meanwhile.
 * Offline, and for a commit whose files are all in the cache, nothing is asked.
 *
 * @param needed the files without which the cache does not do.
 * @throws MoonletError when there is no such repository or revision, it is gated, or it is not in the cache offline.
 */
export async function openSnapshot(
  repo: Repository,
  needed: readonly string[],
  o: SnapshotOptions = {},
): Promise<Snapshot> {
  const settings = o.settings ?? hubSettings();
  const at = cacheOf(settings, repo);
  const commit = cachedCommit(at, repo.revision);
  if (settings.offline) {
    if (commit === undefined) throw notCached(`${repo.id}: revision ${quote(repo.revision)}`, settings);
    return fromCache(settings, repo, at, commit);
  }
  if (commit === repo.revision) {
    const cached = fromCache(settings, repo, at, commit);
    const found = needed.map((path) => cached.has(path) && verified(at, commit, path));
    if ((await Promise.all(found)).every((one) => one)) return cached;
  }
  return fromHub(settings, repo, at, await listFiles(settings, repo, o), o);
}

async function fromHub(
  settings: HubSettings,
  repo: Repository,
  at: RepositoryCache,
  { commit, files }: Listing,
  o: SnapshotOptions,
): Promise<Snapshot> {
  const { maxBytes = 2 ** 30 } = o;
  return {
    commit,
    has: (path) => files.has(path),
    file: async (path, mostBytes = maxBytes) => {
      const remote = await headOf(settings, repo, commit, path, o);
      const { url, etag, bytes } = remote;
      const listed = files.get(path)?.hash;
      if (!isHash(etag))
        throw new MoonletError(
          `${url}: its etag ${quote(etag)} is no hash to verify it by; is HF_ENDPOINT a hub?`,
        );
      if (listed !== undefined && listed !== etag)
        throw new MoonletError(
          `${url}: its etag is ${etag}, and the listing of the commit says ${listed}; nothing is taken, try again later`,
        );
      const most = Math.min(mostBytes, maxBytes);
      if (bytes > most)
        throw new MoonletError(`${url}: it has ${bytes} bytes, more than the ${most} allowed`);
      if (!(await isWhole(at.blob(etag), etag)))
        await fetchBlob(at, remote, exchangeOf(settings, repo, path), o);
      return { path: link(at, etag, commit, path, settings.symlinks), etag };
    },
    close: () => keepRef(at, repo.revision, commit),
  };
}

const fromCache = (s: HubSettings, repo: Repository, at: RepositoryCache, commit: string): Snapshot => ({
  commit,
  has: (path) => existsSync(at.snapshotFile(commit, path)),
  file: async (path) => {
    const file = at.snapshotFile(commit, path);
    if (!existsSync(file)) throw notCached(`${repo.id}: its ${path} at ${commit}`, s);
    const etag = etagOf(at, file);
    if (!(await verified(at, commit, path)))
      throw new MoonletError(
        `${file}: the cache holds other bytes than its name ${etag} says; remove the file that the link names, and pull again online`,
      );
    return { path: file, etag };
  },
  close: () => {},
});

/** Whether a cached file has the bytes that its blob's name promises. A copy promises nothing. */
async function verified(at: RepositoryCache, commit: string, path: string): Promise<boolean> {
  const file = at.snapshotFile(commit, path);
  const etag = etagOf(at, file);
  return etag === undefined || !isHash(etag) || isWhole(file, etag);
}

const notCached = (what: string, { cache }: HubSettings): MoonletError =>
  new MoonletError(
    `${what} is not in the cache ${cache}, and HF_HUB_OFFLINE forbids to ask; unset it, or set HF_HUB_CACHE to a cache that has it`,
  );
