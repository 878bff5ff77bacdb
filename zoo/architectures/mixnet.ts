/**
 * @file MixNet. Tan and Le, BMVC 2019, arXiv:1907.09595, figure 5: inverted residuals whose depthwise filters have
 * several kernel sizes, each for a part of the channels, and whose 1x1 convs may be in parts, too. As in timm, of
 * PyTorch descent. L is `variant=m width=1.3`, XL is `variant=m width=1.6 depth=1.2`.
 */
import {
  architecture,
  type Block,
  choice,
  common,
  convNormAct,
  dropoutOption,
  dropPathOption,
  image,
  invertedResidual,
  mixedConv,
  real,
  repeat,
  round8,
  scaleRepeats,
  skip,
  squeezeExcite,
  stochasticDepth,
  whereShapesAllow,
  widthOption,
} from '../../src/compose/index.ts';

/** Repeats, kernels, parts of the 1x1 convs that expand and project, stride, expansion, channels, squeeze and excite. */
type Row = readonly [
  repeats: number,
  kernels: readonly number[],
  parts: readonly [number, number],
  stride: number,
  expand: number,
  channels: number,
  squeeze: number,
];
const row = (...values: Row): Row => values;
const s = [
  [row(1, [3], [2, 2], 2, 6, 24, 0), row(1, [3], [2, 2], 1, 3, 24, 0)],
  [row(1, [3, 5, 7], [1, 1], 2, 6, 40, 0.5), row(3, [3, 5], [2, 2], 1, 6, 40, 0.5)],
  [row(1, [3, 5, 7], [1, 2], 2, 6, 80, 0.25), row(2, [3, 5], [1, 2], 1, 6, 80, 0.25)],
  [row(1, [3, 5, 7], [2, 2], 1, 6, 120, 0.5), row(2, [3, 5, 7, 9], [2, 2], 1, 3, 120, 0.5)],
  [row(1, [3, 5, 7, 9, 11], [1, 1], 2, 6, 200, 0.5), row(2, [3, 5, 7, 9], [1, 2], 1, 6, 200, 0.5)],
];
const m = [
  [row(1, [3, 5, 7], [2, 2], 2, 6, 32, 0), row(1, [3], [2, 2], 1, 3, 32, 0)],
  [row(1, [3, 5, 7, 9], [1, 1], 2, 6, 40, 0.5), row(3, [3, 5], [2, 2], 1, 6, 40, 0.5)],
  [row(1, [3, 5, 7], [1, 1], 2, 6, 80, 0.25), row(3, [3, 5, 7, 9], [2, 2], 1, 6, 80, 0.25)],
  [row(1, [3], [1, 1], 1, 6, 120, 0.5), row(3, [3, 5, 7, 9], [2, 2], 1, 3, 120, 0.5)],
  [row(1, [3, 5, 7, 9], [1, 1], 2, 6, 200, 0.5), row(3, [3, 5, 7, 9], [1, 2], 1, 6, 200, 0.5)],
];

const block = ([, kernels, parts, stride, expand, out, squeeze]: Row, dropPath: number): Block => {
  const body: Block = (x) => {
    const act = squeeze ? 'swish' : 'relu';
    const middle = round8(x.channels * expand);
    const points = (n: number): number[] => repeat(n, () => 1);
    return x
      .pipe('expand', mixedConv(middle, points(parts[0]), { act }))
      .pipe('filter', mixedConv(middle, kernels, { act, stride, depthwise: true }))
      .pipe('attention', squeeze ? squeezeExcite(Math.round(squeeze * x.channels), { act }) : skip)
      .pipe('project', mixedConv(out, points(parts[1]), { act: 'none' }));
  };
  return stride === 1 ? whereShapesAllow(body, dropPath) : body;
};

export const mixnet = architecture({
  name: 'mixnet',
  paper: {
    title: 'MixConv: Mixed Depthwise Convolutional Kernels',
    authors: 'Tan, Le',
    year: 2019,
    arxiv: '1907.09595',
  },
  options: {
    variant: choice(['s', 'm'], { doc: 'which of the tables', default: 's' }),
    width: widthOption(),
    depth: real({ doc: 'depth multiplier; repeats are rounded', default: 1, min: 0.1, max: 8 }),
    dropout: dropoutOption({ default: 0.2 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ variant, width, depth, dropout, dropPath, classes, size, channels }) => {
    const round = (c: number): number => round8(c * width);
    const stem = round({ s: 16, m: 24 }[variant]);
    const stages = { s, m }[variant].map((rows) => {
      const repeats = scaleRepeats(
        rows.map(([n]) => n),
        depth,
        Math.round,
      );
      return rows.flatMap((r, i) =>
        repeat(repeats[i] ?? 1, (j): Row => [1, r[1], r[2], j ? 1 : r[3], r[4], round(r[5]), r[6]]),
      );
    });
    const count = stages.flat().length + 1;
    let place = 0;
    return stages
      .reduce(
        (x, rows, i) =>
          x.stack(
            `stage${i + 2}`,
            rows.map((r) => block(r, stochasticDepth(dropPath, ++place, count))),
          ),
        image(size, channels)
          .pipe('stem', convNormAct(stem, { kernel: 3, stride: 2 }))
          .pipe('stage1/0', invertedResidual(stem, { expand: 1, act: 'relu' })),
      )
      .pipe('head', (x) => x.pipe('mix', convNormAct(1536)).globalPool().dropout(dropout).dense(classes));
  },
});
