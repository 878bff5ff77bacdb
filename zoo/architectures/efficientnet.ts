/**
 * @file EfficientNet-B0 and the EfficientNet-Lites. Tan and Le, ICML 2019, arXiv:1905.11946, table 1, in timm's block
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
  input,
  parseBlock,
  printBlock,
  round8,
  type SpecContext,
  stagesOf,
} from '../../src/compose/index.ts';

const stages = [
  'ds_r1_k3_s1_e1_c16_se0.25',
  'ir_r2_k3_s2_e6_c24_se0.25',
  'ir_r2_k5_s2_e6_c40_se0.25',
  'ir_r3_k3_s2_e6_c80_se0.25',
  'ir_r3_k5_s1_e6_c112_se0.25',
  'ir_r4_k5_s2_e6_c192_se0.25',
  'ir_r1_k3_s1_e6_c320_se0.25',
] as const;

interface Variant<Size extends number, Dropout extends number> {
  readonly size: Size;
  readonly dropout: Dropout;
  readonly context: SpecContext;
  readonly stages: readonly string[];
}
const efficientnet = <const Size extends number, const Dropout extends number>(
  name: string,
  { size, dropout, context, stages }: Variant<Size, Dropout>,
) =>
  architecture({
    name,
    paper: {
      title: 'EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks',
      authors: 'Tan, Le',
      year: 2019,
      arxiv: '1905.11946',
    },
    options: {
      dropout: dropoutOption({ default: dropout }),
      dropPath: dropPathOption,
      ...common({ classes: 1000, size }),
    },
    net: ({ dropout, dropPath, classes, size, channels }) => {
      const { act } = context;
      const stem = convNormAct(32, { kernel: 3, stride: 2, act });
      const body = stagesOf(
        stages.map((row) => [row]),
        { ...context, dropPath },
      );
      return body(input(size, size, channels).pipe('stem', stem)).pipe('head', (x) =>
        x.pipe('mix', convNormAct(1280, { act })).globalPool().dropout(dropout).dense(classes),
      );
    },
  });

/** Squeezed units count from the block's input, not from its expansion. */
const squeeze: SpecContext['squeeze'] = {
  act: 'swish',
  units: (ratio, inputs) => Math.round(ratio * inputs),
};

export const efficientnetB0 = efficientnet('efficientnet-b0', {
  size: 224,
  dropout: 0.2,
  stages,
  context: { act: 'swish', squeeze },
});

/** The table without squeeze and excite, each stage but the first and last `depth` times as deep, rounded up. */
const deeper = (depth: number): string[] =>
  stages.map((row, i) => {
    const spec = parseBlock(row.replace('_se0.25', ''));
    const scaled = i > 0 && i < stages.length - 1;
    return printBlock({ ...spec, repeats: scaled ? Math.ceil(spec.repeats * depth) : spec.repeats });
  });
const lite = <const Size extends number, const Dropout extends number>(
  i: number,
  width: number,
  depth: number,
  size: Size,
  dropout: Dropout,
) =>
  efficientnet(`efficientnet-lite${i}`, {
    size,
    dropout,
    stages: deeper(depth),
    context: { act: 'relu6', round: (c) => round8(c * width) },
  });

// width and depth multipliers, size, dropout
export const efficientnetLite0 = lite(0, 1.0, 1.0, 224, 0.2);
export const efficientnetLite1 = lite(1, 1.0, 1.1, 240, 0.2);
export const efficientnetLite2 = lite(2, 1.1, 1.2, 260, 0.3);
export const efficientnetLite3 = lite(3, 1.2, 1.4, 300, 0.3);
export const efficientnetLite4 = lite(4, 1.4, 1.8, 380, 0.3);
