/**
 * @file The result of a growing edit: the net, and how arrays of the old net, such as optimizer state, are
 * transformed.
 */

import { get, last } from '../../access.ts';
import { channelsOf, type Graph, shapes } from '../../graph/index.ts';
import { entries, type Net, type Weight, type WeightKey } from '../../weights/index.ts';
import { type ChannelMap, identity } from './channel-map.ts';

/** Where the grown net computes what the old one did: in inference and training, in inference only, or nowhere exactly. */
export type Preserves = 'both' | 'inference' | 'neither';

/** The maps of a graph whose channels stay as they are. */
export const identityMaps = (graph: Graph): ReadonlyMap<string, ChannelMap> =>
  new Map([...shapes(graph)].map(([id, shape]) => [id, identity(channelsOf(shape))]));

/** The weights that a graph needs, out of a net's. */
export const picked = (graph: Graph, { weights }: Net): Map<WeightKey, Weight> =>
  new Map(entries(graph).map(({ key }) => [key, get(weights, key)]));

/** The maps of two growths, one after the other. */
function composed(
  first: ReadonlyMap<string, ChannelMap>,
  second: ReadonlyMap<string, ChannelMap>,
): ReadonlyMap<string, ChannelMap> {
  const both = new Map<string, ChannelMap>();
  for (const [id, map] of second) {
    const before = first.get(id);
    if (before)
      both.set(
        id,
        map.map((from) => before[from] ?? -1),
      );
  }
  return both;
}

/**
 * What an array beside a weight holds, which decides how it follows the weight. Let a channel appear m times after
 * growth, and a weight w[c, d] become w'[i, j] for copies i of c and j of d; with equal shares the gradient of w'[i, j] is
 * g[c, d] / m_d, whatever m_c is, since each copy of c has the value of c and each copy of d an m_d-th of its effect.
 *
 *   weight    follows as the weights do: split among the copies of its input, repeated for those of its output. Added to the
 *             weights it moves the function as it moved the old net's, whatever the shares: SGD's velocity.
 *   gradient  a mean of gradients, as if the net had always been so large: over m_d. Adam's first moment.
 *   square    a mean of squared gradients, by whose root the step is divided: times (m_c / m_d)^2. Adam's second moment.
 *
 * Adam's step, first / sqrt(second), is then the old one for all copies of an output, and 1 / m_c of it for each of the m_c
 * parts of a split weight, which together take the old step. (With squares that are only over m_d^2 each part would take
 * the whole step.) So with equal shares the next step moves the function as the old net's would, but for what the new
 * gradient adds to the squares: a part's step is larger by a factor of at most 1 + s (1 - 1 / m_c^2) / 2 with
 * s = (1 - beta2) g^2 / (beta2 second). Over 1 / (1 - beta2) steps it grows to the large net's own. With other shares the
 * new gradient's part of the first moment, 1 - beta1, has the large net's shares.
 */
export type Follows = 'weight' | 'gradient' | 'square';

/** What a growing edit gives back. */
export interface Growth {
  readonly net: Net;
  /** For each value that the old net has too, the old channel that each new one copies; -1 for none. */
  readonly maps: ReadonlyMap<string, ChannelMap>;
  /** Paths of the nodes that are new. */
  readonly added: readonly string[];
  readonly preserves: Preserves;
  /** An array with the shape of an old weight (an optimizer's slot), in the weight's new shape; undefined for new weights. */
  follow(key: WeightKey, array: Float32Array, as?: Follows): Float32Array | undefined;
  /** The old graph with weights read back from a net of the grown graph; `narrow` checks whether that is exact. */
  back(grown: Net): Net;
}

/** Several growths as one; each was applied to the net of the one before. */
export function inSequence(done: readonly [Growth, ...Growth[]]): Growth {
  const weakest = (['neither', 'inference'] as const).find((p) => done.some((g) => g.preserves === p));
  return {
    net: last(done).net,
    maps: done.map((g) => g.maps).reduce(composed),
    added: done.flatMap((g) => g.added),
    preserves: weakest ?? 'both',
    follow: (key, array, as) =>
      done.reduce<Float32Array | undefined>((a, g) => a && g.follow(key, a, as), array),
    back: (grown) => done.reduceRight((later, g) => g.back(later), grown),
  };
}
