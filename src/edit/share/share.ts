/** @file Weight sharing: codebooks, hashed buckets, circulant blocks. Codebooks keep zeros at zero. */
import { get } from '../../access.ts';
import { Refusal } from '../../errors.ts';
import {
  circulant,
  codebook,
  type FloatWeight,
  float,
  hashed,
  materialize,
  type Net,
  sparse,
  type Weight,
  type WeightKey,
} from '../../weights/index.ts';
import {
  seed as anySeed,
  type Checks,
  checkNet,
  checkOptions,
  oneOf,
  share as shareOf,
  whereChecks,
  whole,
} from '../options.ts';
import { kernelsNamed } from '../prune/index.ts';
import { type CentroidStart, kMeans } from './k-means.ts';

export interface ShareWhere {
  /** Paths or globs of the layers whose kernels are changed; all by default. */
  readonly only?: readonly string[];
  readonly except?: readonly string[];
}
export interface ShareOptions extends ShareWhere {
  /** Different values in a kernel, 2 to 256; 32 (5 bits) by default. */
  readonly clusters?: number;
  /** The first centroids of k-means; `linear` by default. */
  readonly start?: CentroidStart;
}

const shareChecks: Checks<ShareOptions> = {
  clusters: whole(2, 256),
  start: oneOf('linear', 'density'),
  ...whereChecks,
};

const plain = (net: Net, key: WeightKey): FloatWeight => {
  const weight = get(net.weights, key);
  return float(weight.shape, materialize(weight));
};
const mapped = (net: Net, where: ShareWhere, make: (key: WeightKey, w: FloatWeight) => Weight): Net => {
  const weights = new Map(net.weights);
  for (const key of kernelsNamed(net, where)) weights.set(key, make(key, plain(net, key)));
  return { ...net, weights };
};

/**
 * Replaces each weight of a kernel by the nearest of k centroids, found by k-means over the kernel (Han et al. 2015,
 * arXiv:1510.00149, section 3). A kernel with zeros is stored sparse, and only its other weights are shared.
 *
 * @throws UsageError for options out of range and for unknown names.
 * @example
 * import { bytesOf, graph, init, input, shareWeights } from 'moonlet';
 * const net = init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(4)));
 * [bytesOf(net), bytesOf(shareWeights(net, { clusters: 8 }))]; // [848, 158]
 */
export function shareWeights(net: Net, o: ShareOptions = {}): Net {
  checkNet('shareWeights', net);
  checkOptions('shareWeights', o, shareChecks);
  const { clusters = 32, start = 'linear', ...where } = o;
  return mapped(net, where, (_, w) => {
    const left = w.data.filter((v) => v !== 0);
    if (left.length === w.data.length) return codebook(w, kMeans(w.data, clusters, start).centroids);
    if (!left.length) return sparse(w);
    const kept = sparse(w);
    return { ...kept, values: codebook(float([left.length], left), kMeans(left, clusters, start).centroids) };
  });
}

export interface HashOptions extends ShareWhere {
  /** Buckets as a share of a kernel's weights; 1/8 by default. */
  readonly share?: number;
  /** Of the hash function; 0 by default. */
  readonly seed?: number;
}
const hashChecks: Checks<HashOptions> = { share: shareOf, seed: anySeed, ...whereChecks };

/**
 * Shares the weights of each kernel that a hash of their position puts into one bucket, up to a sign that is hashed too
 * (Chen et al. 2015, arXiv:1504.04788). A bucket's value is the mean of its signed members.
 *
 * @throws UsageError for options out of range and for unknown names.
 * @example
 * import { graph, hashWeights, init, input } from 'moonlet';
 * const net = init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(4)));
 * hashWeights(net, { share: 0.25 }).weights.get('conv:kernel')!.encoding; // 'hashed'
 */
export function hashWeights(net: Net, o: HashOptions = {}): Net {
  checkNet('hashWeights', net);
  checkOptions('hashWeights', o, hashChecks);
  const { share = 1 / 8, seed = 0, ...where } = o;
  return mapped(net, where, (_, w) => hashed(w, Math.max(1, Math.round(share * w.data.length)), seed));
}

export interface CirculateOptions extends ShareWhere {
  /** The side of the circulant blocks, 4 by default. Kernels whose channels it does not divide stay as they are. */
  readonly block?: number;
}
/**
 * Replaces each block of a kernel's matrix by the nearest circulant matrix (Cheng et al. 2015, arXiv:1502.03436), which
 * has one value for each diagonal.
 *
 * @throws UsageError for options out of range and for unknown names; Refusal when the block divides the channels of no
 * kernel.
 * @example
 * import { circulate, graph, init, input } from 'moonlet';
 * const net = init(graph('tiny', input(8, 8, 4).conv(16, { kernel: 3 }).relu().globalPool().dense(4)));
 * circulate(net, { block: 4 }).weights.get('conv:kernel')!.encoding; // 'circulant'
 */
export function circulate(net: Net, o: CirculateOptions = {}): Net {
  checkNet('circulate', net);
  checkOptions('circulate', o, { block: whole(2), ...whereChecks });
  const { block = 4, ...where } = o;
  const fits = ({ shape }: Weight): boolean => shape.slice(-2).every((n) => n % block === 0);
  const keys = kernelsNamed(net, where);
  if (!keys.some((key) => fits(get(net.weights, key))))
    throw new Refusal(
      `circulate: blocks of ${block} divide the channels of no kernel; choose a block that divides them`,
    );
  return mapped(net, where, (key, w) => (fits(w) ? circulant(w, block) : get(net.weights, key)));
}
