/**
 * @file Where trials keep checkpoints and trained nets: a folder that all workers see, or a bucket of S3. A key is a path with
 * slashes. A reader sees a whole value or none.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { codeOf, MoonletError } from '../errors.ts';
import { discard, unwritable } from '../files/write.ts';
import type { CheckpointStore } from '../learn/train/index.ts';

export interface Store {
  /** Its place, as `openStore` takes it. */
  readonly place: string;
  /** Undefined when there is no such value. @throws MoonletError when it cannot be read. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** @throws MoonletError when it cannot be written; the old value stays. */
  put(key: string, bytes: Uint8Array | string): Promise<void>;
  /** Writes a value where there is none. @returns whether there was none. A server that cannot tell writes it and says true. */
  create(key: string, bytes: Uint8Array | string): Promise<boolean>;
  /** Removes a value; nothing happens when there is none. */
  remove(key: string): Promise<void>;
}

/**
 * A store by its place: the path of a folder, or `s3://bucket/prefix`.
 * @throws MoonletError when the package for S3, or its keys, are missing.
 */
export async function openStore(place: string): Promise<Store> {
  if (!place.startsWith('s3://')) return folderStore(place);
  const { s3Store } = await import('./s3.ts');
  return s3Store(place);
}

/**
 * Values as files. The temporary name is random, since writers on other machines and in other containers can have the same process
 * id.
 */
export function folderStore(folder: string): Store {
  const root = resolve(folder);
  return {
    place: root,
    get: async (key) => {
      try {
        return readFileSync(join(root, key));
      } catch (e) {
        if (codeOf(e) === 'ENOENT') return undefined;
        throw new MoonletError(`${join(root, key)}: cannot be read (${codeOf(e)}); check the store's folder`);
      }
    },
    put: async (key, bytes) => {
      const path = join(root, key);
      const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
      try {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(temporary, bytes, { flush: true });
        renameSync(temporary, path);
      } catch (e) {
        discard(temporary);
        throw unwritable(path, e);
      }
    },
    create: async (key, bytes) => {
      const path = join(root, key);
      try {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, bytes, { flag: 'wx' });
        return true;
      } catch (e) {
        if (codeOf(e) === 'EEXIST') return false;
        throw unwritable(path, e);
      }
    },
    remove: async (key) => rmSync(join(root, key), { force: true }),
  };
}

/** The checkpoints of a trial, by the stages of its run. */
export const checkpointsIn = (store: Store, trial: number, stage: string): CheckpointStore => ({
  load: (name) => store.get(checkpointKey(trial, stage, name)),
  save: (name, bytes) => store.put(checkpointKey(trial, stage, name), bytes),
});
export const checkpointKey = (trial: number, stage: string, name: string): string =>
  `trials/${trial}/checkpoints/${stage}/${name}.safetensors`;
