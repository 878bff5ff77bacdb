/** @file A tiny dataset as files and sweeps on it, whose trials take a moment. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { random } from '../../src/random.ts';
import type { SpaceInput } from '../../src/sweep/index.ts';
import { writeSafetensors } from '../../src/weights/index.ts';

/** A folder with dataset.json: images [8, 8, 1] of 4 classes, each bright in one quarter. */
export function tinyData(folder: string, count = 96): string {
  mkdirSync(folder, { recursive: true });
  for (const [part, n] of [
    ['train', count],
    ['test', 16],
  ] as const) {
    const labels = Int32Array.from({ length: n }, (_, i) => i % 4);
    const images = new Float32Array(n * 64);
    labels.forEach((label, i) => {
      const source = random('tiny', part, i);
      for (let p = 0; p < 64; p++) {
        const quarter = 2 * Number(p >= 32) + Number(p % 8 >= 4);
        images[64 * i + p] = Number(quarter === label) + 1.2 * source.normal();
      }
    });
    const tensors = new Map([
      ['images', { dtype: 'F32', shape: [n, 8, 8, 1], data: images } as const],
      ['labels', { dtype: 'I32', shape: [n], data: labels } as const],
    ]);
    writeFileSync(join(folder, `${part}.safetensors`), writeSafetensors({ tensors, metadata: {} }));
  }
  const about = { name: 'tiny', classes: 4, train: 'train.safetensors', test: 'test.safetensors' };
  writeFileSync(join(folder, 'dataset.json'), JSON.stringify(about));
  return join(folder, 'dataset.json');
}

/** A space of tiny trials on that data. */
export const tinySpace = (data: string, more: Partial<SpaceInput> = {}): SpaceInput => ({
  name: 'tiny',
  recipe: {
    data,
    student: 'snn bottleneck=0 size=8 channels=1 classes=4',
    ...{ steps: 6, batch: 8, validation: 32, optimizer: 'adam' },
  },
  space: {
    'student.units': { choice: [8, 16] },
    'rate.kind': { choice: ['constant'] },
    'rate.peak': { log: [0.001, 0.1] },
  },
  trials: 6,
  parallel: 2,
  ...more,
});
