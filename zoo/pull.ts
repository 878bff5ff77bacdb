/**
 * @file Nets from registries: the package's own, a folder, or a static HTTP server. Bytes are verified before anybody
 * sees them, and a net's folder appears whole or not at all.
 */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { MoonletError, UsageError } from '../src/errors.ts';
import { codeOf, isHiddenName, type NewFile, withOut } from '../src/files/index.ts';
import { type Card, parseCard } from './card.ts';
import { download } from './download.ts';
import { zooFolder } from './folders.ts';
import { type DownloadOptions, fetchText, withinLimit } from './http.ts';
import { sha256 } from './make-index.ts';
import { claimPart, leavePart } from './parts.ts';
import { checkId, fileNames, netNamed, parseIndex, type RegistryFile, type RegistryNet } from './registry.ts';

export interface PullOptions extends DownloadOptions {
  /** A registry: a folder or an http(s) address with an `index.json`. The package's own by default. */
  readonly from?: string;
  /** The folder where the net goes; by default it stays in the package, or in the cache. */
  readonly to?: string;
  /** Overwrites what is in `to`. */
  readonly force?: boolean;
  /** Instead of `cacheFolder()`. */
  readonly cache?: string;
  /** The most that a net may weigh, in bytes; one gibibyte by default. */
  readonly maxBytes?: number;
}
export interface Pulled {
  readonly id: string;
  /** Holds graph.json, weights.safetensors and card.json; `loadStudent` reads it. */
  readonly folder: string;
  readonly card: Card;
}

const maxIndexBytes = 4 * 2 ** 20;

