/** @file ShuffleNet V2. Ma, Zhang, Zheng and Sun, ECCV 2018, arXiv:1807.11164, table 5, as in torchvision. */
import { item, last } from '../../src/access.ts';
import {
  architecture,
  around,
  type Block,
  common,
  convNormAct,
  depthwise,
  image,
  real,
  repeat,
  skip,
  strideOption,
  stridesFor,
} from '../../src/compose/index.ts';

// table 5: channels of the three stages and of the last conv
const published: Readonly<Record<number, readonly [number, number, number, number]>> = {
  0.5: [48, 96, 192, 1024],
  1: [116, 232, 464, 1024],
  1.5: [176, 352, 704, 1024],
  2: [244, 488, 976, 2048],
};
const repeats = [4, 8, 4] as const;

const even = (c: number): number => 2 * Math.max(1, Math.round(c / 2));
/** Other widths scale those of width 1, to an even number, since each unit splits its channels in two. */
const channelsFor = (width: number): readonly number[] =>
  published[width] ??
  [116, 232, 464, Math.max(1024, 1024 * width)].map((c, i) => even(i < 3 ? c * width : c));

const branch =
  (half: number, stride: number): Block =>
  (x) =>
    x
      .pipe('first', convNormAct(half))
      .pipe('filter', depthwise({ stride, act: 'none' }))
      .pipe('second', convNormAct(half));

/** Figure 3c and d: half the channels pass by, or both halves are made anew at stride 2; a shuffle mixes the halves. */
const unit =
  (out: number, stride: number): Block =>
  (x) => {
    const half = out / 2;
    const left: Block = (y) =>
      y.pipe('filter', depthwise({ stride, act: 'none' })).pipe('mix', convNormAct(half));
    const joined =
      stride === 1 && x.channels === out
        ? x.slice(0, half).concat(x.slice(half, out).pipe('right', branch(half, 1)))
        : x.pipe('left', left).concat(x.pipe('right', branch(half, stride)));
    return joined.shuffle(2);
  };

export const shufflenetV2 = architecture({
  name: 'shufflenet-v2',
  paper: {
    title: 'ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design',
    authors: 'Ma, Zhang, Zheng, Sun',
    year: 2018,
    arxiv: '1807.11164',
  },
  options: {
    width: real({ doc: 'width multiplier; the paper has 0.5, 1, 1.5 and 2', default: 1, min: 0.05, max: 8 }),
    stride: strideOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ width, stride, classes, size, channels }) => {
    const strideOf = stridesFor(stride);
    const stem = convNormAct(24, { kernel: 3, stride: strideOf(2) });
    const pool: Block =
      strideOf(2) === 2 ? (x) => x.maxPool({ size: 3, stride: 2, padding: around(3) }) : skip;
    const widths = channelsFor(width);
    return widths
      .slice(0, -1)
      .reduce(
        (x, c, i) =>
          x.stack(
            `stage${i + 1}`,
            repeat(item(repeats, i), (j) => unit(c, strideOf(j ? 1 : 2))),
          ),
        image(size, channels).pipe('stem', (x) => pool(stem(x))),
      )
      .pipe('head', (x) =>
        x
          .pipe('mix', convNormAct(last(widths)))
          .globalPool()
          .dense(classes),
      );
  },
});
