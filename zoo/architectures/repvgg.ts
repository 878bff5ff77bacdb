/**
 * @file RepVGG. Ding et al., CVPR 2021, arXiv:2101.03697, table 2. In training each 3x3 conv has a 1x1 conv and, where
 * shapes agree, the identity beside it, each with a norm; in deployment the three are one conv with a bias, which
 * `foldBranches` computes.
 */
import { item } from '../../src/access.ts';
import {
  architecture,
  type Block,
  choice,
  common,
  type Flow,
  image,
  reparameterized,
  repeat,
  type Sides,
  skip,
  squeezeExcite,
} from '../../src/compose/index.ts';

// table 2: blocks of each stage, and its channels; groups of every second conv (g4), and squeeze and excite of D2se, which is later
const a = [2, 4, 14, 1] as const;
const b = [4, 6, 16, 1] as const;
const nets = {
  a0: { depths: a, widths: [48, 96, 192, 1280] },
  a1: { depths: a, widths: [64, 128, 256, 1280] },
  a2: { depths: a, widths: [96, 192, 384, 1408] },
  b0: { depths: b, widths: [64, 128, 256, 1280] },
  b1: { depths: b, widths: [128, 256, 512, 2048] },
  b1g4: { depths: b, widths: [128, 256, 512, 2048], groups: 4 },
  b2: { depths: b, widths: [160, 320, 640, 2560] },
  b2g4: { depths: b, widths: [160, 320, 640, 2560], groups: 4 },
  b3: { depths: b, widths: [192, 384, 768, 2560] },
  b3g4: { depths: b, widths: [192, 384, 768, 2560], groups: 4 },
  d2se: { depths: [8, 14, 24, 1], widths: [160, 320, 640, 2560], squeezed: true },
} as const;
interface Table {
  readonly depths: readonly number[];
  readonly widths: readonly [number, ...number[]];
  readonly groups?: number;
  readonly squeezed?: boolean;
}

const paper = {
  title: 'RepVGG: Making VGG-style ConvNets Great Again',
  authors: 'Ding et al.',
  year: 2021,
  arxiv: '2101.03697',
};
const options = {
  form: choice(['train', 'deploy'], {
    doc: 'train has all branches, deploy is the plain net that they fold into',
    default: 'train',
  }),
  ...common({ classes: 1000, size: 224 }),
};
interface Options extends Record<'classes' | 'channels', number> {
  readonly size: number | Sides;
  readonly form: 'train' | 'deploy';
}

function net({ depths, widths, groups = 1, squeezed = false }: Table, o: Options): Flow<'vec'> {
  const excite: Block = (x) => squeezeExcite(Math.floor(x.channels / 16))(x);
  const block = (out: number, stride: number, groups = 1) =>
    reparameterized(out, { kernel: 3, stride, groups, attention: squeezed ? excite : skip, form: o.form });
  return depths
    .reduce(
      (x, n, i) =>
        x.stack(
          `stage${i + 1}`,
          repeat(n, (j) => block(item(widths, i), j ? 1 : 2, j % 2 ? groups : 1)),
        ),
      image(o.size, o.channels).pipe('stem', block(Math.min(64, widths[0]), 2)),
    )
    .pipe('head', (x) => x.globalPool().dense(o.classes));
}

export const repvggA0 = architecture({ name: 'repvgg-a0', paper, options, net: (o) => net(nets.a0, o) });
export const repvggA1 = architecture({ name: 'repvgg-a1', paper, options, net: (o) => net(nets.a1, o) });
export const repvgg = architecture({
  name: 'repvgg',
  paper,
  options: {
    variant: choice(['a2', 'b0', 'b1', 'b1g4', 'b2', 'b2g4', 'b3', 'b3g4', 'd2se'], {
      doc: 'which of the larger nets',
      default: 'a2',
    }),
    ...options,
  },
  net: ({ variant, ...o }) => net(nets[variant], o),
});
