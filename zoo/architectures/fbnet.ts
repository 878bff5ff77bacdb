/**
 * @file FBNet-C. Wu et al., CVPR 2019, arXiv:1812.03443, figure 4; and FBNetV3. Dai et al., CVPR 2021, arXiv:2006.02049.
 * In timm's block strings: k kernel, s stride of the first repeat r, e expansion, c channels, se squeeze and excite.
 * Neither paper prints all of its numbers; the tables are those of the released code, as in timm.
 */
import {
  architecture,
  choice,
  common,
  convNormAct,
  dropoutOption,
  dropPathOption,
  image,
  roundTo,
  stagesOf,
} from '../../src/compose/index.ts';

const c = [
  ['ir_r1_k3_s1_e1_c16'],
  ['ir_r1_k3_s2_e6_c24', 'ir_r2_k3_s1_e1_c24'],
  ['ir_r1_k5_s2_e6_c32', 'ir_r1_k5_s1_e3_c32', 'ir_r1_k5_s1_e6_c32', 'ir_r1_k3_s1_e6_c32'],
  ['ir_r1_k5_s2_e6_c64', 'ir_r1_k5_s1_e3_c64', 'ir_r2_k5_s1_e6_c64'],
  ['ir_r3_k5_s1_e6_c112', 'ir_r1_k5_s1_e3_c112'],
  ['ir_r4_k5_s2_e6_c184'],
  ['ir_r1_k3_s1_e6_c352'],
] as const;
const v3 = {
  b: {
    stages: [
      ['ds_r2_k3_s1_e1_c16'],
      ['ir_r1_k5_s2_e4_c24', 'ir_r3_k5_s1_e2_c24'],
      ['ir_r1_k5_s2_e5_c40_se0.25', 'ir_r4_k5_s1_e3_c40_se0.25'],
      ['ir_r1_k5_s2_e5_c72', 'ir_r4_k3_s1_e3_c72'],
      ['ir_r1_k3_s1_e5_c120_se0.25', 'ir_r5_k5_s1_e3_c120_se0.25'],
      ['ir_r1_k3_s2_e6_c184_se0.25', 'ir_r5_k5_s1_e4_c184_se0.25', 'ir_r1_k5_s1_e6_c224_se0.25'],
    ],
    stem: 16,
    mix: 1344,
  },
  d: {
    stages: [
      ['ds_r2_k3_s1_e1_c16'],
      ['ir_r1_k3_s2_e5_c24', 'ir_r5_k3_s1_e2_c24'],
      ['ir_r1_k5_s2_e4_c40_se0.25', 'ir_r4_k3_s1_e3_c40_se0.25'],
      ['ir_r1_k3_s2_e5_c72', 'ir_r4_k3_s1_e3_c72'],
      ['ir_r1_k3_s1_e5_c128_se0.25', 'ir_r6_k5_s1_e3_c128_se0.25'],
      ['ir_r1_k3_s2_e6_c208_se0.25', 'ir_r5_k5_s1_e5_c208_se0.25', 'ir_r1_k5_s1_e6_c240_se0.25'],
    ],
    stem: 24,
    mix: 1440,
  },
  g: {
    stages: [
      ['ds_r3_k3_s1_e1_c24'],
      ['ir_r1_k5_s2_e4_c40', 'ir_r4_k5_s1_e2_c40'],
      ['ir_r1_k5_s2_e4_c56_se0.25', 'ir_r4_k5_s1_e3_c56_se0.25'],
      ['ir_r1_k5_s2_e5_c104', 'ir_r4_k3_s1_e3_c104'],
      ['ir_r1_k3_s1_e5_c160_se0.25', 'ir_r8_k5_s1_e3_c160_se0.25'],
      ['ir_r1_k3_s2_e6_c264_se0.25', 'ir_r6_k5_s1_e5_c264_se0.25', 'ir_r2_k5_s1_e6_c288_se0.25'],
    ],
    stem: 32,
    mix: 1728,
  },
} as const;
const options = {
  dropout: dropoutOption({ default: 0.2 }),
  dropPath: dropPathOption,
  ...common({ classes: 1000, size: 224 }),
};

/** Of the trained weights. */
const norm = { eps: 1e-3 };
export const fbnetC = architecture({
  name: 'fbnet-c',
  paper: {
    title: 'FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search',
    authors: 'Wu et al.',
    year: 2019,
    arxiv: '1812.03443',
  },
  options,
  net: ({ dropout, dropPath, classes, size, channels }) =>
    stagesOf(c, { act: 'relu', norm, dropPath })(
      image(size, channels).pipe('stem', convNormAct(16, { kernel: 3, stride: 2, norm })),
    ).pipe('head', (x) =>
      x.pipe('mix', convNormAct(1984, { norm })).globalPool().dropout(dropout).dense(classes),
    ),
});

const act = 'hardSwish';
export const fbnetV3 = architecture({
  name: 'fbnet-v3',
  paper: {
    title: 'FBNetV3: Joint Architecture-Recipe Search using Predictor Pretraining',
    authors: 'Dai et al.',
    year: 2021,
    arxiv: '2006.02049',
  },
  options: { variant: choice(['b', 'd', 'g'], { doc: 'which of the nets', default: 'b' }), ...options },
  net: ({ variant, dropout, dropPath, classes, size, channels }) => {
    const { stages, stem, mix } = v3[variant];
    const units = (ratio: number, inputs: number): number => roundTo(8, ratio * inputs, 8, 0.95);
    const body = stagesOf(stages, { act, dropPath, squeeze: { act, gate: 'hardSigmoid', units } });
    const first = convNormAct(stem, { kernel: 3, stride: 2, act });
    return body(image(size, channels).pipe('stem', first)).pipe('head', (x) =>
      x
        .pipe('mix', convNormAct(mix, { act }))
        .globalPool()
        .pipe('features', (y) => y.dense(1984, { bias: false }).act(act))
        .dropout(dropout)
        .dense(classes),
    );
  },
});
