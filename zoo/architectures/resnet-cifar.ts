/**
 * @file ResNet for CIFAR. He, Zhang, Ren and Sun, CVPR 2016, arXiv:1512.03385, section 4.2.
 * Deviation: where sizes change the shortcut is a 1x1 conv with norm (option B), as the distillation benchmarks
 * have it, while the paper pads with zeros (option A).
 */
import {
  architecture,
  type Block,
  common,
  convNorm,
  convNormAct,
  dropPathOption,
  image,
  repeat,
  residual,
  stochasticDepth,
  whole,
} from '../../src/compose/index.ts';

const block = (out: number, stride: number, dropPath: number): Block =>
  residual(
    out,
    (x) =>
      x.pipe('first', convNormAct(out, { kernel: 3, stride })).pipe('second', convNorm(out, { kernel: 3 })),
    { stride, dropPath },
  );

// the table of section 4.2: stage, filters, stride of its first block; n = (depth - 2) / 6 blocks in each
const stages = [
  ['stage1', 16, 1],
  ['stage2', 32, 2],
  ['stage3', 64, 2],
] as const;

export const resnetCifar = architecture({
  name: 'resnet-cifar',
  paper: {
    title: 'Deep Residual Learning for Image Recognition',
    authors: 'He, Zhang, Ren, Sun',
    year: 2016,
    arxiv: '1512.03385',
  },
  options: {
    depth: whole({ doc: 'layers, 6n + 2', default: 20, min: 8, max: 1202 }),
    dropPath: dropPathOption,
    ...common({ classes: 10, size: 32 }),
  },
  problem: ({ depth }) => {
    const near = Math.max(8, 6 * Math.round((depth - 2) / 6) + 2);
    return (depth - 2) % 6
      ? `depth must be 6n + 2 (8, 14, 20, 32, 56, ...), got ${depth}; the nearest is ${near}`
      : undefined;
  },
  net: ({ depth, dropPath, classes, size, channels }) => {
    const n = (depth - 2) / 6;
    return stages
      .reduce(
        (x, [name, c, stride], s) =>
          x.stack(
            name,
            repeat(n, (i) => block(c, i ? 1 : stride, stochasticDepth(dropPath, s * n + i, 3 * n))),
          ),
        image(size, channels).pipe('stem', convNormAct(16, { kernel: 3 })),
      )
      .pipe('head', (x) => x.globalPool().dense(classes));
  },
});
