/** @file Tensor names of github.com/mit-han-lab/mcunet, which are those of ProxylessNAS and Once-for-All. */
import { pair, type Scheme } from './scheme.ts';

const net: Scheme = {
  ends: { ...pair('stem', 'first_conv.conv', 'first_conv.bn'), 'head/dense': 'classifier.linear' },
  block: ({ index }) => `blocks.${index}.mobile_inverted_conv`,
  parts: {
    ...pair('expand', 'inverted_bottleneck.conv', 'inverted_bottleneck.bn'),
    ...pair('filter', 'depth_conv.conv', 'depth_conv.bn'),
    ...pair('project', 'point_linear.conv', 'point_linear.bn'),
  },
};
const ids = ['in0', 'in1', 'in2', 'in3', 'in4', 'vww0', 'vww1', 'vww2'];

export const mcunet: Readonly<Record<string, Scheme>> = Object.fromEntries(
  ids.map((id) => [`mcunet-${id}`, net]),
);
