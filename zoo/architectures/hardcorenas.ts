/**
 * @file HardCoRe-NAS A to F. Nayman et al., ICML 2021, arXiv:2102.11646; the tables of the released code in timm's block
 * strings: k kernel, s stride, e expansion, c channels, se squeeze and excite, nre relu (elsewhere hard-swish). The ends
 * are those of MobileNetV3-Large; the conv of the head stands after the pool, and has a bias and no norm.
 */
import {
  architecture,
  choice,
  common,
  convNormAct,
  dropoutOption,
  dropPathOption,
  image,
  round8,
  stagesOf,
} from '../../src/compose/index.ts';

const variants = {
  a: [
    ['ds_r1_k3_s1_e1_c16_nre'],
    ['ir_r1_k5_s2_e3_c24_nre', 'ir_r1_k5_s1_e3_c24_nre_se0.25'],
    ['ir_r1_k5_s2_e3_c40_nre', 'ir_r1_k5_s1_e6_c40_nre_se0.25'],
    ['ir_r1_k5_s2_e6_c80_se0.25', 'ir_r1_k5_s1_e6_c80_se0.25'],
    ['ir_r2_k5_s1_e6_c112_se0.25'],
    ['ir_r1_k5_s2_e6_c192_se0.25', 'ir_r1_k5_s1_e6_c192_se0.25'],
  ],
  b: [
    ['ds_r1_k3_s1_e1_c16_nre'],
    ['ir_r1_k5_s2_e3_c24_nre', 'ir_r1_k5_s1_e3_c24_nre_se0.25', 'ir_r1_k3_s1_e3_c24_nre'],
    ['ir_r1_k5_s2_e3_c40_nre', 'ir_r2_k5_s1_e3_c40_nre'],
    ['ir_r1_k5_s2_e3_c80', 'ir_r1_k5_s1_e3_c80', 'ir_r2_k3_s1_e3_c80'],
    ['ir_r1_k5_s1_e3_c112', 'ir_r3_k3_s1_e3_c112'],
    ['ir_r1_k5_s2_e6_c192_se0.25', 'ir_r1_k5_s1_e6_c192_se0.25', 'ir_r1_k3_s1_e3_c192_se0.25'],
  ],
  c: [
    ['ds_r1_k3_s1_e1_c16_nre'],
    ['ir_r1_k5_s2_e3_c24_nre', 'ir_r1_k5_s1_e3_c24_nre_se0.25'],
    ['ir_r1_k5_s2_e3_c40_nre', 'ir_r3_k5_s1_e3_c40_nre'],
    ['ir_r1_k5_s2_e4_c80', 'ir_r1_k5_s1_e6_c80_se0.25', 'ir_r2_k3_s1_e3_c80'],
    ['ir_r1_k5_s1_e6_c112_se0.25', 'ir_r3_k3_s1_e3_c112'],
    ['ir_r1_k5_s2_e6_c192_se0.25', 'ir_r1_k5_s1_e6_c192_se0.25', 'ir_r1_k3_s1_e3_c192_se0.25'],
  ],
  d: [
    ['ds_r1_k3_s1_e1_c16_nre'],
    ['ir_r1_k5_s2_e3_c24_nre_se0.25', 'ir_r1_k5_s1_e3_c24_nre_se0.25'],
    ['ir_r1_k5_s2_e3_c40_nre_se0.25', 'ir_r1_k5_s1_e4_c40_nre_se0.25', 'ir_r1_k3_s1_e3_c40_nre_se0.25'],
    ['ir_r1_k5_s2_e4_c80_se0.25', 'ir_r3_k3_s1_e3_c80_se0.25'],
    [
      'ir_r1_k3_s1_e4_c112_se0.25',
      'ir_r1_k5_s1_e4_c112_se0.25',
      'ir_r1_k3_s1_e3_c112_se0.25',
      'ir_r1_k5_s1_e3_c112_se0.25',
    ],
    ['ir_r1_k5_s2_e6_c192_se0.25', 'ir_r2_k5_s1_e6_c192_se0.25', 'ir_r1_k3_s1_e6_c192_se0.25'],
  ],
  e: [
    ['ds_r1_k3_s1_e1_c16_nre'],
    ['ir_r1_k5_s2_e3_c24_nre_se0.25', 'ir_r1_k5_s1_e3_c24_nre_se0.25'],
    ['ir_r1_k5_s2_e6_c40_nre_se0.25', 'ir_r2_k5_s1_e4_c40_nre_se0.25', 'ir_r1_k3_s1_e3_c40_nre_se0.25'],
    ['ir_r1_k5_s2_e4_c80_se0.25', 'ir_r1_k3_s1_e6_c80_se0.25'],
    ['ir_r3_k5_s1_e6_c112_se0.25', 'ir_r1_k5_s1_e3_c112_se0.25'],
    ['ir_r1_k5_s2_e6_c192_se0.25', 'ir_r2_k5_s1_e6_c192_se0.25', 'ir_r1_k3_s1_e6_c192_se0.25'],
  ],
  f: [
    ['ds_r1_k3_s1_e1_c16_nre'],
    ['ir_r1_k5_s2_e3_c24_nre_se0.25', 'ir_r1_k5_s1_e3_c24_nre_se0.25'],
    ['ir_r1_k5_s2_e6_c40_nre_se0.25', 'ir_r1_k5_s1_e6_c40_nre_se0.25'],
    ['ir_r1_k5_s2_e6_c80_se0.25', 'ir_r1_k5_s1_e6_c80_se0.25', 'ir_r2_k3_s1_e3_c80_se0.25'],
    ['ir_r1_k3_s1_e6_c112_se0.25', 'ir_r2_k5_s1_e6_c112_se0.25', 'ir_r1_k3_s1_e3_c112_se0.25'],
    ['ir_r1_k5_s2_e6_c192_se0.25', 'ir_r1_k5_s1_e6_c192_se0.25', 'ir_r2_k3_s1_e6_c192_se0.25'],
  ],
} as const;

const act = 'hardSwish';

export const hardcorenas = architecture({
  name: 'hardcorenas',
  paper: {
    title: 'HardCoRe-NAS: Hard Constrained diffeRentiable Neural Architecture Search',
    authors: 'Nayman, Aflalo, Noy, Zelnik-Manor',
    year: 2021,
    arxiv: '2102.11646',
  },
  options: {
    variant: choice(['a', 'b', 'c', 'd', 'e', 'f'], { doc: 'which of the nets, by latency', default: 'a' }),
    dropout: dropoutOption({ default: 0.2 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ variant, dropout, dropPath, classes, size, channels }) => {
    const units = (ratio: number, _: number, expanded: number): number => round8(ratio * expanded);
    const body = stagesOf(variants[variant], { act, dropPath, squeeze: { gate: 'hardSigmoid', units } });
    const stem = convNormAct(32, { kernel: 3, stride: 2, act });
    return body(image(size, channels).pipe('stem', stem)).pipe('head', (x) =>
      x
        .pipe('mix', convNormAct(960, { act }))
        .globalPool()
        .pipe('features', (y) => y.dense(1280).act(act))
        .dropout(dropout)
        .dense(classes),
    );
  },
});
