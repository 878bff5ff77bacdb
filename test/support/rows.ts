/** @file A small net of three classes and data that fit it, for tests of what does not fit. */
import type { Split } from '../../src/data/index.ts';
import { graph, init, input } from '../../src/index.ts';
import type { Scale } from '../../src/learn/task/index.ts';
import type { Net } from '../../src/weights/index.ts';

export const scale: Scale = { shape: [9, 6, 1], mean: 0.5, std: 0.3 };
export const made = (labels: ArrayLike<number>, size = 54): Split => ({
  count: labels.length,
  pixels: Uint8Array.from({ length: labels.length * size }, (_, i) => (i * 31) % 256),
  labels: Uint8Array.from(labels),
});
export const good = made([0, 1, 2, 0, 1, 2, 0, 1]);
export const net = (classes = 3, shape = [9, 6, 1] as const): Net =>
  init(
    graph(
      'rows',
      input(...shape)
        .conv(4, { kernel: 3, stride: 2 })
        .norm()
        .relu()
        .globalPool()
        .dense(classes),
    ),
  );
