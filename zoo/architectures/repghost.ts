/**
 * @file RepGhostNet. Chen et al. 2022, arXiv:2211.06088, table 2: GhostNet whose cheap features are added to the others
 * (beside a norm of them) in training, and fold into one filter for deployment. The conv after the pool has a bias and
 * no norm, and is not widened.
 */
import {
  architecture,
  type Block,
  choice,
  common,
  convNorm,
  convNormAct,
  depthwise,
  dropoutOption,
  image,
  reparameterized,
  roundTo,
  squeezeExcite,
  widthOption,
} from '../../src/compose/index.ts';

// kernel k, middle, channels c, squeeze and excite, stride s
const stages = [
  [[3, 8, 16, false, 1]],
  [
    [3, 24, 24, false, 2],
    [3, 36, 24, false, 1],
  ],
  [
    [5, 36, 40, true, 2],
    [5, 60, 40, true, 1],
  ],
  [
    [3, 120, 80, false, 2],
    [3, 100, 80, false, 1],
    [3, 120, 80, false, 1],
    [3, 120, 80, false, 1],
    [3, 240, 112, true, 1],
    [3, 336, 112, true, 1],
  ],
  [
    [5, 336, 160, true, 2],
    [5, 480, 160, false, 1],
    [5, 480, 160, true, 1],
    [5, 480, 160, false, 1],
    [5, 480, 160, true, 1],
  ],
] as const;
type Form = 'train' | 'deploy';

/** Figure 4c: 1x1 conv, then a filter of each channel beside the identity. */
const repGhost =
  (out: number, act: 'relu' | 'none', form: Form): Block =>
  (x) =>
    x
      .pipe('primary', convNormAct(out, { act }))
      .pipe('cheap', reparameterized(out, { kernel: 3, groups: out, point: false, act, form }));

/** Figure 4d. */
const bottleneck =
  (kernel: number, middle: number, out: number, attention: boolean, stride: number, form: Form): Block =>
  (x) =>
    x.residual(
      (y) => {
        const wide = y.pipe('expand', repGhost(middle, 'relu', form));
        const filtered = stride > 1 ? wide.pipe('filter', depthwise({ kernel, stride, act: 'none' })) : wide;
        const squeezed = squeezeExcite(roundTo(4, middle / 4), { gate: 'hardSigmoid' });
        return (attention ? filtered.pipe('attention', squeezed) : filtered).pipe(
          'project',
          repGhost(out, 'none', form),
        );
      },
      (y) =>
        stride === 1 && y.channels === out
          ? y
          : y
              .pipe('shortcut/filter', depthwise({ kernel, stride, act: 'none' }))
              .pipe('shortcut/mix', convNorm(out)),
    );

export const repghostnet = architecture({
  name: 'repghostnet',
  paper: {
    title: 'RepGhost: A Hardware-Efficient Ghost Module via Re-parameterization',
    authors: 'Chen, Guo, Zeng, Ge, Chen',
    year: 2022,
    arxiv: '2211.06088',
  },
  options: {
    width: widthOption(),
    form: choice(['train', 'deploy'], {
      doc: 'train has all branches, deploy is the net that they fold into',
      default: 'train',
    }),
    dropout: dropoutOption({ default: 0.2 }),
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ width, form, dropout, classes, size, channels }) => {
    const wide = (c: number): number => roundTo(4, c * width);
    return stages
      .reduce(
        (x, rows, i) =>
          x.stack(
            `stage${i + 1}`,
            rows.map(([k, middle, c, attention, s]) =>
              bottleneck(k, wide(middle), wide(c), attention, s, form),
            ),
          ),
        image(size, channels).pipe('stem', convNormAct(wide(16), { kernel: 3, stride: 2 })),
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
