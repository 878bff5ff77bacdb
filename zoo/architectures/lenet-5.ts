/**
 * @file LeNet-5. LeCun, Bottou, Bengio and Haffner, Proceedings of the IEEE, 1998, section 2.2 and figure 2.
 * Deviations, as is usual today: C3 reads all maps of S2, pools have no weights, the output layer is linear.
 */
import { architecture, type Block, common, image, sidesOf } from '../../src/compose/index.ts';

/** C: a valid 5x5 conv and tanh. */
const conv =
  (out: number): Block =>
  (x) =>
    x.conv(out, { kernel: 5, padding: 'valid', bias: true }).act('tanh');
/** S: means of 2x2. */
const subsample: Block = (x) => x.avgPool({ size: 2, padding: 'valid' });

export const lenet5 = architecture({
  name: 'lenet-5',
  paper: {
    title: 'Gradient-based learning applied to document recognition',
    authors: 'LeCun, Bottou, Bengio, Haffner',
    year: 1998,
  },
  options: common({ classes: 10, size: 32, channels: 1 }),
  problem: ({ size }) =>
    Math.min(...sidesOf(size)) < 16 ? `size must be at least 16, got ${size}` : undefined,
  net: ({ classes, size, channels }) =>
    image(size, channels)
      .pipe('stem', (x) => conv(6)(x)) // C1
      .pipe('stage1', (x) => conv(16)(subsample(x))) // S2, C3
      .pipe('stage2', (x) => subsample(x).flatten().dense(120).act('tanh')) // S4, C5
      .pipe('head', (x) => x.dense(84).act('tanh').dense(classes)), // F6
});
