/** @file FasterNet. Chen et al., CVPR 2023, arXiv:2303.03667, table 9: the variant T0. */
import {
  architecture,
  type Block,
  common,
  convNormAct,
  dropPathOption,
  image,
  repeat,
  sidesOf,
  stochasticDepth,
  whereShapesAllow,
} from '../../src/compose/index.ts';

const act = 'gelu';

/** Section 3.3: a conv of the first quarter of the channels only; the others pass. */
const partial: Block = (x) => {
  const some = Math.floor(x.channels / 4);
  return x.slice(0, some).conv(some, { kernel: 3 }).concat(x.slice(some, x.channels));
};

/** Figure 4: partial conv, then 1x1 to twice the width and back; one norm and activation, in the middle. */
const block = (dropPath: number): Block =>
  whereShapesAllow(
    (x) =>
      x
        .pipe('partial', partial)
        .pipe('expand', convNormAct(2 * x.channels, { act }))
        .pipe('project', (y) => y.conv(x.channels)),
    dropPath,
  );

/** Patches that do not overlap, embedded: a conv as wide as its stride, and a norm. */
const embed =
  (out: number, patch: number): Block =>
  (x) =>
    x.conv(out, { kernel: patch, stride: patch, padding: 'valid' }).norm();

// blocks of the stages; channels double from stage to stage
const depths = [1, 2, 8, 2] as const;
const blocks = depths.reduce((n, d) => n + d, 0);

export const fasternetT0 = architecture({
  name: 'fasternet-t0',
  paper: {
    title: "Run, Don't Walk: Chasing Higher FLOPS for Faster Neural Networks",
    authors: 'Chen et al.',
    year: 2023,
    arxiv: '2303.03667',
  },
  options: { dropPath: dropPathOption, ...common({ classes: 1000, size: 224 }) },
  problem: ({ size }) =>
    Math.min(...sidesOf(size)) < 32
      ? `size must be at least 32, which the patches halve to 1, got ${size}`
      : undefined,
  net: ({ dropPath, classes, size, channels }) => {
    let place = 0;
    return depths
      .reduce(
        (x, n, i) => {
          const y = i ? x.pipe(`stage${i + 1}/merge`, embed(2 * x.channels, 2)) : x;
          return y.stack(
            `stage${i + 1}`,
            repeat(n, () => block(stochasticDepth(dropPath, place++, blocks))),
          );
        },
        image(size, channels).pipe('stem', embed(40, 4)),
      )
      .pipe('head', (x) =>
        x
          .globalPool()
          .pipe('features', (y) => y.dense(1280, { bias: false }).act(act))
          .dense(classes),
      );
  },
});
