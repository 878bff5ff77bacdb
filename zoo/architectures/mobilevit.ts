/**
 * @file MobileViT. Mehta and Rastegari, ICLR 2022, arXiv:2110.02178, figure 1b and the table of the nets; official code apple/ml-cvnets.
 * Patches of 2 x 2: the tokens at one place of all patches attend to each other, so that attention is over a grid. Maps that patches do not
 * fill are resized, as in the official code.
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
  dropPathOption,
  type Flow,
  image,
  repeat,
  round8,
} from '../../src/compose/index.ts';
import { transformer } from './transformer.ts';

/** Expansion, channels of the stages, of the tokens in the last three, and before the classifier. */
const variants = {
  xxs: { expand: 2, widths: [16, 24, 48, 64, 80], tokens: [64, 80, 96], last: 320 },
  xs: { expand: 4, widths: [32, 48, 64, 80, 96], tokens: [96, 120, 144], last: 384 },
  s: { expand: 4, widths: [32, 64, 96, 128, 160], tokens: [144, 192, 240], last: 640 },
} as const;
/** Blocks of the first two stages, then transformers of the others. */
const depths = [1, 3, 2, 4, 3] as const;

const act = 'swish';
const patch = 2;
const heads = 4;
const eps = 1e-5;
const bias = true;

/** Inverted residual, added to its input where shapes allow. */
const inverted =
  (out: number, expand: number, stride: 1 | 2, dropPath: number): Block =>
  (x) => {
    const wide = round8(expand * x.channels);
    const body: Block = (y) =>
      y
        .pipe('expand', convNormAct(wide, { act }))
        .pipe('filter', depthwise({ stride, act }))
        .pipe('project', convNorm(out));
    return stride === 1 && out === x.channels ? x.residual((y) => body(y).dropPath(dropPath)) : body(x);
  };

const attention: Block = (x) => {
  const c = x.channels;
  const qkv = x.layerNorm({ eps }).pipe('qkv', (y) => y.conv(3 * c, { bias }));
  const [q, k, v] = [qkv.slice(0, c), qkv.slice(c, 2 * c), qkv.slice(2 * c, 3 * c)];
  return q.attention(k, v, { heads, grid: patch }).pipe('project', (y) => y.conv(c, { bias }));
};
const mlp: Block = (x) =>
  x
    .layerNorm({ eps })
    .pipe('expand', (y) => y.conv(2 * x.channels, { bias }).act(act))
    .pipe('narrow', (y) => y.conv(x.channels, { bias }));

/** Local features, then transformers of patches, then both maps fused. */
const mobilevitBlock =
  (tokens: number, depth: number, dropPath: number): Block =>
  (x) => {
    const [h, w, c] = x.shape;
    const even = [h, w].map((n) => patch * Math.ceil(n / patch));
    const isEven = even[0] === h && even[1] === w;
    const local = x.pipe('local', convNormAct(c, { kernel: 3, act })).pipe('widen', (y) => y.conv(tokens));
    const patches = isEven ? local : local.resize([even[0] ?? h, even[1] ?? w]);
    const mixed = patches.stack(
      'transformer',
      repeat(depth, () => transformer(attention, mlp, dropPath)),
    );
    const normed = mixed.layerNorm({ eps });
    const back = (isEven ? normed : normed.resize([h, w])).pipe('narrow', convNormAct(c, { act }));
    return x.concat(back).pipe('fuse', convNormAct(c, { kernel: 3, act }));
  };

export const mobilevit = architecture({
  name: 'mobilevit',
  paper: {
    title: 'MobileViT: Light-weight, General-purpose, and Mobile-friendly Vision Transformer',
    authors: 'Mehta, Rastegari',
    year: 2022,
    arxiv: '2110.02178',
  },
  options: {
    variant: choice(['xxs', 'xs', 's'], { doc: 'which of the nets', default: 'xxs' }),
    dropout: dropoutOption({ default: 0 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 256 }),
  },
  net: ({ variant, dropout, dropPath, classes, size, channels }) => {
    const { expand, widths, tokens, last } = variants[variant];
    const stage = (x: Flow<'map'>, i: number): Flow<'map'> => {
      const [c, n] = [widths[i] ?? 0, depths[i] ?? 0];
      const block = (j: number): Block => inverted(c, expand, i && !j ? 2 : 1, dropPath);
      const blocks = i < 2 ? repeat(n, block) : [block(0), mobilevitBlock(tokens[i - 2] ?? 0, n, dropPath)];
      return x.stack(`stage${i + 1}`, blocks);
    };
    return [0, 1, 2, 3, 4]
      .reduce(stage, image(size, channels).pipe('stem', convNormAct(16, { kernel: 3, stride: 2, act })))
      .pipe('head', (x) =>
        x.pipe('mix', convNormAct(last, { act })).globalPool().dropout(dropout).dense(classes),
      );
  },
});
