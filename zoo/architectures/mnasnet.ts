/**
 * @file MnasNet-B1, the net without squeeze and excite. Tan et al., CVPR 2019, arXiv:1807.11626, figure 7, in timm's
 * block strings: k kernel, s stride of the first repeat r, e expansion, c channels. Stem and stages are widened, the
 * last conv keeps its 1280 channels.
 */
import {
  architecture,
  common,
  convNormAct,
  dropoutOption,
  dropPathOption,
  image,
  round8,
  stagesOf,
  widthOption,
} from '../../src/compose/index.ts';

const stages = [
  ['ds_r1_k3_s1_c16_noskip'],
  ['ir_r3_k3_s2_e3_c24'],
  ['ir_r3_k5_s2_e3_c40'],
  ['ir_r3_k5_s2_e6_c80'],
  ['ir_r2_k3_s1_e6_c96'],
  ['ir_r4_k5_s2_e6_c192'],
  ['ir_r1_k3_s1_e6_c320_noskip'],
] as const;

export const mnasnet = architecture({
  name: 'mnasnet',
  paper: {
    title: 'MnasNet: Platform-Aware Neural Architecture Search for Mobile',
    authors: 'Tan et al.',
    year: 2019,
    arxiv: '1807.11626',
  },
  options: {
    width: widthOption(),
    dropout: dropoutOption({ default: 0.2 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ width, dropout, dropPath, classes, size, channels }) => {
    const round = (c: number): number => round8(c * width);
    const stem = convNormAct(round(32), { kernel: 3, stride: 2 });
    const body = stagesOf(stages, { act: 'relu', round, dropPath });
    return body(image(size, channels).pipe('stem', stem)).pipe('head', (x) =>
      x.pipe('mix', convNormAct(1280)).globalPool().dropout(dropout).dense(classes),
    );
  },
});
