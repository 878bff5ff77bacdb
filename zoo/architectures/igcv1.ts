/**
 * @file Interleaved group convolutions. Zhang, Qi, Xiao and Wang, ICCV 2017, arXiv:1707.02725, table 1: IGC-L24M2 of
 * depth 20 by default. `partitions` is L, `width` is M; channels are L M, and M doubles with each stage.
 */
import {
  architecture,
  common,
  convNormAct,
  image,
  interleaved,
  repeat,
  whole,
} from '../../src/compose/index.ts';

export const igcv1 = architecture({
  name: 'igcv1',
  paper: {
    title: 'Interleaved Group Convolutions for Deep Neural Networks',
    authors: 'Zhang, Qi, Xiao, Wang',
    year: 2017,
    arxiv: '1707.02725',
  },
  options: {
    depth: whole({ doc: 'layers, 3n + 2', default: 20, min: 5, max: 500 }),
    partitions: whole({ doc: 'groups of the spatial convs, L', default: 24, min: 1, max: 256 }),
    width: whole({ doc: 'channels of a spatial group in the first stage, M', default: 2, min: 1, max: 256 }),
    ...common({ classes: 10, size: 32 }),
  },
  problem: ({ depth }) => {
    const near = Math.max(5, 3 * Math.round((depth - 2) / 3) + 2);
    return (depth - 2) % 3
      ? `depth must be 3n + 2 (8, 20, 38, ...), got ${depth}; the nearest is ${near}`
      : undefined;
  },
  net: ({ depth, partitions, width, classes, size, channels }) =>
    [1, 2, 4]
      .reduce(
        (x, times, i) =>
          x.stack(
            `stage${i + 1}`,
            repeat((depth - 2) / 3, (j) =>
              interleaved(partitions * width * times, partitions, { stride: i && !j ? 2 : 1 }),
            ),
          ),
        image(size, channels).pipe('stem', convNormAct(partitions * width, { kernel: 3 })),
      )
      .pipe('head', (x) => x.globalPool().dense(classes)),
});
