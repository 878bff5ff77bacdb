/**
 * @file Xception. Chollet, CVPR 2017, arXiv:1610.02357, figure 5. Padding is symmetric and norms have eps 1e-5, as in
 * timm; its separable convs have no activation between filter and mix.
 */
import { last } from '../../src/access.ts';
import {
  architecture,
  around,
  type Block,
  chain,
  common,
  convNorm,
  convNormAct,
  image,
  repeat,
} from '../../src/compose/index.ts';

const separable =
  (out: number): Block =>
  (x) =>
    x.pipe('filter', (y) => y.depthwise()).pipe('mix', (y) => y.conv(out).norm());

/** relu and separable conv, as often as `widths` says; residual around all of them, with a 1x1 conv where shapes change. */
const block =
  (
    widths: readonly number[],
    { stride = 1, first = false }: { stride?: number; first?: boolean } = {},
  ): Block =>
  (x) => {
    const out = last(widths);
    const body = widths.map(
      (c, i): Block =>
        (y) =>
          (first && !i ? y : y.relu()).pipe(`separable${i}`, separable(c)),
    );
    return x.residual(
      (y) => {
        const z = chain(...body)(y);
        return stride > 1 ? z.maxPool({ size: 3, stride, padding: around(3) }) : z;
      },
      (y) => (out === x.channels && stride === 1 ? y : y.pipe('shortcut', convNorm(out, { stride }))),
    );
  };

// entry, middle and exit flow: per stage its blocks, and per block the channels of its separable convs
const stages = [
  [[128, 128]],
  [[256, 256]],
  [[728, 728]],
  repeat(8, () => [728, 728, 728]),
  [[728, 1024]],
] as const;

export const xception = architecture({
  name: 'xception',
  paper: {
    title: 'Xception: Deep Learning with Depthwise Separable Convolutions',
    authors: 'Chollet',
    year: 2017,
    arxiv: '1610.02357',
  },
  options: common({ classes: 1000, size: 299 }),
  net: ({ classes, size, channels }) =>
    stages
      .reduce(
        (x, blocks, i) =>
          x.stack(
            `stage${i + 1}`,
            blocks.map((widths) => block(widths, { stride: i === 3 ? 1 : 2, first: i === 0 })),
          ),
        image(size, channels)
          .pipe('stem/first', convNormAct(32, { kernel: 3, stride: 2, padding: 'valid' }))
          .pipe('stem/second', convNormAct(64, { kernel: 3, padding: 'valid' })),
      )
      .pipe('head', (x) =>
        x
          .pipe('first', (y) => separable(1536)(y).relu())
          .pipe('second', (y) => separable(2048)(y).relu())
          .globalPool()
          .dense(classes),
      ),
});
