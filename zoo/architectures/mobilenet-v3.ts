/**
 * @file MobileNetV3. Howard et al., ICCV 2019, arXiv:1905.02244, tables 1 and 2, in timm's block strings: k kernel,
 * s stride, e expansion, c channels, se squeeze and excite, nre relu (elsewhere hard-swish).
 * As in timm: the expansion counts from the widened input, norms have eps 1e-5, and the stem keeps its 16 channels
 * below width 0.75. The conv of the head stands after the pool, has a bias and no norm, and is never widened.
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

export const large = {
  stages: [
    ['ds_r1_k3_s1_e1_c16_nre'],
    ['ir_r1_k3_s2_e4_c24_nre', 'ir_r1_k3_s1_e3_c24_nre'],
    ['ir_r3_k5_s2_e3_c40_se0.25_nre'],
    ['ir_r1_k3_s2_e6_c80', 'ir_r1_k3_s1_e2.5_c80', 'ir_r2_k3_s1_e2.3_c80'],
    ['ir_r2_k3_s1_e6_c112_se0.25'],
    ['ir_r3_k5_s2_e6_c160_se0.25'],
  ],
  mix: 960,
  features: 1280,
} as const;
const small = {
  stages: [
    ['ds_r1_k3_s2_e1_c16_se0.25_nre'],
    ['ir_r1_k3_s2_e4.5_c24_nre', 'ir_r1_k3_s1_e3.67_c24_nre'],
    ['ir_r1_k5_s2_e4_c40_se0.25', 'ir_r2_k5_s1_e6_c40_se0.25'],
    ['ir_r2_k5_s1_e3_c48_se0.25'],
    ['ir_r3_k5_s2_e6_c96_se0.25'],
  ],
  mix: 576,
  features: 1024,
} as const;

const act = 'hardSwish';

const v3 = (name: string, { stages, mix, features }: typeof large | typeof small) =>
  architecture({
    name,
    paper: { title: 'Searching for MobileNetV3', authors: 'Howard et al.', year: 2019, arxiv: '1905.02244' },
    options: {
      width: widthOption(),
      dropout: dropoutOption({ default: 0.2 }),
      dropPath: dropPathOption,
      ...common({ classes: 1000, size: 224 }),
    },
    net: ({ width, dropout, dropPath, classes, size, channels }) => {
      const round = (c: number): number => round8(c * width);
      const body = stagesOf(stages, {
        act,
        round,
        dropPath,
        squeeze: { gate: 'hardSigmoid', units: (ratio, _, expanded) => round8(ratio * expanded) },
      });
      const stem = convNormAct(width < 0.75 ? 16 : round(16), { kernel: 3, stride: 2, act });
      return body(image(size, channels).pipe('stem', stem)).pipe('head', (x) =>
        x
          .pipe('mix', convNormAct(round(mix), { act }))
          .globalPool()
          .pipe('features', (y) => y.dense(features).act(act))
          .dropout(dropout)
          .dense(classes),
      );
    },
  });

export const mobilenetV3Large = v3('mobilenet-v3-large', large);
export const mobilenetV3Small = v3('mobilenet-v3-small', small);
