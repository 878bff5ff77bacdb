/**
 * @file EfficientNet-B0 to B3 and the EfficientNet-Lites. Tan and Le, ICML 2019, arXiv:1905.11946, table 1, in timm's block
 * strings: r repeats, k kernel, s stride of the first repeat, e expansion, c channels, se squeeze and excite.
 * The Lites (tensorflow/tpu, models/official/efficientnet/lite) have relu6 and no squeeze and excite; their stem, head
 * and the repeats of the first and last stage are not scaled. Sizes and padding as in timm, of PyTorch descent.
 */
import {
  architecture,
  common,
  convNormAct,
  dropoutOption,
  dropPathOption,
  image,
  real,
  round8,
  type Sides,
  type SpecContext,
  scaleDepth,
  stagesOf,
  widthOption,
} from '../../src/compose/index.ts';

/** B0's; TinyNets are made of it too. */
export const stages = [
  ['ds_r1_k3_s1_e1_c16_se0.25'],
  ['ir_r2_k3_s2_e6_c24_se0.25'],
  ['ir_r2_k5_s2_e6_c40_se0.25'],
  ['ir_r3_k3_s2_e6_c80_se0.25'],
  ['ir_r3_k5_s1_e6_c112_se0.25'],
  ['ir_r4_k5_s2_e6_c192_se0.25'],
  ['ir_r1_k3_s1_e6_c320_se0.25'],
] as const;

/** Squeezed units count from the block's input, not from its expansion. */
export const squeeze = {
  act: 'swish',
  units: (ratio: number, inputs: number) => Math.round(ratio * inputs),
} as const satisfies SpecContext['squeeze'];

interface Options {
  readonly width: number;
  readonly depth: number;
  readonly dropout: number;
  readonly dropPath: number;
  readonly classes: number;
  readonly size: number | Sides;
  readonly channels: number;
}
const net =
  (lite: boolean) =>
  ({ width, depth, dropout, dropPath, classes, size, channels }: Options) => {
    const act = lite ? 'relu6' : 'swish';
    const round = (c: number): number => round8(c * width);
    const ends = lite ? (c: number): number => c : round;
    const table = stages.map((stage, i) => {
      if (!lite) return scaleDepth(stage, depth);
      const rows = stage.map((row) => row.replace('_se0.25', ''));
      return i > 0 && i < stages.length - 1 ? scaleDepth(rows, depth) : rows;
    });
    const body = stagesOf(table, { act, squeeze, round, dropPath });
    const stem = convNormAct(ends(32), { kernel: 3, stride: 2, act });
    return body(image(size, channels).pipe('stem', stem)).pipe('head', (x) =>
      x
        .pipe('mix', convNormAct(ends(1280), { act }))
        .globalPool()
        .dropout(dropout)
        .dense(classes),
    );
  };

const paper = {
  title: 'EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks',
  authors: 'Tan, Le',
  year: 2019,
  arxiv: '1905.11946',
};
const options = <const Size extends number, const Dropout extends number>(size: Size, dropout: Dropout) => ({
  dropout: dropoutOption({ default: dropout }),
  dropPath: dropPathOption,
  ...common({ classes: 1000, size }),
});

/** Any of the family by `width` and `depth`: B4 is `width=1.4 depth=1.8 size=380 dropout=0.4`. */
export const efficientnetB0 = architecture({
  name: 'efficientnet-b0',
  paper,
  options: {
    width: widthOption(),
    depth: real({ doc: 'depth multiplier; repeats are rounded up', default: 1, min: 0.1, max: 8 }),
    ...options(224, 0.2),
  },
  net: net(false),
});

const scaled = <const Size extends number, const Dropout extends number>(
  name: string,
  width: number,
  depth: number,
  size: Size,
  dropout: Dropout,
) =>
  architecture({
    name: `efficientnet-${name}`,
    paper,
    options: options(size, dropout),
    net: (o) => net(name.startsWith('lite'))({ width, depth, ...o }),
  });

// width and depth multipliers, size, dropout
export const efficientnetB1 = scaled('b1', 1.0, 1.1, 240, 0.2);
export const efficientnetB2 = scaled('b2', 1.1, 1.2, 260, 0.3);
export const efficientnetB3 = scaled('b3', 1.2, 1.4, 300, 0.3);
export const efficientnetLite0 = scaled('lite0', 1.0, 1.0, 224, 0.2);
export const efficientnetLite1 = scaled('lite1', 1.0, 1.1, 240, 0.2);
export const efficientnetLite2 = scaled('lite2', 1.1, 1.2, 260, 0.3);
export const efficientnetLite3 = scaled('lite3', 1.2, 1.4, 300, 0.3);
export const efficientnetLite4 = scaled('lite4', 1.4, 1.8, 380, 0.3);
