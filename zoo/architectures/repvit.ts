/**
 * @file RepViT. Wang et al., CVPR 2024, arXiv:2307.09283, figure 3 and section 4.1: each block filters tokens, then mixes
 * channels. In the released nets, as in timm, the filter is a sum of a 3x3 filter with its norm, a 1x1 filter and the
 * identity, then a norm. `distilled` is the head of the trained nets: the mean of two classifiers, one of which learned
 * from the teacher.
 */
import {
  architecture,
  type Block,
  choice,
  common,
  convNorm,
  convNormAct,
  depthwise,
  dropoutOption,
  flag,
  image,
  repeat,
  roundTo,
  squeezeExcite,
} from '../../src/compose/index.ts';
import { meanOf } from './distilled.ts';

// channels and blocks of each stage
const variants = {
  'm0.9': { widths: [48, 96, 192, 384], depths: [2, 2, 14, 2] },
  'm1.0': { widths: [56, 112, 224, 448], depths: [2, 2, 14, 2] },
  'm1.1': { widths: [64, 128, 256, 512], depths: [2, 2, 12, 2] },
  'm1.5': { widths: [64, 128, 256, 512], depths: [4, 4, 24, 4] },
  'm2.3': { widths: [80, 160, 320, 640], depths: [6, 6, 34, 2] },
  // of the first version of the paper
  m1: { widths: [48, 96, 192, 384], depths: [2, 2, 14, 2] },
  m2: { widths: [64, 128, 256, 512], depths: [2, 2, 12, 2] },
  m3: { widths: [64, 128, 256, 512], depths: [4, 4, 18, 2] },
} as const;
const act = 'gelu';

const channelMixer: Block = (x) =>
  x.residual((y) =>
    y.pipe('expand', convNormAct(2 * x.channels, { act })).pipe('project', convNorm(x.channels)),
  );
/** Figure 3b; to a quarter of the channels, rounded to a multiple of 8. The first version has its norms in the branches. */
const block =
  (attention: boolean, first: boolean): Block =>
  (x) => {
    const groups = x.channels;
    const point = first
      ? x.pipe('scale', convNorm(groups, { groups }))
      : x.pipe('point', (y) => y.conv(groups, { groups, bias: true }));
    const sum = x.pipe('filter', convNorm(groups, { kernel: 3, groups })).add(point, x);
    const filtered = first ? sum : sum.norm();
    const squeezed = squeezeExcite(roundTo(8, x.channels / 4, 8, 0));
    return channelMixer(attention ? filtered.pipe('attention', squeezed) : filtered);
  };
/** Figure 3d. */
const down =
  (out: number, first: boolean): Block =>
  (x) =>
    x
      .pipe('before', block(false, first))
      .pipe('filter', depthwise({ stride: 2, act: 'none' }))
      .pipe('mix', convNorm(out))
      .pipe('after', channelMixer);

export const repvit = architecture({
  name: 'repvit',
  paper: {
    title: 'RepViT: Revisiting Mobile CNN From ViT Perspective',
    authors: 'Wang, Chen, Lin, Han, Ding',
    year: 2024,
    arxiv: '2307.09283',
  },
  options: {
    variant: choice(['m0.9', 'm1.0', 'm1.1', 'm1.5', 'm2.3', 'm1', 'm2', 'm3'], {
      doc: 'which of the nets, by latency in milliseconds',
      default: 'm0.9',
    }),
    distilled: flag({ doc: 'mean of two classifiers, as trained with a teacher', default: false }),
    dropout: dropoutOption({ default: 0 }),
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ variant, distilled, dropout, classes, size, channels }) => {
    const { widths, depths } = variants[variant];
    const old = variant.length === 2;
    const [first, ...later] = widths;
    const stem: Block = (x) =>
      x
        .pipe('first', convNormAct(first / 2, { kernel: 3, stride: 2, act }))
        .pipe('second', convNorm(first, { kernel: 3, stride: 2 }));
    const classifier: Block<'vec'> = (x) => x.norm().dense(classes);
    return depths
      .reduce(
        (x, n, i) => {
          const out = i ? later[i - 1] : undefined;
          const y = out ? x.pipe(`stage${i + 1}/down`, down(out, old)) : x;
          return y.stack(
            `stage${i + 1}`,
            repeat(n, (j) => block(j % 2 === 0, old)),
          );
        },
        image(size, channels).pipe('stem', stem),
      )
      .pipe('head', (x) => {
        const y = x.globalPool().dropout(dropout);
        return distilled ? meanOf(classifier(y), y.pipe('teacher', classifier)) : classifier(y);
      });
  },
});
