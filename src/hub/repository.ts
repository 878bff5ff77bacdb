/** @file The names of models on the hub: `owner/name`, with `@revision` where another than main is meant. */
import { quote, UsageError } from '../errors.ts';

export interface Repository {
  /** 'owner/name'. */
  readonly id: string;
  /** A branch, a tag, or the 40 digits of a commit. */
  readonly revision: string;
}

const part = /^(?!.*(?:--|\.\.))[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9_])?$/;
/** No part may lead out of the folder of refs. */
const revisions = /^(?!.*\.\.)[A-Za-z0-9][\w.+-]*(?:\/[A-Za-z0-9][\w.+-]*)*$/;

/** Whether a name is one of the hub: 'timm/NAME', or 'hf:owner/name'. */
export const isHubName = (name: string): boolean => /^(?:hf:|timm\/)/.test(name);

/** Whether a revision is a commit, which never moves. */
export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

/** @throws UsageError when the name is not of the form. */
export function parseRepository(name: string): Repository {
  const bare = name.replace(/^hf:/, '');
  const at = bare.indexOf('@');
  const [id, revision] = at < 0 ? [bare, 'main'] : [bare.slice(0, at), bare.slice(at + 1)];
  const [owner = '', model = '', ...rest] = id.split('/');
  if (!part.test(owner) || !part.test(model) || rest.length)
    throw new UsageError(`${quote(name)} is no name of the hub; expected hf:owner/name or timm/NAME`);
  if (!revisions.test(revision))
    throw new UsageError(
      `${quote(name)}: ${quote(revision)} is no revision; expected a branch, tag or commit`,
    );
  return { id, revision };
}
