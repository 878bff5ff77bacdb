/**
 * @file Wide Residual Networks. Zagoruyko and Komodakis, BMVC 2016, arXiv:1605.07146.
 * Official code: szagoruyko/wide-residual-networks (BSD). The stem is always 16 wide, as there.
 */
import {
  architecture,
  type Block,
  common,
  convNormAct,
  dropPathOption,
  image,
  preActivation,
  real,
  repeat,
  stochasticDepth,
  whole,
} from '../../src/compose/index.ts';

/** Two 3x3 convs, norm and activation first; a bare 1x1 conv of the activated input where shapes change. */
const block = (out: number, stride: number, o: { dropout: number; dropPath: number }): Block =>
  preActivation(
    out,
    (x) =>
      x
        .pipe('first', convNormAct(out, { kernel: 3, stride }))
        .dropout(o.dropout)
        .pipe('second', (y) => y.conv(out, { kernel: 3 })),
    { stride, shortcut: 'conv', dropPath: o.dropPath },
  );

// Table 1: group name, channels at width 1, stride of the first block; n = (depth - 4) / 6 blocks in each
const groups = [
  ['stage1', 16, 1],
  ['stage2', 32, 2],
  ['stage3', 64, 2],
] as const;

export const wrn = architecture({
  name: 'wrn',
  paper: {
    title: 'Wide Residual Networks',
    authors: 'Zagoruyko, Komodakis',
    year: 2016,
    arxiv: '1605.07146',
  },
  options: {
    depth: whole({ doc: 'layers, 6n + 4', default: 16, min: 10, max: 1000 }),
    width: whole({ doc: 'widening factor k', default: 1, min: 1, max: 64 }),
    dropout: real({ doc: 'dropout rate between the convs of a block', default: 0, min: 0, max: 0.9 }),
    dropPath: dropPathOption,
    ...common({ classes: 10, size: 32 }),
  },
  problem: ({ depth }) => {
    const near = Math.max(10, 6 * Math.round((depth - 4) / 6) + 4);
    return (depth - 4) % 6
      ? `depth must be 6n + 4 (10, 16, 22, 28, 40, ...), got ${depth}; the nearest is ${near}`
      : undefined;
  },
  net: ({ depth, width, dropout, dropPath, classes, size, channels }) => {
    const n = (depth - 4) / 6;
    return groups
      .reduce(
        (x, [name, c, stride], g) =>
          x.stack(
            name,
            repeat(n, (i) =>
              block(c * width, i ? 1 : stride, {
                dropout,
                dropPath: stochasticDepth(dropPath, g * n + i, 3 * n),
              }),
            ),
          ),
        image(size, channels).pipe('stem', (x) => x.conv(16, { kernel: 3 })),
      )
      .pipe('head', (x) => x.norm().relu().globalPool().dense(classes));
  },
});
