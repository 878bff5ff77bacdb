/**
 * @file Tensor names of the package efficientnet-pytorch, and of efficientnet-lite-pytorch, which uses the same code:
 * ports of TensorFlow's weights. Blocks are counted through all stages; what a block does not have leaves no number
 * out.
 */
import { type Place, pair, type Scheme } from './scheme.ts';

const squeeze = {
  'attention/squeeze/dense': '_se_reduce',
  'attention/excite/dense': '_se_expand',
};
const efficientnet: Scheme = {
  ends: {
    ...pair('stem', '_conv_stem', '_bn0'),
    ...pair('head/mix', '_conv_head', '_bn1'),
    'head/dense': '_fc',
  },
  block: ({ index }: Place) => `_blocks.${index}`,
  parts: {
    ...pair('expand', '_expand_conv', '_bn0'),
    ...pair('filter', '_depthwise_conv', '_bn1'),
    ...squeeze,
    ...pair('project', '_project_conv', '_bn2'),
  },
  pointwise: Object.keys(squeeze),
};

export const efficientnetPytorch: Readonly<Record<string, Scheme>> = {
  'efficientnet-b0': efficientnet,
  ...Object.fromEntries([0, 1, 2, 3, 4].map((i) => [`efficientnet-lite${i}`, efficientnet])),
};
