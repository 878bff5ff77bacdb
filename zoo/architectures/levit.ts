/**
 * @file LeViT. Graham et al., ICCV 2021, arXiv:2104.01136, table 2 and sections 4.1 to 4.4; official code facebookresearch/LeViT
 * (Apache-2.0). Tokens are a map: linear layers are 1x1 convs. `distilled` is the head of the trained nets, the mean of two.
 */
import {
  architecture,
  type Block,
  choice,
  common,
  convNorm,
  convNormAct,
  dropPathOption,
  type Flow,
  flag,
  image,
  repeat,
} from '../../src/compose/index.ts';
import { meanOf } from './distilled.ts';
import { headParts } from './transformer.ts';

/** Channels, heads and blocks of the stages, and channels of a head in q and k. */
const variants = {
  '128s': { widths: [128, 256, 384], heads: [4, 6, 8], depths: [2, 3, 4], d: 16 },
  '128': { widths: [128, 256, 384], heads: [4, 8, 12], depths: [4, 4, 4], d: 16 },
  '192': { widths: [192, 288, 384], heads: [3, 5, 6], depths: [4, 4, 4], d: 32 },
  '256': { widths: [256, 384, 512], heads: [4, 6, 8], depths: [4, 4, 4], d: 32 },
  '384': { widths: [384, 512, 768], heads: [6, 9, 12], depths: [4, 4, 4], d: 32 },
} as const;

const act = 'hardSwish';

/** Attention with a bias for each distance, then hard-swish and a linear layer (section 4.2, figure 3). */
const attention =
  (heads: number, d: number): Block =>
  (x) => {
    const qkv = x.pipe('qkv', convNorm(heads * 4 * d));
    const [q = x, k = x, v = x] = headParts(qkv, heads, [d, d, 2 * d]);
    return q.attention(k, v, { heads, bias: true }).act(act).pipe('project', convNorm(x.channels));
  };
/** Attention of every second row and column, without a sum with its input; values are four times as wide as keys. */
const shrink =
  (out: number, d: number): Block =>
  (x) => {
    const heads = x.channels / d;
    const [k = x, v = x] = headParts(x.pipe('kv', convNorm(heads * 5 * d)), heads, [d, 4 * d]);
    const q = x.pipe('q', (y) => y.conv(heads * d, { stride: 2, padding: 'valid' }).norm());
    return q.attention(k, v, { heads, bias: true }).act(act).pipe('project', convNorm(out));
  };
const mlp: Block = (x) =>
  x.pipe('expand', convNormAct(2 * x.channels, { act })).pipe('narrow', convNorm(x.channels));

export const levit = architecture({
  name: 'levit',
  paper: {
    title: "LeViT: a Vision Transformer in ConvNet's Clothing for Faster Inference",
    authors: 'Graham et al.',
    year: 2021,
    arxiv: '2104.01136',
  },
  options: {
    variant: choice(['128s', '128', '192', '256', '384'], { doc: 'which of the nets', default: '128s' }),
    distilled: flag({ doc: 'mean of two classifiers, as trained with a teacher', default: false }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ variant, distilled, dropPath, classes, size, channels }) => {
    const { widths, heads, depths, d } = variants[variant];
    const classifier: Block<'vec'> = (x) => x.norm().dense(classes);
    const sum =
      (name: string, body: Block): Block =>
      (x) =>
        x.pipe(name, (y) => y.residual((z) => body(z).dropPath(dropPath)));
    const stem: Block = (x) =>
      [8, 4, 2, 1].reduce((y, part, i) => {
        const conv = { kernel: 3, stride: 2 } as const;
        const c = widths[0] / part;
        return y.pipe(`conv${i + 1}`, part > 1 ? convNormAct(c, { ...conv, act }) : convNorm(c, conv));
      }, x);
    const stage = (x: Flow<'map'>, i: number): Flow<'map'> => {
      const down: Block = (y) => sum('mlp', mlp)(y.pipe('attention', shrink(widths[i] ?? 0, d)));
      const block: Block = (y) => sum('mlp', mlp)(sum('attention', attention(heads[i] ?? 1, d))(y));
      const begun = i ? x.pipe(`stage${i + 1}/down`, down) : x;
      return begun.stack(
        `stage${i + 1}`,
        repeat(depths[i] ?? 0, () => block),
      );
    };
    return [0, 1, 2].reduce(stage, image(size, channels).pipe('stem', stem)).pipe('head', (x) => {
      const y = x.globalPool();
      return distilled ? meanOf(classifier(y), y.pipe('teacher', classifier)) : classifier(y);
    });
  },
});
