/**
 * @file Ba and Caruana's shallow net: Do Deep Nets Really Need to be Deep? NeurIPS 2014, arXiv:1312.6184, section 2.3.
 * One wide hidden layer, its weights factorized by a linear bottleneck: beta f(U (V x)) costs k (H + D) weights for
 * k units in the bottleneck, H hidden units and D inputs, in place of H D.
 */
import { architecture, common, image, whole } from '../../src/compose/index.ts';

export const snn = architecture({
  name: 'snn',
  paper: {
    title: 'Do Deep Nets Really Need to be Deep?',
    authors: 'Ba, Caruana',
    year: 2014,
    arxiv: '1312.6184',
  },
  options: {
    units: whole({ doc: 'hidden units, H', default: 8000, min: 1, max: 1_000_000 }),
    bottleneck: whole({
      doc: 'linear units before them, k; 0 leaves the bottleneck out',
      default: 250,
      min: 0,
      max: 100_000,
    }),
    ...common({ classes: 10, size: 28, channels: 1 }),
  },
  net: ({ units, bottleneck, classes, size, channels }) =>
    image(size, channels)
      .pipe('stem', (x) => {
        const all = x.flatten();
        return bottleneck ? all.dense(bottleneck, { bias: false }) : all;
      })
      .pipe('stage1', (x) => x.dense(units).relu())
      .pipe('head', (x) => x.dense(classes)),
});
