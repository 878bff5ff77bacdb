/**
 * @file MobileNetV4, the convolutional nets; mobilenet-v4-hybrid.ts has those with attention. Qin et al., ECCV 2024, arXiv:2404.10518, tables 11 to 13, in timm's block
 * strings: `er` expands by a full conv (fused), `uir` filters depthwise before the expansion (a) and after it (k), 0
 * means not at all; s stride, e expansion, c channels. As in timm, stem (below width 1) and features (always) keep
 * their channels.
 */
import { architecture } from '../../src/compose/index.ts';
import { netOf, optionsOf, paper } from './mobilenet-v4-net.ts';

const small = [
  ['cn_r1_k3_s2_e1_c32', 'cn_r1_k1_s1_e1_c32'],
  ['cn_r1_k3_s2_e1_c96', 'cn_r1_k1_s1_e1_c64'],
  [
    'uir_r1_a5_k5_s2_e3_c96', // both filters
    'uir_r4_a0_k3_s1_e2_c96', // inverted residual
    'uir_r1_a3_k0_s1_e4_c96', // as in ConvNeXt
  ],
  [
    'uir_r1_a3_k3_s2_e6_c128',
    'uir_r1_a5_k5_s1_e4_c128',
    'uir_r1_a0_k5_s1_e4_c128',
    'uir_r1_a0_k5_s1_e3_c128',
    'uir_r2_a0_k3_s1_e4_c128',
  ],
] as const;
const medium = [
  ['er_r1_k3_s2_e4_c48'],
  ['uir_r1_a3_k5_s2_e4_c80', 'uir_r1_a3_k3_s1_e2_c80'],
  [
    'uir_r1_a3_k5_s2_e6_c160',
    'uir_r2_a3_k3_s1_e4_c160',
    'uir_r1_a3_k5_s1_e4_c160',
    'uir_r1_a3_k3_s1_e4_c160',
    'uir_r1_a3_k0_s1_e4_c160',
    'uir_r1_a0_k0_s1_e2_c160', // no filter
    'uir_r1_a3_k0_s1_e4_c160',
  ],
  [
    'uir_r1_a5_k5_s2_e6_c256',
    'uir_r1_a5_k5_s1_e4_c256',
    'uir_r2_a3_k5_s1_e4_c256',
    'uir_r1_a0_k0_s1_e4_c256',
    'uir_r1_a3_k0_s1_e4_c256',
    'uir_r1_a3_k5_s1_e2_c256',
    'uir_r1_a5_k5_s1_e4_c256',
    'uir_r2_a0_k0_s1_e4_c256',
    'uir_r1_a5_k0_s1_e2_c256',
  ],
] as const;
const large = [
  ['er_r1_k3_s2_e4_c48'],
  ['uir_r1_a3_k5_s2_e4_c96', 'uir_r1_a3_k3_s1_e4_c96'],
  [
    'uir_r1_a3_k5_s2_e4_c192',
    'uir_r3_a3_k3_s1_e4_c192',
    'uir_r1_a3_k5_s1_e4_c192',
    'uir_r5_a5_k3_s1_e4_c192',
    'uir_r1_a3_k0_s1_e4_c192',
  ],
  [
    'uir_r4_a5_k5_s2_e4_c512',
    'uir_r1_a5_k0_s1_e4_c512',
    'uir_r1_a5_k3_s1_e4_c512',
    'uir_r2_a5_k0_s1_e4_c512',
    'uir_r1_a5_k3_s1_e4_c512',
    'uir_r1_a5_k5_s1_e4_c512',
    'uir_r3_a5_k0_s1_e4_c512',
  ],
] as const;

const conv = <const Size extends number>(
  name: string,
  stages: readonly (readonly string[])[],
  first: number,
  size: Size,
) =>
  architecture({
    name: `mobilenet-v4-conv-${name}`,
    paper,
    options: optionsOf(size),
    net: (o) => netOf(stages, { ...o, first }),
  });

// stages, channels of the stem, size
export const mobilenetV4ConvSmall = conv('small', small, 32, 224);
export const mobilenetV4ConvMedium = conv('medium', medium, 32, 256);
export const mobilenetV4ConvLarge = conv('large', large, 24, 384);
