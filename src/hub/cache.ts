/**
 * @file The hub's own cache, as Python's huggingface_hub lays it out: blobs by their etag, refs from revisions to commits,
 * snapshots of links to blobs. Files appear by a rename, whole and verified.
 */
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { codeOf, MoonletError } from '../errors.ts';
import { writeAtomically } from '../files/index.ts';
import { isCommit, type Repository } from './repository.ts';
import type { HubSettings } from './settings.ts';

/** The places of one repository. */
export interface RepositoryCache {
  readonly folder: string;
  readonly blobs: string;
  blob(etag: string): string;
  snapshotFile(commit: string, path: string): string;
}

export function cacheOf({ cache }: HubSettings, { id }: Repository): RepositoryCache {
  const folder = join(cache, `models--${id.replace('/', '--')}`);
  return {
    folder,
    blobs: join(folder, 'blobs'),
    blob: (etag) => join(folder, 'blobs', etag),
    snapshotFile: (commit, path) => join(folder, 'snapshots', commit, ...path.split('/')),
  };
}

/** The commit of a revision that the cache knows. */
export function cachedCommit(at: RepositoryCache, revision: string): string | undefined {
  if (isCommit(revision)) return revision;
  try {
    const commit = readFileSync(join(at.folder, 'refs', ...revision.split('/')), 'utf8').trim();
    return isCommit(commit) ? commit : undefined;
  } catch {
    return undefined;
  }
}

/** Remembers the commit of a branch or tag. */
export function keepRef(at: RepositoryCache, revision: string, commit: string): void {
  if (isCommit(revision) || cachedCommit(at, revision) === commit) return;
  writeAtomically(join(at.folder, 'refs', ...revision.split('/')), commit);
}

/** The name of the blob behind a file of a snapshot; undefined for a copy, whose etag nobody knows any more. */
export function etagOf(at: RepositoryCache, file: string): string | undefined {
  try {
    const { isLink, target } = { isLink: lstatSync(file).isSymbolicLink(), target: realpathSync(file) };
    return isLink && dirname(target) === realpathSync(at.blobs) ? basename(target) : undefined;
  } catch {
    return undefined;
  }
}

/** Puts a blob into a snapshot under its path: a relative link, or a copy where links are not possible. */
export function link(
  at: RepositoryCache,
  etag: string,
  commit: string,
  path: string,
  symlinks: boolean,
): string {
  const file = at.snapshotFile(commit, path);
  if (etagOf(at, file) === etag) return file;
  const temporary = join(
    dirname(file),
    `.${basename(file)}.${process.pid}-${randomBytes(4).toString('hex')}`,
  );
  try {
    mkdirSync(dirname(file), { recursive: true });
    const linked = symlinks && linkTo(relative(dirname(file), at.blob(etag)), temporary);
    if (!linked) copyFileSync(at.blob(etag), temporary);
    renameSync(temporary, file);
  } catch (e) {
    rmSync(temporary, { force: true });
    throw unwritable(at, e);
  }
  return file;
}

/** @returns false where the system or the user's rights have no links. */
function linkTo(target: string, path: string): boolean {
  try {
    symlinkSync(target, path);
    return true;
  } catch (e) {
    if (['EPERM', 'ENOTSUP', 'ENOSYS', 'EACCES'].includes(codeOf(e) ?? '')) return false;
    throw e;
  }
}

/** The error of a cache that cannot be written, for one of the system; others stay what they are. */
export function unwritable(at: RepositoryCache, e: unknown): unknown {
  const code = codeOf(e);
  if (e instanceof MoonletError || code === undefined) return e;
  return new MoonletError(
    `${at.folder}: cannot be written (${code}); free some space, or name another cache by HF_HUB_CACHE`,
    { cause: e },
  );
}
