/**
 * @file SHViT. Yun and Ro, CVPR 2024, arXiv:2401.16456, the nets S1 to S4; official code ysj9909/SHViT (MIT). One head of attention
 * over the first channels, normed as one group; the others pass. The stem
 * makes a sixteenth of the rows and columns; the first stage has no attention.
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
  type Flow,
  image,
  repeat,
  roundTo,
  skip,
  squeezeExcite,
  widthOption,
} from '../../src/compose/index.ts';
import { residual } from './transformer.ts';

/** Channels and blocks of the stages, and the channels that attend. */
const variants = {
  s1: { widths: [128, 224, 320], depths: [2, 4, 5], attending: [0, 48, 68] },
  s2: { widths: [128, 308, 448], depths: [2, 4, 5], attending: [0, 66, 96] },
  s3: { widths: [192, 352, 448], depths: [3, 5, 5], attending: [0, 75, 96] },
  s4: { widths: [224, 336, 448], depths: [4, 7, 6], attending: [0, 72, 96] },
} as const;
/** Channels of q and k. */
const d = 16;

const filter = residual(depthwise({ act: 'none' }));
const mlp = residual((x) =>
  x.pipe('expand', convNormAct(2 * x.channels)).pipe('narrow', convNorm(x.channels)),
);

/** Single-head self-attention: of n channels, with a linear layer over all of them behind it. */
const attention = (n: number): Block =>
  residual((x) => {
    const qkv = x
      .slice(0, n)
      .groupNorm(1)
      .pipe('qkv', convNorm(2 * d + n));
    const [q, k, v] = [qkv.slice(0, d), qkv.slice(d, 2 * d), qkv.slice(2 * d, 2 * d + n)];
    return q
      .attention(k, v, { heads: 1 })
      .concat(x.slice(n, x.channels))
      .relu()
      .pipe('project', convNorm(x.channels));
  });
const block =
  (attending: number): Block =>
  (x) =>
    x
      .pipe('filter', filter)
      .pipe('attention', attending ? attention(attending) : skip)
      .pipe('mlp', mlp);
/** Half the rows and columns: an inverted residual with squeeze and excite, between filters and layers over channels. */
const down =
  (out: number): Block =>
  (x) => {
    const wide = 4 * x.channels;
    return x
      .pipe('before/filter', filter)
      .pipe('before/mlp', mlp)
      .pipe('expand', convNormAct(wide))
      .pipe('filter', depthwise({ stride: 2 }))
      .pipe('attention', squeezeExcite(roundTo(8, wide / 4, 8, 0)))
      .pipe('project', convNorm(out))
      .pipe('after/filter', filter)
      .pipe('after/mlp', mlp);
  };

export const shvit = architecture({
  name: 'shvit',
  paper: {
    title: 'SHViT: Single-Head Vision Transformer with Memory Efficient Macro Design',
    authors: 'Yun, Ro',
    year: 2024,
    arxiv: '2401.16456',
  },
  options: {
    variant: choice(['s1', 's2', 's3', 's4'], { doc: 'which of the nets', default: 's1' }),
    width: widthOption({ min: 0.1 }),
    dropout: dropoutOption({ default: 0 }),
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ variant, width, dropout, classes, size, channels }) => {
    const { widths, depths, attending } = variants[variant];
    const scaled = (n: number | undefined): number => Math.round((n ?? 0) * width);
    const stem: Block = (x) =>
      [8, 4, 2, 1].reduce((y, part, i) => {
        const c = Math.max(1, Math.round(scaled(widths[0]) / part));
        return y.pipe(
          `conv${i + 1}`,
          convNormAct(c, { kernel: 3, stride: 2, act: part > 1 ? 'relu' : 'none' }),
        );
      }, x);
    const stage = (x: Flow<'map'>, i: number): Flow<'map'> =>
      x.pipe(`stage${i + 1}/down`, i ? down(scaled(widths[i])) : skip).stack(
        `stage${i + 1}`,
        repeat(depths[i] ?? 0, () => block(scaled(attending[i]))),
      );
    return [0, 1, 2]
      .reduce(stage, image(size, channels).pipe('stem', stem))
      .pipe('head', (x) => x.globalPool().dropout(dropout).norm().dense(classes));
  },
});
