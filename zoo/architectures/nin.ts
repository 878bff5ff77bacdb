/**
 * @file Network in Network for CIFAR. Lin, Chen and Yan, ICLR 2014, arXiv:1312.4400, figure 2 and section 4.1: a conv,
 * then 1x1 convs (a perceptron at each place); classes are the means of the last maps. Convs have biases, no norms.
 */
import { architecture, around, type Block, common, image, real } from '../../src/compose/index.ts';

const conv =
  (out: number, kernel = 1): Block =>
  (x) =>
    x.conv(out, { kernel, bias: true }).relu();

export const nin = architecture({
  name: 'nin',
  paper: { title: 'Network In Network', authors: 'Lin, Chen, Yan', year: 2014, arxiv: '1312.4400' },
  options: {
    dropout: real({ doc: 'dropout rate after each pool', default: 0.5, min: 0, max: 0.9 }),
    ...common({ classes: 10, size: 32 }),
  },
  net: ({ dropout, classes, size, channels }) => {
    const pool = { size: 3, stride: 2, padding: around(3) } as const;
    return image(size, channels)
      .pipe('stem', conv(192, 5))
      .stack('stage1', [conv(160), conv(96)])
      .stack('stage2', [(x) => conv(192, 5)(x.maxPool(pool).dropout(dropout)), conv(192), conv(192)])
      .stack('stage3', [(x) => conv(192, 3)(x.avgPool(pool).dropout(dropout)), conv(192)])
      .pipe('head', (x) => conv(classes)(x).globalPool());
  },
});
