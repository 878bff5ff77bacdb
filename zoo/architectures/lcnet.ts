/**
 * @file PP-LCNet. Cui et al. 2021, arXiv:2109.15099, table 1, in timm's block strings: `dsa` is depthwise-separable
 * with an activation after each conv; k kernel, s stride, c channels, se squeeze and excite.
 * The features after the pool have a bias, no norm, and are not widened.
 */
import {
  architecture,
  common,
  convNormAct,
  dropoutOption,
  image,
  round8,
  stagesOf,
  widthOption,
} from '../../src/compose/index.ts';

const stages = [
  ['dsa_r1_k3_s1_c32'],
  ['dsa_r2_k3_s2_c64'],
  ['dsa_r2_k3_s2_c128'],
  ['dsa_r1_k3_s2_c256', 'dsa_r1_k5_s1_c256'],
  ['dsa_r4_k5_s1_c256'],
  ['dsa_r2_k5_s2_c512_se0.25'],
] as const;

const act = 'hardSwish';

export const lcnet = architecture({
  name: 'lcnet',
  paper: {
    title: 'PP-LCNet: A Lightweight CPU Convolutional Neural Network',
    authors: 'Cui et al.',
    year: 2021,
    arxiv: '2109.15099',
  },
  options: {
    width: widthOption(),
    dropout: dropoutOption({ default: 0.2 }),
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ width, dropout, classes, size, channels }) => {
    const round = (c: number): number => round8(c * width);
    const units = (ratio: number, inputs: number): number => Math.round(ratio * inputs);
    const stem = convNormAct(round(16), { kernel: 3, stride: 2, act });
    const body = stagesOf(stages, { act, round, squeeze: { gate: 'hardSigmoid', units } });
    return body(image(size, channels).pipe('stem', stem)).pipe('head', (x) =>
      x
        .globalPool()
        .pipe('features', (y) => y.dense(1280).act(act))
        .dropout(dropout)
        .dense(classes),
    );
  },
});
