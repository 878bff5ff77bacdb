/**
 * @file EfficientFormer. Li et al., NeurIPS 2022, arXiv:2206.01191, figure 3 and section 4; official code
 * snap-research/EfficientFormer (Apache-2.0). Blocks mix places by a pool, the last ones by attention with layer norms, whose linear
 * layers are 1x1 convs here. Convs before norms have biases, as there. `distilled` is the head of the trained nets, the mean of two.
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
  real,
  repeat,
  stochasticDepth,
} from '../../src/compose/index.ts';
import { meanOf } from './distilled.ts';
import { headParts } from './transformer.ts';

/** Channels and blocks of the stages, and how many of the last stage attend. */
const variants = {
  l1: { widths: [48, 96, 224, 448], depths: [3, 2, 6, 4], attending: 1 },
  l3: { widths: [64, 128, 320, 512], depths: [4, 4, 12, 6], attending: 4 },
  l7: { widths: [96, 192, 384, 768], depths: [6, 6, 18, 8], attending: 8 },
} as const;
const act = 'gelu';
const bias = true;

/** What the places around differ from each: a 3x3 mean minus the value. */
const pool: Block = (x) => x.avgPool({ size: 3, stride: 1 }).add(x.act('negate'));
const mlp: Block = (x) =>
  x.pipe('expand', convNormAct(4 * x.channels, { bias, act })).pipe('narrow', convNorm(x.channels, { bias }));

const linear =
  (out: number): Block =>
  (x) =>
    x.conv(out, { bias });
const normed: Block = (x) => x.layerNorm({ eps: 1e-5 });
/** Of eight heads, each with 32 channels of q and k and 128 of v. */
const attention: Block = (x) => {
  const heads = 8;
  const [q = x, k = x, v = x] = headParts(normed(x).pipe('qkv', linear(192 * heads)), heads, [32, 32, 128]);
  return q.attention(k, v, { heads, bias }).pipe('project', linear(x.channels));
};
const perceptron: Block = (x) =>
  normed(x)
    .pipe('first', linear(4 * x.channels))
    .act(act)
    .pipe('second', linear(x.channels));

export const efficientformer = architecture({
  name: 'efficientformer',
  paper: {
    title: 'EfficientFormer: Vision Transformers at MobileNet Speed',
    authors: 'Li et al.',
    year: 2022,
    arxiv: '2206.01191',
  },
  options: {
    variant: choice(['l1', 'l3', 'l7'], { doc: 'which of the nets', default: 'l1' }),
    distilled: flag({ doc: 'mean of two classifiers, as trained with a teacher', default: false }),
    layerScale: real({ doc: 'where the scale of each branch begins', default: 1e-5, min: 0, max: 1 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ variant, distilled, layerScale: initial, dropPath, classes, size, channels }) => {
    const { widths, depths, attending } = variants[variant];
    const blocks = depths.reduce((n, depth) => n + depth, 0);
    let block = 0;
    const stem: Block = (x) =>
      [2, 1].reduce((y, part, i) => {
        const conv = convNormAct(widths[0] / part, { kernel: 3, stride: 2, bias });
        return y.pipe(`conv${i + 1}`, conv);
      }, x);
    const stage = (x: Flow<'map'>, i: number): Flow<'map'> => {
      const [name, depth] = [`stage${i + 1}`, depths[i] ?? 0];
      const down = convNorm(widths[i] ?? 0, { kernel: 3, stride: 2, bias });
      const each = repeat(depth, (j): Block => {
        const rate = stochasticDepth(dropPath, block++, blocks);
        const sum =
          (path: string, body: Block): Block =>
          (y) =>
            y.pipe(path, (z) => z.residual((r) => body(r).scale({ initial }).dropPath(rate)));
        return i === 3 && j >= depth - attending
          ? (y) => sum('mlp', perceptron)(sum('attention', attention)(y))
          : (y) => sum('mlp', mlp)(sum('pool', pool)(y));
      });
      return (i ? x.pipe(`${name}/down`, down) : x).stack(name, each);
    };
    return [0, 1, 2, 3].reduce(stage, image(size, channels).pipe('stem', stem)).pipe('head', (x) => {
      const y = normed(x).globalPool();
      const own = y.dense(classes);
      return distilled
        ? meanOf(
            own,
            y.pipe('teacher', (z) => z.dense(classes)),
          )
        : own;
    });
  },
});
