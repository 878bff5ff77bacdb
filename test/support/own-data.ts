/** @file Datasets of one's own: spectrograms as floats and pictures as bytes, whose classes a small net tells apart. */
import { type Dataset, dataset, type SplitInput } from '../../src/data/index.ts';
import { type Flow, graph, input } from '../../src/index.ts';
import { random } from '../../src/random.ts';
import { init, type Net } from '../../src/weights/index.ts';

/** Log-mel spectrograms in decibels, [49, 10, 1]: a class is one of 4 periods in time and 3 in frequency. */
export function spectrograms(count: number, seed: number): SplitInput<Float32Array> & { labels: Int32Array } {
  const labels = Int32Array.from({ length: count }, (_, i) => i % 12);
  const pixels = new Float32Array(count * 490);
  labels.forEach((label, i) => {
    const source = random('spectrogram', seed, i);
    const time = [4, 6, 10, 20][label % 4] ?? 0;
    const frequency = [2.5, 5, 20][label % 3] ?? 0;
    const phase = 2 * Math.PI * source.uniform();
    for (let row = 0; row < 49; row++)
      for (let column = 0; column < 10; column++) {
        const angle = 2 * Math.PI * (row / time + column / frequency) + phase;
        pixels[i * 490 + row * 10 + column] = -40 + 8 * Math.sin(angle) + 3 * source.normal();
      }
  });
  return { pixels, labels };
}
export const keywords = (train = 240, test = 48): Dataset<Float32Array> =>
  dataset({
    name: 'keywords',
    shape: [49, 10, 1],
    classes: 12,
    train: spectrograms(train, 1),
    test: spectrograms(test, 2),
  });

/** Hello Edge (Zhang et al. 2017, arXiv:1711.07128, table 1), smaller: a 10 x 4 conv, then depthwise-separable blocks. */
export function dsCnn(channels = 16, classes = 12): Net {
  const separable = (x: Flow<'map'>): Flow<'map'> =>
    x.depthwise({ kernel: 3 }).norm().relu().conv(channels).norm().relu();
  return init(
    graph(
      'ds-cnn',
      input(49, 10, 1)
        .pipe('stem', (x) =>
          x
            .conv(channels, { kernel: [10, 4], stride: 2 })
            .norm()
            .relu(),
        )
        .pipe('stage1', separable)
        .pipe('stage2', separable)
        .pipe('head', (x) => x.globalPool().dense(classes)),
    ),
    { seed: 1 },
  );
}

/** Pictures of 12 x 8 pixels: class c is bright in channel c mod 3, in the upper half when c is 3 or more. */
export function pictures(count: number, classes: number, seed: number): SplitInput<Uint8Array> {
  const labels = Array.from({ length: count }, (_, i) => i % classes);
  const pixels = new Uint8Array(count * 288);
  labels.forEach((label, i) => {
    const source = random('picture', seed, i);
    for (let pixel = 0; pixel < 96; pixel++)
      for (let channel = 0; channel < 3; channel++) {
        const isBright = channel === label % 3 && pixel < 48 === label >= 3;
        pixels[i * 288 + pixel * 3 + channel] = (isBright ? 190 : 90) + 20 * source.uniform();
      }
  });
  return { pixels, labels };
}
