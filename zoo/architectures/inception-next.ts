/**
 * @file InceptionNeXt. Yu et al., CVPR 2024, arXiv:2303.16900, section 3 and table 1: ConvNeXt with batch norms, whose filter is
 * a square and two bands over an eighth of the channels each. Official code: sail-sg/inceptionnext (Apache-2.0).
 */
import {
  architecture,
  type Block,
  choice,
  common,
  dropoutOption,
  dropPathOption,
  type Flow,
  image,
  real,
  repeat,
  stochasticDepth,
  widthOption,
} from '../../src/compose/index.ts';

/** Channels of the first stage, which double from stage to stage, blocks of the stages, length of the bands, share of a branch. */
const variants = {
  atto: { first: 40, depths: [2, 2, 6, 2], band: 9, share: 0.25 },
  tiny: { first: 96, depths: [3, 3, 9, 3], band: 11, share: 0.125 },
  small: { first: 96, depths: [3, 3, 27, 3], band: 11, share: 0.125 },
  base: { first: 128, depths: [3, 3, 27, 3], band: 11, share: 0.125 },
} as const;
type Variant = (typeof variants)[keyof typeof variants];
const bias = true;

/** Equation 2: the first channels pass, the others are filtered by a square, a row and a column. */
const inception =
  ({ band, share }: Variant): Block =>
  (x) => {
    const n = Math.max(1, Math.floor(x.channels * share));
    const rest = x.channels - 3 * n;
    const branches = ([3, [1, band], [band, 1]] as const).map((kernel, i) =>
      x
        .slice(rest + i * n, rest + (i + 1) * n)
        .pipe(['square', 'row', 'column'][i] ?? '', (y) => y.conv(n, { kernel, groups: n, bias })),
    );
    return x.slice(0, rest).concat(...branches);
  };
/** Figure 3. */
const block = (variant: Variant, expand: number, initial: number, dropPath: number): Block => {
  const body: Block = (x) =>
    x
      .pipe('filter', (y) => inception(variant)(y).norm())
      .pipe('expand', (y) => y.conv(expand * x.channels, { bias }).act('gelu'))
      .pipe('project', (y) => y.conv(x.channels, { bias }).scale({ initial }));
  return (x) => x.residual((y) => body(y).dropPath(dropPath));
};
const patches = (x: Flow<'map'>, out: number, size: number): Flow<'map'> =>
  x.conv(out, { kernel: size, stride: size, padding: 'valid', bias });

export const inceptionNext = architecture({
  name: 'inception-next',
  paper: {
    title: 'InceptionNeXt: When Inception Meets ConvNeXt',
    authors: 'Yu, Zhou, Yan, Wang',
    year: 2024,
    arxiv: '2303.16900',
  },
  options: {
    variant: choice(['atto', 'tiny', 'small', 'base'], { doc: 'which of the nets', default: 'atto' }),
    width: widthOption({ min: 0.1 }),
    layerScale: real({ doc: 'where the scale of each branch begins', default: 1e-6, min: 0, max: 1 }),
    dropout: dropoutOption({ default: 0 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ width, layerScale, dropout, dropPath, classes, size, channels, ...o }) => {
    const variant = variants[o.variant];
    const { first, depths } = variant;
    const out = (stage: number): number => Math.max(4, Math.round(first * 2 ** stage * width));
    const blocks = depths.reduce((n, d) => n + d, 0);
    let place = 0;
    return depths
      .reduce(
        (x, n, i) => {
          const down: Block = (y) => patches(y.norm(), out(i), 2);
          const rate = (): number => stochasticDepth(dropPath, place++, blocks);
          return (i ? x.pipe(`stage${i + 1}/down`, down) : x).stack(
            `stage${i + 1}`,
            repeat(n, () => block(variant, i < 3 ? 4 : 3, layerScale, rate())),
          );
        },
        image(size, channels).pipe('stem', (x) => patches(x, out(0), 4).norm()),
      )
      .pipe('head', (x) =>
        x
          .globalPool()
          .pipe('features', (y) =>
            y
              .dense(3 * y.channels)
              .act('gelu')
              .layerNorm(),
          )
          .dropout(dropout)
          .dense(classes),
      );
  },
});
