/**
 * @file Where the hub is, where its cache is, and who asks: by the environment variables that huggingface_hub reads, so that
 * both find the same files.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { UsageError } from '../errors.ts';

export interface HubSettings {
  /** The address of the hub, without a slash at its end. */
  readonly endpoint: string;
  /** The folder of `models--owner--name`. */
  readonly cache: string;
  /** Nothing is asked; what is in the cache must do. */
  readonly offline: boolean;
  /** Goes to the endpoint's own origin, and nowhere else. */
  readonly token?: string;
  /** Snapshots hold links to the blobs; otherwise copies. */
  readonly symlinks: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_TOKEN, HF_TOKEN_PATH and their kin say.
 *
 * @throws UsageError when HF_ENDPOINT is no http(s) address.
 * @example
 * import { hubSettings } from 'moonlet/hub';
 *
 * const { endpoint, offline } = hubSettings({ HF_HUB_OFFLINE: '1' });
 * [endpoint, offline].join(' '); // https://huggingface.co true
 */
export function hubSettings(env: Environment = process.env): HubSettings {
  const home = expanded(env, env['HF_HOME'] || join(env['XDG_CACHE_HOME'] || '~/.cache', 'huggingface'));
  const endpoint = (env['HF_ENDPOINT'] || 'https://huggingface.co').replace(/\/+$/, '');
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol))
    throw new UsageError(`HF_ENDPOINT: "${endpoint}" is no http(s) address; correct it, or unset it`);
  const token = tokenOf(env, home);
  return {
    endpoint,
    cache: expanded(env, env['HF_HUB_CACHE'] || env['HUGGINGFACE_HUB_CACHE'] || join(home, 'hub')),
    offline: isTrue(env['HF_HUB_OFFLINE'] || env['TRANSFORMERS_OFFLINE']),
    ...(token === undefined ? {} : { token }),
    symlinks: !isTrue(env['HF_HUB_DISABLE_SYMLINKS']),
  };
}

/** The token of HF_TOKEN, or of the file where `hf auth login` leaves it. */
function tokenOf(env: Environment, home: string): string | undefined {
  if (isTrue(env['HF_HUB_DISABLE_IMPLICIT_TOKEN'])) return undefined;
  const said = clean(env['HF_TOKEN'] || env['HUGGING_FACE_HUB_TOKEN']);
  if (said !== undefined) return said;
  try {
    return clean(readFileSync(expanded(env, env['HF_TOKEN_PATH'] || join(home, 'token')), 'utf8'));
  } catch {
    return undefined; // nobody has logged in
  }
}
const clean = (token = ''): string | undefined => token.replace(/[\r\n]/g, '').trim() || undefined;
const isTrue = (value = ''): boolean => ['1', 'ON', 'YES', 'TRUE'].includes(value.toUpperCase());

/** A path with `~`, `$NAME` and `${NAME}` replaced, as in Python. */
const expanded = (env: Environment, path: string): string =>
  resolve(
    path
      .replace(/^~(?=$|[/\\])/, () => env['HOME'] || homedir())
      .replace(/\$(?:(\w+)|\{([^}]*)\})/g, (whole, a?: string, b?: string) => env[a ?? b ?? ''] ?? whole),
  );
