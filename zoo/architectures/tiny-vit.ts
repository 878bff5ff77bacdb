/**
 * @file TinyViT. Wu et al., ECCV 2022, arXiv:2207.10666, section 3.2; official code microsoft/Cream (MIT). Attention is within windows,
 * with biases by distance. Where windows do not fill a map, zeros are added at its bottom and right before the layer norm, and cut off after
 * the attention, as in the official code: the added tokens take part in it. The windows of the third stage have twice as many rows and columns
 * as those of the others (`window`).
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
  skip,
  stochasticDepth,
  whole,
} from '../../src/compose/index.ts';
import { headParts, residual } from './transformer.ts';

/** Channels of the stages. */
const variants = {
  '5m': [64, 128, 160, 320],
  '11m': [64, 128, 256, 448],
  '21m': [96, 192, 384, 576],
} as const;
const depths = [2, 2, 6, 2] as const;
/** Channels of a head. */
const d = 32;

const act = 'gelu';
const eps = 1e-5;
const bias = true;

/** In the first stage; an activation follows the sum. */
const inverted =
  (dropPath: number): Block =>
  (x) => {
    const body: Block = (y) =>
      y
        .pipe('expand', convNormAct(4 * x.channels, { act }))
        .pipe('filter', depthwise({ act }))
        .pipe('project', convNorm(x.channels));
    return residual(body, dropPath)(x).act(act);
  };
/** Half the rows and columns. */
const down =
  (out: number): Block =>
  (x) =>
    x
      .pipe('expand', convNormAct(out, { act }))
      .pipe('filter', depthwise({ stride: 2, act }))
      .pipe('project', convNorm(out));

const attention =
  (window: number): Block =>
  (x) => {
    const [h, w, c] = x.shape;
    const [bottom, right] = [(window - (h % window)) % window, (window - (w % window)) % window];
    const isFilled = bottom + right === 0;
    const padded = isFilled ? x : x.pad([0, right, bottom, 0]);
    const qkv = padded.layerNorm({ eps }).pipe('qkv', (y) => y.conv(3 * c, { bias }));
    const [q = x, k = x, v = x] = headParts(qkv, c / d, [d, d, d]);
    const mixed = q
      .attention(k, v, { heads: c / d, bias, windows: window })
      .pipe('project', (y) => y.conv(c, { bias }));
    return isFilled ? mixed : mixed.pad([0, -right, -bottom, 0]);
  };
const mlp: Block = (x) =>
  x
    .layerNorm({ eps })
    .pipe('expand', (y) => y.conv(4 * x.channels, { bias }).act(act))
    .pipe('narrow', (y) => y.conv(x.channels, { bias }));
const block =
  (window: number, dropPath: number): Block =>
  (x) =>
    x
      .pipe('attention', residual(attention(window), dropPath))
      .pipe('local', depthwise({ act: 'none' }))
      .pipe('mlp', residual(mlp, dropPath));

export const tinyVit = architecture({
  name: 'tiny-vit',
  paper: {
    title: 'TinyViT: Fast Pretraining Distillation for Small Vision Transformers',
    authors: 'Wu et al.',
    year: 2022,
    arxiv: '2207.10666',
  },
  options: {
    variant: choice(['5m', '11m', '21m'], { doc: 'which of the nets', default: '5m' }),
    window: whole({ doc: 'rows and columns of a window', default: 7, min: 1, max: 64 }),
    dropout: dropoutOption({ default: 0 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ variant, window, dropout, dropPath, classes, size, channels }) => {
    const widths = variants[variant];
    let place = 0;
    const rate = (): number => stochasticDepth(dropPath, place++, 12);
    const stem: Block = (x) =>
      x
        .pipe('conv1', convNormAct(widths[0] / 2, { kernel: 3, stride: 2, act }))
        .pipe('conv2', convNorm(widths[0], { kernel: 3, stride: 2 }));
    const stage = (x: Flow<'map'>, i: number): Flow<'map'> =>
      x.pipe(`stage${i + 1}/down`, i ? down(widths[i] ?? 0) : skip).stack(
        `stage${i + 1}`,
        repeat(depths[i] ?? 0, () => (i ? block(i === 2 ? 2 * window : window, rate()) : inverted(rate()))),
      );
    return [0, 1, 2, 3]
      .reduce(stage, image(size, channels).pipe('stem', stem))
      .pipe('head', (x) => x.globalPool().layerNorm({ eps }).dropout(dropout).dense(classes));
  },
});
