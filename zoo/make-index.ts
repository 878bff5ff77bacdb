/** @file The index of a folder of nets, and the digest of files. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { folders } from './folders.ts';
import { fileNames, idPattern, type RegistryIndex } from './registry.ts';

/** As 64 hexadecimal digits. */
export const sha256 = (bytes: string | Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

/** The index of a folder of nets, in the order of their names. Folders that lack a file are left out. */
export function makeIndex(root: string): RegistryIndex {
  const nets = folders(root)
    .flatMap((data) => folders(join(root, data)).map((id) => `${data}/${id}`))
    .filter((id) => idPattern.test(id) && fileNames.every((name) => existsSync(join(root, id, name))));
  return {
    format: 'moonlet-registry',
    version: 1,
    nets: nets.map((id) => ({
      id,
      files: fileNames.map((name) => {
        const bytes = readFileSync(join(root, id, name));
        return { name, bytes: bytes.length, sha256: sha256(bytes) };
      }),
    })),
  };
}
