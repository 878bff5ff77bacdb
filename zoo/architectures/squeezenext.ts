/**
 * @file SqueezeNext, 1.0-SqNxt-23. Gholami et al. 2018, arXiv:1803.10615, figure 3 and table 1. Every conv has a bias
 * and a norm.
 */
import {
  architecture,
  type Block,
  type ConvNormOptions,
  common,
  convNormAct,
  image,
  maxPoolCeil,
  real,
  repeat,
} from '../../src/compose/index.ts';

// channels at width 1 and blocks of each stage
const stages = [
  [32, 6],
  [64, 6],
  [128, 8],
  [256, 1],
] as const;

const conv = (out: number, o: ConvNormOptions = {}): Block => convNormAct(out, { bias: true, ...o });

/** Two 1x1 convs narrow, a 1x3 and a 3x1 filter, a 1x1 widens; the shortcut is a conv where shapes change. */
const block =
  (out: number, stride: number): Block =>
  (x) => {
    const resized = stride > 1 || x.channels > out;
    const reduce = stride > 1 ? 1 : resized ? 4 : 2;
    const narrow = Math.floor(x.channels / reduce);
    return x
      .residual(
        (y) =>
          y
            .pipe('narrow', conv(narrow, { stride }))
            .pipe('squeeze', conv(Math.floor(x.channels / (2 * reduce))))
            .pipe('row', conv(narrow, { kernel: [1, 3] }))
            .pipe('column', conv(narrow, { kernel: [3, 1] }))
            .pipe('widen', conv(out)),
        (y) => (resized ? y.pipe('shortcut', conv(out, { stride })) : y),
      )
      .relu();
  };

export const squeezenext = architecture({
  name: 'squeezenext',
  paper: {
    title: 'SqueezeNext: Hardware-Aware Neural Network Design',
    authors: 'Gholami et al.',
    year: 2018,
    arxiv: '1803.10615',
  },
  options: {
    width: real({ doc: 'width multiplier; the paper has 1, 1.5 and 2', default: 1, min: 0.25, max: 8 }),
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ width, classes, size, channels }) => {
    const wide = (c: number): number => Math.floor(c * width);
    return stages
      .reduce(
        (x, [c, n], i) =>
          x.stack(
            `stage${i + 1}`,
            repeat(n, (j) => block(wide(c), i && !j ? 2 : 1)),
          ),
        image(size, channels).pipe('stem', (x) =>
          maxPoolCeil(3, 2)(conv(wide(64), { kernel: 7, stride: 2, padding: [1, 1, 1, 1] })(x)),
        ),
      )
      .pipe('head', (x) =>
        x
          .pipe('mix', conv(wide(128)))
          .globalPool()
          .dense(classes),
      );
  },
});
