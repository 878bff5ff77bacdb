/**
 * @file ConvNeXt. Liu et al., CVPR 2022, arXiv:2201.03545, section 2 and appendix A; official code facebookresearch/ConvNeXt
 * (MIT). The nets below tiny, and other stems and heads than the paper's, are timm's. convnext-v2.ts has the second version.
 */
import { item } from '../../src/access.ts';
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
import { type Form, formOf, variants } from './convnext-variants.ts';

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
const block = ({ eps, act }: Form, kernel: number, scale: number | undefined, dropPath: number): Block => {
  const middle: Block = scale === undefined ? (x) => x.responseNorm() : skip;
  const end: Block = scale === undefined ? skip : (x) => x.scale({ initial: scale });
  const body: Block = (x) =>
    x
      .pipe('filter', (y) => y.depthwise({ kernel, bias: true }).layerNorm({ eps }))
      .pipe('expand', (y) => middle(y.conv(4 * x.channels, { bias: true }).act(act)))
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
  const form = formOf(variant);
  const norm = { eps: form.eps };
  const blocks = depths.reduce((n, d) => n + d, 0);
  let place = 0;
  const next = (stage: number): Block =>
    block(form, item(form.kernels, stage), o.layerScale, stochasticDepth(o.dropPath, place++, blocks));
  const out = (stage: number): number =>
    Math.max(1, Math.round((typeof first === 'number' ? first * 2 ** stage : item(first, stage)) * o.width));
  const begin = (x: Flow<'map'>): Flow<'map'> => stems[stem](x, out(0)).layerNorm(norm);
  return depths
    .reduce(
      (x, n, i) => {
        const down: Block = (y) => patches(y.layerNorm(norm), out(i), 2);
        return (i ? x.pipe(`stage${i + 1}/down`, down) : x).stack(
          `stage${i + 1}`,
          repeat(n, () => next(i)),
        );
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
const ofV1 = [...compact, 'small', 'base', 'large', 'xlarge', 'xxlarge', 'test', 'test2', 'test3'] as const;
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
