/**
 * @file MobileNetV4, the hybrid nets. Qin et al., ECCV 2024, arXiv:2404.10518, tables 14 and 15, in timm's block strings: `mqa` is
 * multi-query attention of h heads with d channels, v the stride of keys and values; for the others see mobilenet-v4.ts. As in timm,
 * branches end in a learned scale.
 */
import { architecture, real } from '../../src/compose/index.ts';
import { netOf, optionsOf, paper } from './mobilenet-v4-net.ts';

const medium = [
  ['er_r1_k3_s2_e4_c48'],
  ['uir_r1_a3_k5_s2_e4_c80', 'uir_r1_a3_k3_s1_e2_c80'],
  [
    'uir_r1_a3_k5_s2_e6_c160',
    'uir_r1_a0_k0_s1_e2_c160', // no filter
    'uir_r1_a3_k3_s1_e4_c160',
    'uir_r1_a3_k5_s1_e4_c160',
    'mqa_r1_k3_h4_s1_v2_d64_c160', // keys of a quarter of the places
    'uir_r1_a3_k3_s1_e4_c160',
    'mqa_r1_k3_h4_s1_v2_d64_c160',
    'uir_r1_a3_k0_s1_e4_c160', // as in ConvNeXt
    'mqa_r1_k3_h4_s1_v2_d64_c160',
    'uir_r1_a3_k3_s1_e4_c160',
    'mqa_r1_k3_h4_s1_v2_d64_c160',
    'uir_r1_a3_k0_s1_e4_c160',
  ],
  [
    'uir_r1_a5_k5_s2_e6_c256',
    'uir_r1_a5_k5_s1_e4_c256',
    'uir_r2_a3_k5_s1_e4_c256',
    'uir_r1_a0_k0_s1_e2_c256',
    'uir_r1_a3_k5_s1_e2_c256',
    'uir_r1_a0_k0_s1_e2_c256',
    'uir_r1_a0_k0_s1_e4_c256',
    'mqa_r1_k3_h4_s1_d64_c256',
    'uir_r1_a3_k0_s1_e4_c256',
    'mqa_r1_k3_h4_s1_d64_c256',
    'uir_r1_a5_k5_s1_e4_c256',
    'mqa_r1_k3_h4_s1_d64_c256',
    'uir_r1_a5_k0_s1_e4_c256',
    'mqa_r1_k3_h4_s1_d64_c256',
    'uir_r1_a5_k0_s1_e4_c256',
  ],
] as const;
const large = [
  ['er_r1_k3_s2_e4_c48'],
  ['uir_r1_a3_k5_s2_e4_c96', 'uir_r1_a3_k3_s1_e4_c96'],
  [
    'uir_r1_a3_k5_s2_e4_c192',
    'uir_r3_a3_k3_s1_e4_c192',
    'uir_r1_a3_k5_s1_e4_c192',
    'uir_r2_a5_k3_s1_e4_c192',
    'mqa_r1_k3_h8_s1_v2_d48_c192',
    'uir_r1_a5_k3_s1_e4_c192',
    'mqa_r1_k3_h8_s1_v2_d48_c192',
    'uir_r1_a5_k3_s1_e4_c192',
    'mqa_r1_k3_h8_s1_v2_d48_c192',
    'uir_r1_a5_k3_s1_e4_c192',
    'mqa_r1_k3_h8_s1_v2_d48_c192',
    'uir_r1_a3_k0_s1_e4_c192',
  ],
  [
    'uir_r4_a5_k5_s2_e4_c512',
    'uir_r1_a5_k0_s1_e4_c512',
    'uir_r1_a5_k3_s1_e4_c512',
    'uir_r2_a5_k0_s1_e4_c512',
    'uir_r1_a5_k3_s1_e4_c512',
    'uir_r1_a5_k5_s1_e4_c512',
    'mqa_r1_k3_h8_s1_d64_c512',
    'uir_r1_a5_k0_s1_e4_c512',
    'mqa_r1_k3_h8_s1_d64_c512',
    'uir_r1_a5_k0_s1_e4_c512',
    'mqa_r1_k3_h8_s1_d64_c512',
    'uir_r1_a5_k0_s1_e4_c512',
    'mqa_r1_k3_h8_s1_d64_c512',
    'uir_r1_a5_k0_s1_e4_c512',
  ],
] as const;

const hybrid = <const Size extends number>(
  name: string,
  stages: readonly (readonly string[])[],
  form: { readonly first: number; readonly act: 'relu' | 'gelu' },
  size: Size,
) =>
  architecture({
    name: `mobilenet-v4-hybrid-${name}`,
    paper,
    options: {
      layerScale: real({ doc: 'where the scale of each branch begins', default: 1e-5, min: 0, max: 1 }),
      ...optionsOf(size),
    },
    net: (o) => netOf(stages, { ...o, ...form }),
  });

export const mobilenetV4HybridMedium = hybrid('medium', medium, { first: 32, act: 'relu' }, 256);
export const mobilenetV4HybridLarge = hybrid('large', large, { first: 24, act: 'gelu' }, 384);
