/**
 * @file ConvNeXt. Liu et al., CVPR 2022, arXiv:2201.03545, section 2 and appendix A; official code facebookresearch/ConvNeXt
 * (MIT). The nets below tiny, and other stems and heads than the paper's, are timm's. convnext-v2.ts has the second version.
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
  repeat,
  round8,
  type Sides,
  skip,
  stochasticDepth,
  widthOption,
} from '../../src/compose/index.ts';

/** Channels of the first stage, which double from stage to stage, and blocks of the stages. */
export const variants = {
  atto: [40, [2, 2, 6, 2]],
  femto: [48, [2, 2, 6, 2]],
  pico: [64, [2, 2, 6, 2]],
  nano: [80, [2, 2, 8, 2]],
  tiny: [96, [3, 3, 9, 3]],
  small: [96, [3, 3, 27, 3]],
  base: [128, [3, 3, 27, 3]],
  large: [192, [3, 3, 27, 3]],
  xlarge: [256, [3, 3, 27, 3]],
  xxlarge: [384, [3, 4, 30, 3]],
  huge: [352, [3, 3, 27, 3]], // of the second version
} as const;

const strided = { kernel: 3, stride: 2, padding: [1, 1, 1, 1], bias: true } as const;
const patches = (x: Flow<'map'>, out: number, size: number): Flow<'map'> =>
  x.conv(out, { kernel: size, stride: size, padding: 'valid', bias: true });
/** Patches of 4x4 as in the paper, or two strided 3x3 convs, the first of them half as wide (tiered). */
const stems = {
  patch: (x: Flow<'map'>, c: number) => patches(x, c, 4),
  overlap: (x: Flow<'map'>, c: number) => x.conv(c, strided).conv(c, strided),
  tiered: (x: Flow<'map'>, c: number) => x.conv(round8(c / 2, 8), strided).conv(c, strided),
} as const;
const heads = {
  pool: (x: Flow<'map'>, norm: Norm) => x.globalPool().layerNorm(norm),
  norm: (x: Flow<'map'>, norm: Norm) => x.layerNorm(norm).globalPool(),
  hidden: (x: Flow<'map'>, norm: Norm) =>
    heads.pool(x, norm).pipe('features', (y) => y.dense(y.channels).act('gelu')),
} as const;

/** Figure 4: filter 7x7 and norm, widen fourfold, GELU, narrow. V2 has a response norm in the middle, V1 a scale at the end. */
const block = (norm: Norm, scale: number | undefined, dropPath: number): Block => {
  const middle: Block = scale === undefined ? (x) => x.responseNorm() : skip;
  const end: Block = scale === undefined ? skip : (x) => x.scale({ initial: scale });
  const body: Block = (x) =>
    x
      .pipe('filter', (y) => y.depthwise({ kernel: 7, bias: true }).layerNorm(norm))
      .pipe('expand', (y) => middle(y.conv(4 * x.channels, { bias: true }).act('gelu')))
      .pipe('project', (y) => end(y.conv(x.channels, { bias: true })));
  return (x) => x.residual((y) => body(y).dropPath(dropPath));
};

type Norm = { readonly eps: number };
interface Options extends Record<'width' | 'dropout' | 'dropPath' | 'classes' | 'channels', number> {
  readonly size: number | Sides;
  readonly variant: keyof typeof variants;
  readonly stem?: keyof typeof stems;
  readonly head?: keyof typeof heads;
  readonly layerScale?: number;
}
export function convnextNet({ variant, stem = 'patch', head = 'pool', ...o }: Options): Flow<'vec'> {
  const [first, depths] = variants[variant];
  const norm = { eps: variant === 'xxlarge' ? 1e-5 : 1e-6 };
  const blocks = depths.reduce((n, d) => n + d, 0);
  let place = 0;
  const next = (): Block => block(norm, o.layerScale, stochasticDepth(o.dropPath, place++, blocks));
  const out = (stage: number): number => Math.max(1, Math.round(first * 2 ** stage * o.width));
  const begin = (x: Flow<'map'>): Flow<'map'> => stems[stem](x, out(0)).layerNorm(norm);
  return depths
    .reduce(
      (x, n, i) => {
        const down: Block = (y) => patches(y.layerNorm(norm), out(i), 2);
        return (i ? x.pipe(`stage${i + 1}/down`, down) : x).stack(`stage${i + 1}`, repeat(n, next));
      },
      image(o.size, o.channels).pipe('stem', begin),
    )
    .pipe('head', (x) => heads[head](x, norm).dropout(o.dropout).dense(o.classes));
}

export const convnextOptions = {
  width: widthOption(),
  dropout: dropoutOption({ default: 0 }),
  dropPath: dropPathOption,
  ...common({ classes: 1000, size: 224 }),
};
const compact = ['atto', 'femto', 'pico', 'nano', 'tiny'] as const;
const ofV1 = [...compact, 'small', 'base', 'large', 'xlarge', 'xxlarge'] as const;
export const convnext = architecture({
  name: 'convnext',
  paper: { title: 'A ConvNet for the 2020s', authors: 'Liu et al.', year: 2022, arxiv: '2201.03545' },
  options: {
    variant: choice(ofV1, { doc: 'which of the nets, by channels and blocks', default: 'atto' }),
    stem: choice(['patch', 'overlap', 'tiered'], { doc: '4x4 patches or two 3x3 convs', default: 'patch' }),
    head: choice(['pool', 'norm', 'hidden'], { doc: 'what comes first; or a hidden layer', default: 'pool' }),
    layerScale: real({ doc: 'where the scale of each branch begins', default: 1e-6, min: 0, max: 1 }),
    ...convnextOptions,
  },
  net: convnextNet,
});