/** Where pulled nets are kept: MOONLET_CACHE, else `moonlet` in XDG_CACHE_HOME or in the system's own place for caches. */
export function cacheFolder(): string {
  const { MOONLET_CACHE: own, XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = process.env;
  if (own) return resolve(own);
  if (xdg) return join(xdg, 'moonlet');
  return process.platform === 'win32' && local
    ? join(local, 'moonlet', 'Cache')
    : join(homedir(), '.cache', 'moonlet');
}

/** A registry that can be asked for its index, and for a net's files as paths to verified bytes. */
interface Source {
  readonly name: string;
  index(): Promise<string>;
  /** Calls `use` with the paths, which are good until it is done. */
  files<T>(net: RegistryNet, use: (paths: ReadonlyMap<string, string>) => Promise<T>): Promise<T>;
}

/**
 * Downloads a trained net by its id and verifies it by sha256. Concurrent pulls are safe, in one process or in several. The
 * next pull resumes an interrupted download.
 * @throws UsageError for an unknown id or an unusable `to`; MoonletError if the download fails or does not match the index.
 */
export async function pull(id: string, o: PullOptions = {}): Promise<Pulled> {
  checkId(id);
  return withinLimit(o.from ?? id, o, (limited) => fetchNet(id, limited));
}

async function fetchNet(id: string, o: PullOptions): Promise<Pulled> {
  const { from, to, force = false, maxBytes = 2 ** 30, cache = cacheFolder() } = o;
  if (to !== undefined && !force && !(await isEmpty(to)))
    throw new MoonletError(
      `${to}: the folder is not empty; choose another, or replace its files with --force (in code, force: true)`,
    );
  const source = sourceOf(from ?? zooFolder('students'), cache, o);
  const net = netNamed(parseIndex(await source.index(), source.name), id, source.name);
  const total = net.files.reduce((sum, f) => sum + f.bytes, 0);
  if (total > maxBytes)
    throw new MoonletError(`${source.name}: ${id} has ${total} bytes, more than the ${maxBytes} allowed`);
  if (from === undefined && to === undefined) {
    const folder = join(zooFolder('students'), id);
    return { id, folder, card: await source.files(net, () => cardOf(folder, net)) };
  }
  const folder = resolve(to ?? join(cache, 'nets', ...id.split('/'), keyOf(net)));
  if (to === undefined && (await isWhole(folder, net)))
    return { id, folder, card: await cardOf(folder, net) };
  try {
    await source.files(net, (paths) => place(paths, folder, net, to === undefined || force));
    return { id, folder, card: await cardOf(folder, net) };
  } catch (e) {
    const isSystemError = e instanceof Error && 'code' in e && typeof e.code === 'string';
    if (e instanceof MoonletError || !isSystemError) throw e;
    throw new MoonletError(`${folder}: cannot be written (${e.code}); choose another folder`);
  }
}

/** Writes verified files into a folder, all or none. If another pull was faster, its net is kept. */
async function place(
  paths: ReadonlyMap<string, string>,
  folder: string,
  net: RegistryNet,
  overwrite: boolean,
): Promise<void> {
  const files: NewFile[] = [];
  for (const { name, sha256: said } of net.files) {
    const path = paths.get(name);
    if (path === undefined) throw new Error(`internal: ${name} was not fetched`);
    const content = await readFile(path);
    if (sha256(content) !== said)
      throw new MoonletError(`${folder}: the files changed while they were read; pull again`);
    if (name === 'card.json') checkCard(content.toString('utf8'), join(folder, name), net);
    files.push({ file: name, content });
  }
  await withOut(folder, { force: true, writes: fileNames, waitMs: 60_000 }, async (out) => {
    if (await isWhole(folder, net)) return;
    if (!overwrite && !(await isEmpty(folder)))
      throw new MoonletError(`${folder}: another process has written to this folder; choose another folder`);
    out.publish(files);
  });
}

/** The name of a net's folder in the cache, from the hash of its files. */
const keyOf = ({ files }: RegistryNet): string =>
  sha256(fileNames.map((name) => files.find((f) => f.name === name)?.sha256).join('\n')).slice(0, 16);

const sourceOf = (from: string, cache: string, o: DownloadOptions): Source =>
  /^https?:\/\//i.test(from) ? server(from, join(cache, 'parts'), o) : folder(from);

function server(from: string, parts: string, o: DownloadOptions): Source {
  if (!URL.canParse(from)) throw new UsageError(`--from: "${from}" is not a URL`);
  const base = new URL(from);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  const at = (path: string): string => {
    const url = new URL(base);
    url.pathname += path;
    return url.href;
  };
  return {
    name: at('index.json'),
    index: () => fetchText(at('index.json'), maxIndexBytes, o),
    files: async ({ id, files }, use) => {
      const claimed: (readonly [file: RegistryFile, part: string])[] = [];
      const paths = new Map<string, string>();
      try {
        for (const file of files) {
          const part = await claimPart(parts, file.sha256);
          claimed.push([file, part]);
          paths.set(file.name, await download({ ...file, url: at(`${id}/${file.name}`) }, part, o));
        }
        const used = await use(paths);
        for (const [, part] of claimed) await rm(part, { recursive: true, force: true });
        return used;
      } catch (e) {
        for (const [file, part] of claimed) await leavePart(parts, file.sha256, part);
        throw e;
      }
    },
  };
}

function folder(root: string): Source {
  const read = async (path: string): Promise<Uint8Array> => {
    try {
      return await readFile(path);
    } catch (e) {
      throw new MoonletError(`${path}: cannot be read (${codeOf(e)})`);
    }
  };
  const name = join(root, 'index.json');
  return {
    name,
    index: async () => {
      if ((await stat(name).catch(() => undefined)) === undefined)
        throw new UsageError(
          `--from ${root}: it has no index.json; create one with npm run zoo -- index ${root}`,
        );
      return Buffer.from(await read(name)).toString('utf8');
    },
    files: async ({ id, files }, use) => {
      const paths = new Map(files.map((file) => [file.name, join(root, id, file.name)] as const));
      for (const file of files) {
        const path = join(root, id, file.name);
        verify(path, await read(path), file);
      }
      return use(paths);
    },
  };
}

function verify(path: string, bytes: Uint8Array, file: RegistryFile): void {
  const got = sha256(bytes);
  if (got !== file.sha256)
    throw new MoonletError(`${path}: its sha256 is ${got}, but the index has ${file.sha256}`);
}

/** Whether a folder contains exactly the net's files. */
async function isWhole(at: string, { files }: RegistryNet): Promise<boolean> {
  for (const file of files) {
    const bytes = await readFile(join(at, file.name)).catch(() => undefined);
    if (!bytes || sha256(bytes) !== file.sha256) return false;
  }
  return true;
}

/** Reads the card and checks that it belongs to this net. */
async function cardOf(at: string, net: RegistryNet): Promise<Card> {
  const path = join(at, 'card.json');
  return checkCard(await readFile(path, 'utf8'), path, net);
}

function checkCard(text: string, path: string, { id, files }: RegistryNet): Card {
  const card = parseCard(text, path);
  if (card.id !== id) throw new MoonletError(`${path}: this is the card of ${card.id}, not of ${id}`);
  for (const { name, sha256: said } of files)
    if (name !== 'card.json' && card.sha256[name] !== said)
      throw new MoonletError(`${path}: its sha256 of ${name} differs from the index`);
  return card;
}

/** @throws UsageError if `to` cannot be a folder. */
async function isEmpty(to: string): Promise<boolean> {
  const there = await readdir(to).catch((e: NodeJS.ErrnoException) => {
    if (e.code === 'ENOENT') return [];
    throw new UsageError(`${to}: cannot be a folder for a net (${e.code}); choose another`);
  });
  return there.every(isHiddenName);
}
