/**
 * @file The arguments and the result of a replication rule. `table.ts` has one rule for each kind of op.
 *
 * All rules keep one invariant. Let T be a value of the old graph and T' the same value of the new one. Then
 * T'[..., j] = T[..., map[j]] for each new channel j that copies an old one (map[j] >= 0). A rule is given the maps of
 * what its op reads, and answers with the op of the new graph and the map of what it makes.
 */
import type { Kind, Op, OpOf, Shape } from '../../../graph/index.ts';
import type { ChannelMap } from '../channel-map.ts';

/** The channels that a producer makes in the new graph, by the classes of those that it made in the old one. */
export type Arrange = (classes: Int32Array) => ChannelMap;

/** A value of the new graph: the node that makes it, and the old channel that each of its channels copies. */
export interface Value {
  readonly id: string;
  readonly map: ChannelMap;
}

/** How the weights of a layer follow: the maps by which their input and output axes are gathered. */
export interface WeightMaps {
  /** Of the second last axis of a kernel, before it is cut into groups; undefined where that axis stays as it is. */
  readonly input: ChannelMap | undefined;
  /** Of the last axis. */
  readonly output: ChannelMap;
  /** How many groups the layer had and has; 1 for layers without groups. */
  readonly groups: { readonly old: number; readonly now: number };
}

/** Each kind of op with its type. */
export type OpByKind = { readonly [K in Kind]: OpOf<K> };

/** A node of the old graph, and what it reads in the new one. */
export interface Site<K extends Kind> {
  readonly id: string;
  readonly op: OpByKind[K];
  readonly ins: readonly Value[];
  /** The first of `ins`; of an input, which reads nothing, its own channels. */
  readonly x: Value;
  /** What it read in the old graph. */
  readonly oldIn: readonly Shape[];
  /** Channels of the first value that it read in the old graph. */
  readonly c: number;
  /** The classes of the channels that it made in the old graph. */
  readonly classes: Int32Array;
  /** Of a grouped conv: it grows by whole groups instead of within its groups. */
  readonly whole: boolean;
  readonly arrange: Arrange;
  /** The value with its channels in the order of `wanted`: itself, or through a `permute` that is put before the op. */
  inOrder(value: Value, wanted: ChannelMap): Value;
}

/** The node of the new graph, and the map of what it makes. */
export interface Replica {
  readonly op: Op;
  readonly ins: readonly Value[];
  readonly map: ChannelMap;
  /** Of ops that have weights. */
  readonly weights?: WeightMaps;
}

/** How one kind of op is replicated. */
export interface Rule<K extends Kind> {
  /** @throws Refusal when the op cannot take what it would get. */
  readonly replica: (site: Site<K>) => Replica;
  /** The op's name in words when it cannot take channels that copy none (-1); undefined when it can. */
  readonly refusesNew: (op: OpByKind[K], c: number) => string | undefined;
}
