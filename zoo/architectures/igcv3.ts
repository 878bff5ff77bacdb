/**
 * @file IGCV3-D. Sun, Li, Liu and Wang, BMVC 2018, arXiv:1806.00178, table 2: MobileNetV2 with its 1x1 convs in two
 * groups and a shuffle between them. The expansion has no activation.
 */
import {
  architecture,
  type Block,
  common,
  convNorm,
  convNormAct,
  depthwise,
  image,
  repeat,
  whereShapesAllow,
  widthOption,
} from '../../src/compose/index.ts';

// expansion t, channels c, repeats n, stride s of the first repeat
const stages = [
  [1, 16, 1, 1],
  [6, 24, 4, 2],
  [6, 32, 6, 2],
  [6, 64, 8, 2],
  [6, 96, 6, 1],
  [6, 160, 6, 2],
  [6, 320, 1, 1],
] as const;

const act = 'relu6';
const groups = 2;

const block = (out: number, { expand, stride }: { expand: number; stride: number }): Block =>
  whereShapesAllow((x) =>
    x
      .pipe('expand', convNorm(expand * x.channels, { groups }))
      .shuffle(groups)
      .pipe('filter', depthwise({ stride, act }))
      .pipe('project', convNorm(out, { groups })),
  );

/** Rounded down, then up to an even number: both groups need as many channels. */
const even = (c: number): number => 2 * Math.ceil(Math.floor(c) / 2);

export const igcv3 = architecture({
  name: 'igcv3',
  paper: {
    title: 'IGCV3: Interleaved Low-Rank Group Convolutions for Efficient Deep Neural Networks',
    authors: 'Sun, Li, Liu, Wang',
    year: 2018,
    arxiv: '1806.00178',
  },
  options: {
    width: widthOption({ min: 0.07 }),
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ width, classes, size, channels }) =>
    stages
      .reduce(
        (x, [t, c, n, s], i) =>
          x.stack(
            `stage${i + 1}`,
            repeat(n, (j) => block(even(c * width), { expand: t, stride: j ? 1 : s })),
          ),
        image(size, channels).pipe('stem', convNormAct(even(32 * width), { kernel: 3, stride: 2, act })),
      )
      .pipe('head', (x) =>
        x
          .pipe('mix', convNormAct(even(1280 * Math.max(1, width)), { act }))
          .globalPool()
          .dense(classes),
      ),
});
