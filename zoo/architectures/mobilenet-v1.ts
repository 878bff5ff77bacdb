/**
 * @file MobileNets. Howard et al. 2017, arXiv:1704.04861, table 1. Every norm is followed by a relu6, as in the released
 * nets (tf-slim, Keras, timm); the paper says relu.
 */
import {
  architecture,
  common,
  convNormAct,
  depthwiseSeparable,
  image,
  real,
  round8,
} from '../../src/compose/index.ts';

// table 1, from the second row: per stage the filters and strides of its depthwise-separable convs
const stages = [
  [[64, 1]],
  [
    [128, 2],
    [128, 1],
  ],
  [
    [256, 2],
    [256, 1],
  ],
  [
    [512, 2],
    [512, 1],
    [512, 1],
    [512, 1],
    [512, 1],
    [512, 1],
  ],
  [
    [1024, 2],
    [1024, 1],
  ],
] as const;

export const mobilenetV1 = architecture({
  name: 'mobilenet-v1',
  paper: {
    title: 'MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications',
    authors: 'Howard et al.',
    year: 2017,
    arxiv: '1704.04861',
  },
  options: {
    width: real({ doc: 'width multiplier alpha', default: 1, min: 0.05, max: 8 }),
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ width, classes, size, channels }) =>
    stages
      .reduce(
        (x, blocks, i) =>
          x.stack(
            `stage${i + 1}`,
            blocks.map(([c, stride]) => depthwiseSeparable(round8(c * width), { stride, act: 'relu6' })),
          ),
        image(size, channels).pipe(
          'stem',
          convNormAct(round8(32 * width), { kernel: 3, stride: 2, act: 'relu6' }),
        ),
      )
      .pipe('head', (x) => x.globalPool().dense(classes)),
});
