/**
 * @file MobileViTV2. Mehta and Rastegari 2022, arXiv:2206.02680, figure 4 and the table of the nets; official code apple/ml-cvnets.
 * Separable attention: one softmax over tokens of one score each (section 3.2), among the tokens at one place of all patches of 2 x 2. Maps
 * that patches do not fill are resized, as in the official code.
 */
import {
  architecture,
  type Block,
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
  widthOption,
} from '../../src/compose/index.ts';
import { transformer } from './transformer.ts';

/** Channels of the stages; blocks of the first two, then transformers of the others. */
const widths = [64, 128, 256, 384, 512] as const;
const depths = [1, 2, 2, 4, 3] as const;

const act = 'swish';
const patch = 2;
const bias = true;

/** Inverted residual, added to its input where shapes allow. */
const inverted =
  (out: number, stride: 1 | 2, dropPath: number): Block =>
  (x) => {
    const body: Block = (y) =>
      y
        .pipe('expand', convNormAct(round8(2 * x.channels), { act }))
        .pipe('filter', depthwise({ stride, act }))
        .pipe('project', convNorm(out));
    return stride === 1 && out === x.channels ? x.residual((y) => body(y).dropPath(dropPath)) : body(x);
  };

/** Equations 2 to 4: a mean of keys by scores, times relu of values. */
const attention: Block = (x) => {
  const c = x.channels;
  const qkv = x.groupNorm(1).pipe('qkv', (y) => y.conv(1 + 2 * c, { bias }));
  const [scores, k, v] = [qkv.slice(0, 1), qkv.slice(1, 1 + c), qkv.slice(1 + c, 1 + 2 * c)];
  const means = scores.attention(k, v.relu(), { heads: 1, form: 'separable', grid: patch });
  return means.pipe('project', (y) => y.conv(c, { bias }));
};
const mlp: Block = (x) =>
  x
    .groupNorm(1)
    .pipe('expand', (y) => y.conv(2 * x.channels, { bias }).act(act))
    .pipe('narrow', (y) => y.conv(x.channels, { bias }));

/** Local features, then transformers of patches, on half the channels. */
const mobilevitBlock =
  (depth: number, dropPath: number): Block =>
  (x) => {
    const [h, w, c] = x.shape;
    const [rows, columns] = [patch * Math.ceil(h / patch), patch * Math.ceil(w / patch)];
    const patches = rows === h && columns === w ? x : x.resize([rows, columns], { align: 'corners' });
    return patches
      .pipe('local', depthwise({ act }))
      .pipe('widen', (y) => y.conv(round8(c / 2)))
      .stack(
        'transformer',
        repeat(depth, () => transformer(attention, mlp, dropPath)),
      )
      .groupNorm(1)
      .pipe('narrow', convNorm(c));
  };

export const mobilevitV2 = architecture({
  name: 'mobilevit-v2',
  paper: {
    title: 'Separable Self-attention for Mobile Vision Transformers',
    authors: 'Mehta, Rastegari',
    year: 2022,
    arxiv: '2206.02680',
  },
  options: {
    width: widthOption({ min: 0.1 }),
    dropout: dropoutOption({ default: 0 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 256 }),
  },
  net: ({ width, dropout, dropPath, classes, size, channels }) => {
    const stage = (x: Flow<'map'>, i: number): Flow<'map'> => {
      const [c, n] = [Math.floor((widths[i] ?? 0) * width), depths[i] ?? 0];
      const block = (j: number): Block => inverted(c, i && !j ? 2 : 1, dropPath);
      return x.stack(`stage${i + 1}`, i < 2 ? repeat(n, block) : [block(0), mobilevitBlock(n, dropPath)]);
    };
    return [0, 1, 2, 3, 4]
      .reduce(
        stage,
        image(size, channels).pipe(
          'stem',
          convNormAct(Math.floor(32 * width), { kernel: 3, stride: 2, act }),
        ),
      )
      .pipe('head', (x) => x.globalPool().dropout(dropout).dense(classes));
  },
});
