/**
 * @file MobileNetV2: Inverted Residuals and Linear Bottlenecks. Sandler et al., CVPR 2018, arXiv:1801.04381.
 * As in the released models, the last conv is never narrower than 1280; `mix` replaces this number.
 */
import {
  architecture,
  common,
  convNormAct,
  dropoutOption,
  dropPathOption,
  image,
  invertedResidual,
  repeat,
  round8,
  stochasticDepth,
  strideOption,
  stridesFor,
  whole,
  widthOption,
} from '../../src/compose/index.ts';

// table 2: expansion t, channels c, repeats n, stride s of the first repeat
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

const blocks = stages.reduce((sum, [, , n]) => sum + n, 0);

export const mobilenetV2 = architecture({
  name: 'mobilenet-v2',
  paper: {
    title: 'MobileNetV2: Inverted Residuals and Linear Bottlenecks',
    authors: 'Sandler, Howard, Zhu, Zhmoginov, Chen',
    year: 2018,
    arxiv: '1801.04381',
  },
  options: {
    width: widthOption(),
    mix: whole({ doc: 'the least channels of the last conv', default: 1280, min: 8, max: 8192 }),
    dropout: dropoutOption({ default: 0.2 }),
    dropPath: dropPathOption,
    stride: strideOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ width, mix, dropout, dropPath, stride, classes, size, channels }) => {
    const strideOf = stridesFor(stride);
    let place = 0;
    const rate = (): number => stochasticDepth(dropPath, place++, blocks);
    return stages
      .reduce(
        (x, [t, c, n, s], i) =>
          x.stack(
            `stage${i + 1}`,
            repeat(n, (j) =>
              invertedResidual(round8(c * width), {
                expand: t,
                stride: strideOf(j ? 1 : s),
                dropPath: rate(),
              }),
            ),
          ),
        image(size, channels).pipe(
          'stem',
          convNormAct(round8(32 * width), { kernel: 3, stride: strideOf(2), act: 'relu6' }),
        ),
      )
      .pipe('head', (x) =>
        x
          .pipe('mix', convNormAct(Math.max(mix, round8(mix * width)), { act: 'relu6' }))
          .globalPool()
          .dropout(dropout)
          .dense(classes),
      );
  },
});
