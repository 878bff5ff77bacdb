/** @file One recipe, the same in Node and in a browser: a cheap student, distilled on numbers that are drawn by a seed. */

import { type Dataset, dataset } from '../../src/data/in-memory.ts';
import { cheapen } from '../../src/edit/cheapen.ts';
import { browserCheckpoints, fit, losses, type StepReport } from '../../src/learn/index.ts';
import { random } from '../../src/random.ts';
import { init } from '../../src/weights/index.ts';
import { compose } from '../../zoo/architectures/index.ts';

export interface Asked {
  readonly steps: number;
  /** The run's name in IndexedDB; without it nothing is kept. */
  readonly keep?: string;
}

const classes = 4;
/** Images of 16 x 16 x 3 whose class is the quarter in which they are bright. */
export function bright(count: number, seed: number): Dataset {
  const { uniform } = random('bright', seed);
  const labels = Array.from({ length: count }, (_, i) => i % classes);
  const pixels = Uint8Array.from({ length: count * 16 * 16 * 3 }, (_, i) => {
    const [image, y, x] = [Math.floor(i / 768), Math.floor((i % 768) / 48), Math.floor((i % 48) / 3)];
    const quarter = (y < 8 ? 0 : 2) + (x < 8 ? 0 : 1);
    return Math.floor(uniform() * (quarter === labels[image] ? 255 : 160));
  });
  const split = { pixels, labels };
  return dataset({ name: 'bright', shape: [16, 16, 3], classes, train: split, test: split });
}

/**
 * The losses of a run, from its first step on. The rate is low enough that rounding is not amplified: of two engines in Node, onnxruntime
 * and eager wasm, 50 losses differ by 4e-4 of themselves; at a rate of 0.05, batches of 32 and ten times the attention by 6e-2.
 */
export async function ran(
  { steps, keep }: Asked,
  how: { readonly signal?: AbortSignal; readonly onStep?: (at: StepReport) => void } = {},
): Promise<readonly number[]> {
  const data = bright(256, 1);
  const teacher = init(compose('wrn depth=10 width=1 size=16 classes=4'), { seed: 1 });
  const student = init(cheapen(compose('wrn depth=10 width=1 size=16 classes=4'), 'BG(2,2)'), { seed: 2 });
  const { history } = await fit(student, data.train, data, {
    ...{ steps, batch: 128, rate: 0.002, seed: 3, teacher, augment: { flip: true, shift: 1 } },
    losses: [losses.crossEntropy(), losses.softTargets({ temperature: 4 }), losses.attention({ weight: 10 })],
    ...(keep === undefined ? {} : { checkpoints: browserCheckpoints(keep), checkpointEvery: 5 }),
    ...how,
  });
  return history.loss;
}
