/** @file The smallest images that can be learned: one bright corner of four. With checkpoints in memory. */

import type { Split } from '../../src/data/index.ts';
import { graph, init, input } from '../../src/index.ts';
import type { Scale } from '../../src/learn/task/index.ts';
import type { CheckpointName, CheckpointStore } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import type { Net } from '../../src/weights/index.ts';

export const cornersScale: Scale = { shape: [6, 6, 1], mean: 0.2, std: 0.4 };

/** Bright in one of four corners, with noise: the class is the corner. */
export function corners(count: number, seed: number): Split {
  const source = random('corners', seed);
  const pixels = new Uint8Array(count * 36);
  for (let i = 0; i < pixels.length; i++) {
    const [label, row, column] = [Math.floor(i / 36) % 4, Math.floor((i % 36) / 6), i % 6];
    const inside = row < 3 === label < 2 && column < 3 === (label % 2 === 0);
    pixels[i] = Math.min(255, (inside ? 100 : 20) + source.below(100));
  }
  return { count, pixels, labels: Uint8Array.from({ length: count }, (_, i) => i % 4) };
}

/** Two convs with norms and a classifier, small enough for an eager engine. */
export const cornersNet = (seed = 1, width = 4): Net =>
  init(
    graph(
      'corners',
      input(6, 6, 1)
        .pipe('stem', (x) => x.conv(width, { kernel: 3, stride: 2 }).norm().relu())
        .pipe('stage1', (x) => x.conv(width, { kernel: 3 }).norm().relu())
        .pipe('head', (x) => x.globalPool().dense(4)),
    ),
    { seed },
  );

export interface MemoryStore extends CheckpointStore {
  readonly files: Map<string, Uint8Array>;
}
/** Checkpoints in memory. After so many files saved the next one ends the run, as a killed process would. */
export function memoryStore(
  saves = Number.POSITIVE_INFINITY,
  files = new Map<string, Uint8Array>(),
): MemoryStore {
  let left = saves;
  return {
    files,
    load: async (name) => files.get(name),
    save: async (name: CheckpointName, bytes) => {
      if (left-- <= 0) throw new Error('killed');
      files.set(name, Uint8Array.from(bytes));
    },
  };
}
