/** @file Shared weights: few numbers stand for many. What was zero stays zero, in codebooks. */
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
  /** Paths or globs of the layers that share; all unless told. */
  readonly only?: readonly string[];
  readonly except?: readonly string[];
}
export interface ShareOptions extends ShareWhere {
  /** Values of a kernel, 2 to 256; 32 unless told (5 bits). */
  readonly clusters?: number;
  readonly start?: CentroidStart;
}

const shareChecks: Checks<ShareOptions> = {
  clusters: whole(2, 256),
  start: oneOf('linear', 'density'),
  ...whereChecks,
};

const plain = (net: Net, key: WeightKey): FloatWeight => {
  const weight = net.weights.get(key) as Weight;
  return float(weight.shape, materialize(weight));
};
const mapped = (net: Net, where: ShareWhere, make: (key: WeightKey, w: FloatWeight) => Weight): Net => {
  const weights = new Map(net.weights);
  for (const key of kernelsNamed(net, where)) weights.set(key, make(key, plain(net, key)));
  return { ...net, weights };
};

/**
 * Each kernel's values become the nearest of k centroids, found by k-means over the kernel (Han et al. 2015,
 * arXiv:1510.00149, section 3). A kernel with zeros is stored sparse, and only what is left is shared.
 * @throws Refusal for clusters out of range.
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
    return { ...kept, values: codebook(kept.values as FloatWeight, kMeans(left, clusters, start).centroids) };
  });
}

export interface HashOptions extends ShareWhere {
  /** Buckets as a share of a kernel's values; 1/8 unless told. */
  readonly share?: number;
  readonly seed?: number;
}
const hashChecks: Checks<HashOptions> = { share: shareOf, seed: anySeed, ...whereChecks };

/** Each kernel becomes hashed buckets (Chen et al. 2015, arXiv:1504.04788), the means of their members after their signs. */
export function hashWeights(net: Net, o: HashOptions = {}): Net {
  checkNet('hashWeights', net);
  checkOptions('hashWeights', o, hashChecks);
  const { share = 1 / 8, seed = 0, ...where } = o;
  return mapped(net, where, (_, w) => hashed(w, Math.max(1, Math.round(share * w.data.length)), seed));
}

export interface CirculateOptions extends ShareWhere {
  /** Side of the circulant blocks; a kernel whose channels it does not divide stays as it is. 4 unless told. */
  readonly block?: number;
}
/**
 * Each kernel's matrix becomes circulant in blocks, the nearest one (Cheng et al. 2015, arXiv:1502.03436).
 * @throws Refusal when the block divides no kernel.
 */
export function circulate(net: Net, o: CirculateOptions = {}): Net {
  checkNet('circulate', net);
  checkOptions('circulate', o, { block: whole(2), ...whereChecks });
  const { block = 4, ...where } = o;
  const fits = ({ shape }: Weight): boolean => shape.slice(-2).every((n) => n % block === 0);
  const keys = kernelsNamed(net, where);
  if (!keys.some((key) => fits(net.weights.get(key) as Weight)))
    throw new Refusal(
      `circulate: blocks of ${block} divide the channels of no kernel there; choose a divisor above 1`,
    );
  return mapped(net, where, (key, w) => (fits(w) ? circulant(w, block) : (net.weights.get(key) as Weight)));
}
