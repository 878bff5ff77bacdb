/** @file Ops with the usual options, but for those that are told. Options may be wrong: that is what they are for. */
import type { Op, OpOf } from '../../src/graph/index.ts';

export const conv = (o: object): OpOf<'conv'> => ({
  kind: 'conv',
  out: 8,
  kernel: [3, 3],
  stride: [1, 1],
  dilation: [1, 1],
  groups: 1,
  padding: 'same',
  bias: false,
  ...o,
});
export const pool = (o: object): Op => ({
  kind: 'pool',
  fn: 'max',
  size: [2, 2],
  stride: [2, 2],
  padding: 'same',
  ...o,
});
