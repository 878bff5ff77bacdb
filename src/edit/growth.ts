/** @file What a growing edit gives back: the net, and how everything that belonged to the old one follows. */

import { channelsOf, type Graph, shapes } from '../graph/index.ts';
import type { Net, WeightKey } from '../weights/index.ts';
import type { ChannelMap } from './channel-map.ts';

/** Where the grown net computes what the old one did: in inference and training, in inference only, or nearly. */
export type Preserves = 'both' | 'inference' | 'neither';

/** The maps of a graph whose channels stay as they are. */
export const identityMaps = (graph: Graph): ReadonlyMap<string, ChannelMap> =>
  new Map(
    [...shapes(graph)].map(([id, shape]) => [
      id,
      Int32Array.from({ length: channelsOf(shape) }, (_, i) => i),
    ]),
  );

/** The maps of two growths, one after the other. */
export function composed(
  first: ReadonlyMap<string, ChannelMap>,
  second: ReadonlyMap<string, ChannelMap>,
): ReadonlyMap<string, ChannelMap> {
  const both = new Map<string, ChannelMap>();
  for (const [id, map] of second) {
    const before = first.get(id);
    if (before)
      both.set(
        id,
        map.map((from) => before[from] as number),
      );
  }
  return both;
}

export interface Growth {
  readonly net: Net;
  /** For each value that the old net has too, the old channel that each new one copies. */
  readonly maps: ReadonlyMap<string, ChannelMap>;
  /** Paths of the nodes that are new. */
  readonly added: readonly string[];
  readonly preserves: Preserves;
  /** An array that lay parallel to an old weight (an optimizer's slot), in its new shape; undefined for new weights. */
  follow(key: WeightKey, array: Float32Array): Float32Array | undefined;
}
