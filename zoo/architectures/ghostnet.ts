/**
 * @file GhostNet. Han et al., CVPR 2020, arXiv:1911.11907, table 1. As in the released nets the conv after the pool has
 * a bias and no norm, and is not widened.
 */
import {
  architecture,
  type Block,
  common,
  convNorm,
  convNormAct,
  depthwise,
  dropoutOption,
  ghost,
  input,
  roundTo,
  squeezeExcite,
  strideOption,
  stridesFor,
  widthOption,
} from '../../src/compose/index.ts';

// table 1: kernel k, expansion size, channels c, squeeze and excite, stride s
const stages = [
  [[3, 16, 16, false, 1]],
  [
    [3, 48, 24, false, 2],
    [3, 72, 24, false, 1],
  ],
  [
    [5, 72, 40, true, 2],
    [5, 120, 40, true, 1],
  ],
  [
    [3, 240, 80, false, 2],
    [3, 200, 80, false, 1],
    [3, 184, 80, false, 1],
    [3, 184, 80, false, 1],
    [3, 480, 112, true, 1],
    [3, 672, 112, true, 1],
  ],
  [
    [5, 672, 160, true, 2],
    [5, 960, 160, false, 1],
    [5, 960, 160, true, 1],
    [5, 960, 160, false, 1],
    [5, 960, 160, true, 1],
  ],
] as const;

/** Figure 3. */
const bottleneck =
  (kernel: number, middle: number, out: number, attention: boolean, stride: number): Block =>
  (x) =>
    x.residual(
      (y) => {
        const wide = y.pipe('expand', ghost(middle));
        const filtered = stride > 1 ? wide.pipe('filter', depthwise({ kernel, stride, act: 'none' })) : wide;
        const squeezed = squeezeExcite(roundTo(4, middle / 4), { gate: 'hardSigmoid' });
        return (attention ? filtered.pipe('attention', squeezed) : filtered).pipe(
          'project',
          ghost(out, { act: 'none' }),
        );
      },
      (y) =>
        stride === 1 && y.channels === out
          ? y
          : y
              .pipe('shortcut/filter', depthwise({ kernel, stride, act: 'none' }))
              .pipe('shortcut/mix', convNorm(out)),
    );

export const ghostnet = architecture({
  name: 'ghostnet',
  paper: {
    title: 'GhostNet: More Features from Cheap Operations',
    authors: 'Han et al.',
    year: 2020,
    arxiv: '1911.11907',
  },
  options: {
    width: widthOption(),
    dropout: dropoutOption({ default: 0.2 }),
    stride: strideOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ width, dropout, stride, classes, size, channels }) => {
    const strideOf = stridesFor(stride);
    const wide = (c: number): number => roundTo(4, c * width);
    return stages
      .reduce(
        (x, rows, i) =>
          x.stack(
            `stage${i + 1}`,
            rows.map(([k, middle, c, attention, s]) =>
              bottleneck(k, wide(middle), wide(c), attention, strideOf(s)),
            ),
          ),
        input(size, size, channels).pipe('stem', convNormAct(wide(16), { kernel: 3, stride: strideOf(2) })),
      )
      .pipe('head', (x) =>
        x
          .pipe('mix', convNormAct(wide(960)))
          .globalPool()
          .pipe('features', (y) => y.dense(1280).relu())
          .dropout(dropout)
          .dense(classes),
      );
  },
});
