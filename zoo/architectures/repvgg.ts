/**
 * @file RepVGG. Ding et al., CVPR 2021, arXiv:2101.03697, table 2. In training each 3x3 conv has a 1x1 conv and, where
 * shapes agree, the identity beside it, each with a norm; in deployment the three are one conv with a bias, which
 * `foldBranches` computes.
 */
import { item } from '../../src/access.ts';
import { architecture, choice, common, image, reparameterized, repeat } from '../../src/compose/index.ts';

// table 2: blocks of each stage, and its channels
const depths = [2, 4, 14, 1] as const;
const widths = {
  'repvgg-a0': [48, 96, 192, 1280],
  'repvgg-a1': [64, 128, 256, 1280],
} as const;

const repvgg = (name: keyof typeof widths) =>
  architecture({
    name,
    paper: {
      title: 'RepVGG: Making VGG-style ConvNets Great Again',
      authors: 'Ding et al.',
      year: 2021,
      arxiv: '2101.03697',
    },
    options: {
      form: choice(['train', 'deploy'], {
        doc: 'train has all branches, deploy is the plain net that they fold into',
        default: 'train',
      }),
      ...common({ classes: 1000, size: 224 }),
    },
    net: ({ form, classes, size, channels }) => {
      const block = (out: number, stride: number) => reparameterized(out, { kernel: 3, stride, form });
      return depths
        .reduce(
          (x, n, i) =>
            x.stack(
              `stage${i + 1}`,
              repeat(n, (j) => block(item(widths[name], i), j ? 1 : 2)),
            ),
          image(size, channels).pipe('stem', block(Math.min(64, widths[name][0]), 2)),
        )
        .pipe('head', (x) => x.globalPool().dense(classes));
    },
  });

export const repvggA0 = repvgg('repvgg-a0');
export const repvggA1 = repvgg('repvgg-a1');
