/**
 * @file FastViT. Vasu et al., ICCV 2023, arXiv:2303.14189, table 2 and figure 2, and the image encoders of MobileCLIP (mci0 to mci4,
 * arXiv:2311.17049 and arXiv:2508.20691), as in timm. In training, filters and patches are sums of branches; in deployment each is one
 * conv, which `foldBranches` computes.
 */
import {
  architecture,
  type Block,
  choice,
  common,
  dropoutOption,
  dropPathOption,
  type Flow,
  image,
  real,
  reparameterized,
  repeat,
  roundTo,
  skip,
  squeezeExcite,
  stochasticDepth,
} from '../../src/compose/index.ts';
import { act, attention, mixer, mlp, patches } from './fastvit-blocks.ts';

/** Channels of the first stage, which double; blocks of the stages; widening of mlps; from which stage on blocks have attention. */
const variants = {
  t8: { width: 48, depths: [2, 2, 4, 2], expand: 3, attends: 4 },
  t12: { width: 64, depths: [2, 2, 6, 2], expand: 3, attends: 4 },
  s12: { width: 64, depths: [2, 2, 6, 2], expand: 4, attends: 4 },
  sa12: { width: 64, depths: [2, 2, 6, 2], expand: 4, attends: 3 },
  sa24: { width: 64, depths: [4, 4, 12, 4], expand: 4, attends: 3 },
  sa36: { width: 64, depths: [6, 6, 18, 6], expand: 4, attends: 3 },
  ma36: { width: 76, depths: [6, 6, 18, 6], expand: 4, attends: 3 },
  mci0: { width: 64, depths: [2, 6, 10, 2], expand: 3, attends: 3 },
  mci1: { width: 64, depths: [4, 12, 20, 4], expand: 3, attends: 3 },
  mci2: { width: 80, depths: [4, 12, 24, 4], expand: 3, attends: 3 },
  mci3: { width: 96, depths: [2, 12, 24, 4, 2], expand: 4, attends: 3 },
  mci4: { width: 128, depths: [2, 12, 24, 4, 4], expand: 4, attends: 3 },
} as const;
export const fastvit = architecture({
  name: 'fastvit',
  paper: {
    title: 'FastViT: A Fast Hybrid Vision Transformer using Structural Reparameterization',
    authors: 'Vasu, Gabriel, Zhu, Tuzel, Ranjan',
    year: 2023,
    arxiv: '2303.14189',
  },
  options: {
    variant: choice(
      ['t8', 't12', 's12', 'sa12', 'sa24', 'sa36', 'ma36', 'mci0', 'mci1', 'mci2', 'mci3', 'mci4'],
      { doc: 'which of the nets, by channels and blocks', default: 't8' },
    ),
    form: choice(['train', 'deploy'], {
      doc: 'train has all branches, deploy is the net that they fold into',
      default: 'train',
    }),
    layerScale: real({ doc: 'where the scale of each branch begins', default: 1e-5, min: 0, max: 1 }),
    dropout: dropoutOption({ default: 0 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 256 }),
  },
  net: ({ variant, form, layerScale: initial, dropout, dropPath, classes, size, channels }) => {
    const { width, depths, expand, attends } = variants[variant];
    const [clip, large] = [variant.startsWith('mci'), depths.length > 4];
    const count = depths.reduce((n, d) => n + d, 0);
    const sum = (name: string, rate: number, body: Block): Block => {
      const scaled: Block = (x) => body(x).scale({ initial }).dropPath(rate);
      return (x) => x.pipe(name, (y) => y.residual(scaled));
    };
    const between: Block = (x) => {
      const excite = squeezeExcite(roundTo(8, x.channels / 4, 8, 0));
      const squeezes = clip && !large && x.channels >= 4 * width; // of the last two stages
      return clip ? x.pipe('attention', squeezes ? excite : skip).act(act) : x;
    };
    const norm: Block = (x) => (large ? x.layerNorm({ eps: 1e-5 }) : x.norm());
    const positions: Block = (x) => {
      const y = x.conv(x.channels, { kernel: 7, groups: x.channels, bias: true });
      return form === 'deploy' ? y : y.add(x);
    };
    let place = 0;
    const stage = (x: Flow<'map'>, n: number, i: number): Flow<'map'> => {
      const path = `stage${i + 1}`;
      const down = i ? x.pipe(`${path}/down`, patches(width * 2 ** i, form, between)) : x;
      const blocks = repeat(n, (): Block => {
        const rate = stochasticDepth(dropPath, place++, count);
        const end = sum('mlp', rate, mlp(expand));
        const mix = sum('attention', rate, attention(norm));
        return (y) => end(i < attends ? y.pipe('mixer', mixer(form, initial)) : mix(y));
      });
      return (i < attends ? down : down.pipe(`${path}/positions`, positions)).stack(path, blocks);
    };
    const filter = { kernel: 3, groups: width, stride: 2, form, act } as const;
    const stem: Block = (x) =>
      x
        .pipe('first', reparameterized(width, { kernel: 3, stride: 2, point: !large, form, act }))
        .pipe('second', reparameterized(width, { ...filter, point: !large }))
        .pipe('third', reparameterized(width, { form, act }));
    return depths.reduce<Flow<'map'>>(stage, image(size, channels).pipe('stem', stem)).pipe('head', (x) => {
      const out = 2 * x.channels;
      const last = { kernel: 3, groups: x.channels, attention: squeezeExcite(Math.floor(out / 16)) };
      return x
        .pipe('filter', reparameterized(out, { ...last, form, act }))
        .globalPool()
        .dropout(dropout)
        .dense(classes);
    });
  },
});
