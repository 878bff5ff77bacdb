/**
 * @file EfficientFormerV2. Li et al., ICCV 2023, arXiv:2212.08059, figure 2 and sections 3.1 to 3.3; official code
 * snap-research/EfficientFormer (Apache-2.0), whose tables of widths, depths and expansions these are. Convs before norms have
 * biases, as there. Biases by distance tie a file to its `size`. `distilled` is the head of the trained nets, the mean of two.
 */
import {
  architecture,
  type Block,
  choice,
  common,
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
import { act, attention, down, mlp } from './efficientformer-blocks.ts';

/** Channels of the stages, how much wider each of their blocks is inside, and how many blocks at the end of a stage attend. */
const variants = {
  s0: { widths: [32, 48, 96, 176], expand: ['44', '44', '433344', '4334'], attending: 2 },
  s1: { widths: [32, 48, 120, 224], expand: ['444', '444', '443333444', '443344'], attending: 2 },
  s2: { widths: [32, 64, 144, 288], expand: ['4444', '4444', '443333334444', '44333344'], attending: 4 },
  l: {
    widths: [40, 80, 192, 384],
    expand: ['44444', '44444', '444433333334444', '4443333444'],
    attending: 6,
  },
} as const;

export const efficientformerV2 = architecture({
  name: 'efficientformer-v2',
  paper: {
    title: 'Rethinking Vision Transformers for MobileNet Size and Speed',
    authors: 'Li et al.',
    year: 2022,
    arxiv: '2212.08059',
  },
  options: {
    variant: choice(['s0', 's1', 's2', 'l'], { doc: 'which of the nets', default: 's0' }),
    distilled: flag({ doc: 'mean of two classifiers, as trained with a teacher', default: false }),
    layerScale: real({ doc: 'where the scale of each branch begins', default: 1e-5, min: 0, max: 1 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ variant, distilled, layerScale: initial, dropPath, classes, size, channels }) => {
    const { widths, expand, attending } = variants[variant];
    const blocks = expand.join('').length;
    let block = 0;
    const stem: Block = (x) =>
      [2, 1].reduce((y, part, i) => {
        const conv = convNormAct(widths[0] / part, { kernel: 3, stride: 2, bias: true, act });
        return y.pipe(`conv${i + 1}`, conv);
      }, x);
    const stage = (x: Flow<'map'>, i: number): Flow<'map'> => {
      const name = `stage${i + 1}`;
      const ratios = [...(expand[i] ?? '')].map(Number);
      const begun = i ? x.pipe(`${name}/down`, down(widths[i] ?? 0, i === 3)) : x;
      const each = repeat(ratios.length, (j): Block => {
        const rate = stochasticDepth(dropPath, block++, blocks);
        const sum =
          (body: Block): Block =>
          (y) =>
            y.residual((z) => body(z).scale({ initial }).dropPath(rate));
        const attends = i > 1 && j >= ratios.length - attending;
        const mixed: Block = (y) => (attends ? y.pipe('attention', sum(attention(i === 2 ? 2 : 1))) : y);
        return (y) => mixed(y).pipe('mlp', sum(mlp(ratios[j] ?? 4)));
      });
      return begun.stack(name, each);
    };
    return [0, 1, 2, 3].reduce(stage, image(size, channels).pipe('stem', stem)).pipe('head', (x) => {
      const y = x.norm().globalPool();
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
