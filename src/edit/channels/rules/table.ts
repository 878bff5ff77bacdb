/**
 * @file The replication rule of each kind of op. A new kind does not compile until it has one here. What the maps must
 * satisfy beyond a rule's own conditions (which channels are copied together, which stay) is found by `channels`.
 */
import type { Kind } from '../../../graph/index.ts';
import { attention } from './attention.ts';
import { act, meeting, passing } from './elementwise.ts';
import { conv, dense, groupNorm, norm, overChannels } from './layers.ts';
import { concat, flatten, input, permute, shift, shuffle, slice, units } from './moves.ts';
import type { OpByKind, Replica, Rule, Site } from './rule.ts';

const rules: { readonly [K in Kind]: Rule<K> } = {
  // layers
  conv,
  dense,
  norm,
  convTranspose: conv,
  layerNorm: overChannels,
  groupNorm,
  responseNorm: overChannels,
  scale: norm,
  positions: norm,
  attention,
  // channel by channel
  act,
  pool: passing,
  pad: passing,
  globalPool: passing,
  dropout: passing,
  dropPath: passing,
  upsample: passing,
  resize: passing,
  quantize: passing,
  add: meeting,
  mul: meeting,
  // moves
  input,
  concat,
  slice,
  shuffle,
  permute,
  flatten,
  maxout: units,
  pixelShuffle: units,
  shift,
};

/** The op of this kind in the new graph. @throws Refusal when it cannot take what it would get. */
export const replicaOf = <K extends Kind>(kind: K, site: Site<K>): Replica => rules[kind].replica(site);

/** Why an op cannot take channels that copy none; undefined when it can. */
export const refusesNew = <K extends Kind>(kind: K, op: OpByKind[K], c: number): string | undefined =>
  rules[kind].refusesNew(op, c);
