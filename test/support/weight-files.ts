/** @file Readers of weight files as tests use them: what a file holds, and how it is refused. */
import { readWeightFile, type WeightFile } from '../../src/import/index.ts';
import { messageOf } from './errors.ts';

export const read = (bytes: Uint8Array, shards: Readonly<Record<string, Uint8Array>> = {}): WeightFile =>
  readWeightFile(bytes, 'file', (name) => shards[name] as Uint8Array);
/** What is said when the file and all of its tensors are read. */
export const refusal = (bytes: Uint8Array): string =>
  messageOf(() => {
    for (const t of read(bytes).tensors.values()) t.read();
  });
/** Every tensor: shape, dtype, values. */
export const shown = (file: WeightFile) =>
  Object.fromEntries([...file.tensors].map(([name, t]) => [name, [t.shape, t.dtype, ...t.read()]]));
