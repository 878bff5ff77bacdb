/** @file Tensor names of pytorchcv, which has ProxylessNAS with the weights of its authors. */
import { pair, type Scheme } from './scheme.ts';

/** Two pairs of our stages are one stage there: the number of theirs, and how many of its blocks come before ours. */
const stages = [
  [1, 0],
  [2, 0],
  [3, 0],
  [4, 0],
  [4, 4],
  [5, 0],
  [5, 4],
] as const;

const proxylessnas: Scheme = {
  ends: {
    ...pair('stem', 'features.init_block.conv', 'features.init_block.bn'),
    ...pair('head/mix', 'features.final_block.conv', 'features.final_block.bn'),
    'head/dense': 'output',
  },
  block: ({ stage, block }) => {
    const [theirs, before] = stages[stage] ?? [0, 0];
    return `features.stage${theirs}.unit${before + block + 1}.body`;
  },
  parts: {
    ...pair('expand', 'bc_conv.conv', 'bc_conv.bn'),
    ...pair('filter', 'dw_conv.conv', 'dw_conv.bn'),
    ...pair('project', 'pw_conv.conv', 'pw_conv.bn'),
  },
};

export const pytorchcv: Readonly<Record<string, Scheme>> = { proxylessnas };
