/** @file What a growing edit gives back: the net, and how everything that belonged to the old one follows. */
import type { Net, WeightKey } from '../weights/index.ts';
import type { ChannelMap } from './replicate.ts';

/** Where the grown net computes what the old one did: in inference and training, in inference only, or nearly. */
export type Preserves = 'both' | 'inference' | 'neither';

export interface Growth {
  readonly net: Net;
  /** For each value, the old channel that each new one copies. */
  readonly maps: ReadonlyMap<string, ChannelMap>;
  /** Paths of the nodes that are new. */
  readonly added: readonly string[];
  readonly preserves: Preserves;
  /** An array that lay parallel to an old weight (an optimizer's slot), in its new shape; undefined for new weights. */
  follow(key: WeightKey, array: Float32Array): Float32Array | undefined;
}
