/**
 * @file MobileOne. Vasu et al., CVPR 2023, arXiv:2206.04040, tables 2 and 3: depthwise and pointwise blocks in turn.
 * In training each conv is the sum of `branches` convs, a 1x1 conv (beside 3x3 ones) and, where shapes agree, the
 * identity, each with a norm; in deployment it is one conv with a bias, which `foldBranches` computes.
 */
import { item } from '../../src/access.ts';
import {
  architecture,
  type Block,
  choice,
  common,
  image,
  reparameterized,
  repeat,
  roundTo,
  skip,
  squeezeExcite,
} from '../../src/compose/index.ts';

// table 2: blocks of each stage, and its channels at width 1
const stages = [
  [2, 64],
  [8, 128],
  [10, 256],
  [1, 512],
] as const;
// table 3: width multipliers of the stages, over-parameterization k; how many last blocks squeeze and excite
const variants = {
  'mobileone-s0': { widths: [0.75, 1, 1, 2], branches: 4, squeezed: [0, 0, 0, 0] },
  'mobileone-s1': { widths: [1.5, 1.5, 2, 2.5], branches: 1, squeezed: [0, 0, 0, 0] },
  'mobileone-s2': { widths: [1.5, 2, 2.5, 4], branches: 1, squeezed: [0, 0, 0, 0] },
  'mobileone-s3': { widths: [2, 2.5, 3, 4], branches: 1, squeezed: [0, 0, 0, 0] },
  'mobileone-s4': { widths: [3, 3.5, 3.5, 4], branches: 1, squeezed: [0, 0, 5, 1] },
} as const;

/** To a sixteenth of the channels, rounded to a multiple of 8. */
const excite: Block = (x) => squeezeExcite(roundTo(8, x.channels / 16, 8, 0))(x);

const mobileone = (name: keyof typeof variants) =>
  architecture({
    name,
    paper: {
      title: 'MobileOne: An Improved One millisecond Mobile Backbone',
      authors: 'Vasu, Gabriel, Zhu, Tuzel, Ranjan',
      year: 2023,
      arxiv: '2206.04040',
    },
    options: {
      form: choice(['train', 'deploy'], {
        doc: 'train has all branches, deploy is the plain net that they fold into',
        default: 'train',
      }),
      ...common({ classes: 1000, size: 224 }),
    },
    net: ({ form, classes, size, channels }) => {
      const { widths, branches, squeezed } = variants[name];
      const block =
        (out: number, stride: number, attention: Block): Block =>
        (x) => {
          const shared = { branches, attention, form };
          return x
            .pipe('filter', reparameterized(x.channels, { kernel: 3, stride, groups: x.channels, ...shared }))
            .pipe('mix', reparameterized(out, shared));
        };
      const stem = Math.min(64, 64 * widths[0]);
      return stages
        .reduce(
          (x, [n, c], i) =>
            x.stack(
              `stage${i + 1}`,
              repeat(n, (j) =>
                block(c * item(widths, i), j ? 1 : 2, j < n - item(squeezed, i) ? skip : excite),
              ),
            ),
          image(size, channels).pipe('stem', reparameterized(stem, { kernel: 3, stride: 2, form })),
        )
        .pipe('head', (x) => x.globalPool().dense(classes));
    },
  });

export const mobileoneS0 = mobileone('mobileone-s0');
export const mobileoneS1 = mobileone('mobileone-s1');
export const mobileoneS2 = mobileone('mobileone-s2');
export const mobileoneS3 = mobileone('mobileone-s3');
export const mobileoneS4 = mobileone('mobileone-s4');
