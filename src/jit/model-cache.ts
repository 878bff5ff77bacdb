/**
 * @file Traced models on disk, so that a later process does not trace the same function again. A model is found by a hash of all that it
 * depends on: the key of its caller, its specs, the versions of Moonlet, tf and onnxruntime, and the processor. In a checkout of Moonlet
 * the sizes and times of its source files stand for its version. What fails (no folder, no right to write, a damaged file) only means
 * that the function is traced. Browsers have no such cache.
 */
import { version_core } from '@tensorflow/tfjs-core';
import { UsageError } from '../errors.ts';
import { type Hash, packModel, type StoredModel, unpackModel } from './model-file.ts';
import type { Runtime } from './runtime.ts';

export interface ModelCache {
  get(key: string): StoredModel | undefined;
  set(key: string, model: StoredModel): void;
}

/** Mebibytes of all files together, unless `MOONLET_MODEL_CACHE` says another number. */
const usualMiB = 256;
const suffix = '.model';

/**
 * The cache of this machine; undefined in browsers, and where `MOONLET_MODEL_CACHE` is `off`.
 * @throws UsageError where `MOONLET_MODEL_CACHE` is neither `off` nor a number of mebibytes.
 */
export function modelCache(ort: Runtime): ModelCache | undefined {
  const node = nodeModules();
  const limit = limitOf(globalThis.process?.env?.['MOONLET_MODEL_CACHE']);
  if (!node || limit === 0) return undefined;
  const folder = node.path.join(cacheFolder(node), 'models');
  const hash: Hash = (...parts) => {
    const sum = node.crypto.createHash('sha256');
    for (const part of parts) sum.update(part);
    return sum.digest('hex');
  };
  const whole = (key: string): string => hash(JSON.stringify([key, surroundings(node, ort)]));
  const fileOf = (name: string): string => node.path.join(folder, `${name}${suffix}`);
  return {
    get: (key) =>
      attempt(() => {
        const name = whole(key);
        const file = fileOf(name);
        const model = unpackModel(name, node.fs.readFileSync(file), hash);
        const now = new Date();
        if (model) node.fs.utimesSync(file, now, now); // used: others are removed first
        return model;
      }),
    set: (key, model) =>
      attempt(() => {
        const name = whole(key);
        const bytes = packModel(name, model, hash);
        if (bytes.length > limit / 4) return;
        node.fs.mkdirSync(folder, { recursive: true });
        const beside = `${fileOf(name)}.${globalThis.process.pid}`;
        node.fs.writeFileSync(beside, bytes);
        node.fs.renameSync(beside, fileOf(name));
        removeOld(node, folder, limit);
      }),
  };
}

type NodeModules = NonNullable<ReturnType<typeof nodeModules>>;

/** Node's own modules, which browsers have not. */
function nodeModules() {
  const load = globalThis.process?.getBuiltinModule;
  if (!load) return undefined;
  return {
    fs: load('node:fs'),
    path: load('node:path'),
    os: load('node:os'),
    url: load('node:url'),
    crypto: load('node:crypto'),
  };
}

/** Bytes. */
function limitOf(setting: string | undefined): number {
  if (setting === 'off') return 0;
  const size = setting === undefined || setting === '' ? usualMiB : Number(setting);
  if (Number.isFinite(size) && size >= 0) return size * 2 ** 20;
  throw new UsageError(`MOONLET_MODEL_CACHE must be off, or a number of MiB, got "${setting}"`);
}

/** `MOONLET_CACHE`, else `moonlet` in the system's place for caches, where pulled nets are as well. */
function cacheFolder({ path, os }: NodeModules): string {
  const { MOONLET_CACHE: own, XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = globalThis.process.env;
  if (own) return path.resolve(own);
  if (xdg) return path.join(xdg, 'moonlet');
  return globalThis.process.platform === 'win32' && local
    ? path.join(local, 'moonlet', 'Cache')
    : path.join(os.homedir(), '.cache', 'moonlet');
}

/** Removes the files that were not used for longest, until the others fit. */
function removeOld({ fs, path }: NodeModules, folder: string, limit: number): void {
  const files = fs.readdirSync(folder).flatMap((name) => {
    const file = path.join(folder, name);
    return attempt(() => ({ file, ...pick(fs.statSync(file)) })) ?? [];
  });
  let total = files.reduce((sum, { size }) => sum + size, 0);
  for (const { file, size } of files.sort((a, b) => a.used - b.used)) {
    if (total <= limit) return;
    fs.rmSync(file, { force: true });
    total -= size;
  }
}
const pick = ({ size, mtimeMs }: { readonly size: number; readonly mtimeMs: number }) => ({
  size,
  used: mtimeMs,
});

/** What a model depends on besides its function: versions and the processor. */
function surroundings(node: NodeModules, ort: Runtime): readonly unknown[] {
  return [
    codeVersion(node),
    ...[version_core, ort.env?.versions, globalThis.process.versions.node],
    ...[globalThis.process.arch, node.os.cpus()[0]?.model],
  ];
}

let known: string | undefined;
/** Names, sizes and times of the files of the code: they change with the version, and with every edit of a checkout. */
function codeVersion({ fs, path, url }: NodeModules): string {
  if (known !== undefined) return known;
  const here = url.fileURLToPath(import.meta.url);
  // src, or dist/src of the package; a program that is bundled has all of it in one file
  const isModule = path.basename(path.dirname(here)) === 'jit';
  const root = isModule ? path.dirname(path.dirname(here)) : here;
  const files = isModule ? fs.readdirSync(root, { recursive: true, encoding: 'utf8' }) : [''];
  const stamps = files.flatMap((name) => {
    if (isModule && !/\.[jt]s$/.test(name)) return [];
    const { size, mtimeMs } = fs.statSync(path.join(root, name));
    return [`${name} ${size} ${mtimeMs}`];
  });
  known = [root, ...stamps.sort()].join('\n');
  return known;
}

/** The value, or undefined when it cannot be had. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
