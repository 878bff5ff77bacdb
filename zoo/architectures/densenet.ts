/**
 * @file DenseNet. Huang, Liu, van der Maaten and Weinberger, CVPR 2017, arXiv:1608.06993, table 1 (DenseNet-121), and
 * section 4.1 for CIFAR: three blocks, with bottleneck and compression (DenseNet-BC) or without the bottleneck.
 * Deviation: without the bottleneck, too, transitions halve the channels, as the published counts have it.
 */
import {
  architecture,
  around,
  type Block,
  choice,
  common,
  flag,
  image,
  repeat,
  type Sides,
  whole,
} from '../../src/compose/index.ts';

const paper = {
  title: 'Densely Connected Convolutional Networks',
  authors: 'Huang, Liu, van der Maaten, Weinberger',
  year: 2017,
  arxiv: '1608.06993',
};

const preConv =
  (out: number, kernel: number): Block =>
  (x) =>
    x.norm().relu().conv(out, { kernel });

/** Section 3: all that came before, and `growth` new channels. With the bottleneck, 1x1 to 4 * growth comes first. */
const layer =
  (growth: number, bottleneck: boolean): Block =>
  (x) =>
    x.concat((bottleneck ? x.pipe('narrow', preConv(4 * growth, 1)) : x).pipe('filter', preConv(growth, 3)));

/** Between dense blocks: half the channels, half the size. */
const transition: Block = (x) =>
  preConv(Math.floor(x.channels / 2), 1)(x).avgPool({ size: 2, padding: 'valid' });

const denseStages =
  (depths: readonly number[], growth: number, bottleneck: boolean): Block =>
  (x) =>
    depths.reduce(
      (y, n, i) =>
        (i ? y.pipe(`stage${i + 1}/transition`, transition) : y).stack(
          `stage${i + 1}`,
          repeat(n, () => layer(growth, bottleneck)),
        ),
      x,
    );

const head =
  (classes: number): Block<'map', 'vec'> =>
  (x) =>
    x.norm().relu().globalPool().dense(classes);

/** Table 1: a stem of 2k channels, then dense blocks. */
const imagenet = (size: number | Sides, channels: number, depths: readonly number[], growth: number) => {
  const stem: Block = (x) => {
    const y = x.conv(2 * growth, { kernel: 7, stride: 2, padding: around(7) });
    return y
      .norm()
      .relu()
      .maxPool({ size: 3, stride: 2, padding: around(3) });
  };
  return denseStages(depths, growth, true)(image(size, channels).pipe('stem', stem));
};

export const densenet121 = architecture({
  name: 'densenet-121',
  paper,
  options: common({ classes: 1000, size: 224 }),
  net: ({ classes, size, channels }) =>
    imagenet(size, channels, [6, 12, 24, 16], 32).pipe('head', head(classes)),
});

/** Layers of the dense blocks, and k. */
const variants = {
  '169': [[6, 12, 32, 32], 32],
  '201': [[6, 12, 48, 32], 32],
  '161': [[6, 12, 36, 24], 48],
} as const;
export const densenet = architecture({
  name: 'densenet',
  paper,
  options: {
    variant: choice(['169', '201', '161'], { doc: 'which of the larger nets', default: '169' }),
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ variant, classes, size, channels }) => {
    const [depths, growth] = variants[variant];
    return imagenet(size, channels, depths, growth).pipe('head', head(classes));
  },
});

export const densenetCifar = architecture({
  name: 'densenet-cifar',
  paper,
  options: {
    depth: whole({ doc: 'layers, 3n + 4, or 6n + 4 with bottlenecks', default: 40, min: 7, max: 400 }),
    growth: whole({ doc: 'new channels per layer, k', default: 12, min: 1, max: 256 }),
    bottleneck: flag({ doc: 'a 1x1 conv to 4k channels before each 3x3 conv', default: false }),
    ...common({ classes: 10, size: 32 }),
  },
  problem: ({ depth, bottleneck }) => {
    const step = bottleneck ? 6 : 3;
    const near = Math.max(step, step * Math.round((depth - 4) / step)) + 4;
    return (depth - 4) % step
      ? `depth must be ${step}n + 4${bottleneck ? ' with bottlenecks' : ''}, got ${depth}; the nearest is ${near}`
      : undefined;
  },
  net: ({ depth, growth, bottleneck, classes, size, channels }) => {
    const n = (depth - 4) / (bottleneck ? 6 : 3);
    const stem = image(size, channels).pipe('stem', (x) => x.conv(2 * growth, { kernel: 3 }));
    return denseStages([n, n, n], growth, bottleneck)(stem).pipe('head', head(classes));
  },
});
