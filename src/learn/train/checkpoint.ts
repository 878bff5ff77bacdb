/** @file A run's whole state as one safetensors file: weights, optimizer, step, history. */

import { MoonletError, quote } from '../../errors.ts';
import { printShape } from '../../graph/index.ts';
import type { Arrays, Specs } from '../../jit/index.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../weights/index.ts';
import { floatsAt } from '../tensors.ts';
import { differences } from './differences.ts';
import { type Progress, progressIn } from './progress.ts';

/** Where a run keeps its checkpoints. `save` must be atomic: a reader sees the old file or the new one. */
export interface CheckpointStore {
  load(name: CheckpointName): Promise<Uint8Array | undefined>;
  save(name: CheckpointName, bytes: Uint8Array): Promise<void>;
}
export type CheckpointName = 'last' | 'best';

const format = 'moonlet-checkpoint';
/** One loss a step takes about 20 bytes of the header: enough for three million steps. */
const maxHeader = 2 ** 26;

/** A run's state and progress as the bytes of a file. */
export function packCheckpoint(state: Arrays, specs: Specs, progress: Progress): Uint8Array {
  const tensors = new Map<string, StoredTensor>();
  for (const [key, { shape }] of Object.entries(specs)) {
    tensors.set(key, { dtype: 'F32', shape, data: floatsAt(state, key) });
  }
  return writeSafetensors({
    tensors,
    metadata: { format, progress: JSON.stringify(progress) },
  });
}

/**
 * A run's state and progress, read from the bytes of a file.
 * @throws MoonletError when the file is damaged, belongs to another recipe, or holds other shapes than the specs.
 */
export function unpackCheckpoint(
  bytes: Uint8Array,
  specs: Specs,
  recipe: string,
): { state: Arrays; progress: Progress } {
  const { tensors, metadata } = readSafetensors(bytes, 'checkpoint', { maxHeader });
  if (metadata['format'] !== format) throw new MoonletError('checkpoint: the file is not one of ours');
  const progress = progressIn(metadata['progress']);
  if (progress.recipe !== recipe) {
    throw new MoonletError(
      `checkpoint: it was made by another recipe (${differences(progress.recipe, recipe)}); choose another folder, or remove it by --force`,
    );
  }
  const state = Object.fromEntries(
    Object.entries(specs).map(([key, { shape }]) => {
      const tensor = tensors.get(key);
      if (!tensor) throw new MoonletError(`checkpoint: ${quote(key)} is missing; the file is damaged`);
      if (!(tensor.data instanceof Float32Array))
        throw new MoonletError(`checkpoint: ${quote(key)} is ${tensor.dtype}, not F32; the file is damaged`);
      if (printShape(tensor.shape) !== printShape(shape))
        throw new MoonletError(
          `checkpoint: ${quote(key)} is ${printShape(tensor.shape)}, and the net has ${printShape(shape)}; the file is of another net`,
        );
      return [key, tensor.data];
    }),
  );
  return { state, progress };
}
