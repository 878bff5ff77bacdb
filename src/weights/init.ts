/** @file Initial weights, seeded. Each weight has a random stream of its own, keyed by its path. */
import { item, last } from '../access.ts';
import type { Graph, Op, Slot } from '../graph/index.ts';
import { groupsOf, nodesById } from '../graph/index.ts';
import { random } from '../random.ts';
import type { Weight } from './encodings.ts';
import { type Entry, entries, float, type Net, type WeightKey } from './weights.ts';

/**
 * How kernels begin. `heFanOut`: normal, variance 2 / (kh kw out / groups) (He et al. 2015, arXiv:1502.01852,
 * equation 14; the choice of wide residual nets). `heFanIn`: the same with in / groups (equation 10). `glorot`:
 * uniform within sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010, equation 16). `zeros`.
 */
export type Scheme = 'heFanOut' | 'heFanIn' | 'glorot' | 'zeros';
export interface InitOptions {
  /** 0 by default. */
  readonly seed?: number;
  /** For the kernels of convs; `heFanOut` by default. */
  readonly conv?: Scheme;
  /** For the kernels of dense layers and of talking heads; `glorot` by default. */
  readonly dense?: Scheme;
}

/**
 * A net with fresh weights: kernels drawn by a scheme, norms as the identity, biases zero. The same seed gives the same
 * weights on every machine; adding a node leaves the weights of the others as they were.
 *
 * @example
 * import { init } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ classes: 10 }), { seed: 7 });
 * net.weights.get('head/dense:kernel')?.shape; // [64, 10]
 */
export function init(graph: Graph, { seed = 0, conv = 'heFanOut', dense = 'glorot' }: InitOptions = {}): Net {
  const byId = nodesById(graph);
  const weights = new Map<WeightKey, Weight>();
  for (const entry of entries(graph)) {
    const op = byId.get(entry.node)?.op;
    const groups = op ? groupsOf(op) : 1;
    const mixesHeads = op?.kind === 'attention';
    const scheme = op?.kind === 'dense' || mixesHeads ? dense : conv;
    const data =
      entry.slot === 'kernel'
        ? kernel(entry, scheme, groups, seed, mixesHeads ? 1 : undefined)
        : new Float32Array(size(entry.shape)).fill(beginning(op, entry.slot));
    weights.set(entry.key, float(entry.shape, data));
  }
  return { graph, weights };
}

/** A response norm begins as the identity (Woo et al. 2023, arXiv:2301.00808, section 3.2). */
const beginning = (op: Op | undefined, slot: Exclude<Slot, 'kernel'>): number =>
  op?.kind === 'scale' ? op.initial : op?.kind === 'responseNorm' ? 0 : start[slot];
const start: Readonly<Record<Exclude<Slot, 'kernel'>, number>> = {
  bias: 0,
  gamma: 1,
  beta: 0,
  mean: 0,
  variance: 1,
  alpha: 0.25, // PReLU's slope (He et al. 2015, section 2.1)
};

function kernel(
  { key, shape }: Entry,
  scheme: Scheme,
  groups: number,
  seed: number,
  taps = size(shape.slice(0, -2)),
): Float32Array {
  const fanIn = taps * item(shape, -2);
  const fanOut = (taps * last(shape)) / groups;
  const source = random('init', seed, key);
  const normal = (fan: number): Float32Array => {
    const deviation = Math.sqrt(2 / fan);
    return Float32Array.from({ length: size(shape) }, () => deviation * source.normal());
  };
  switch (scheme) {
    case 'heFanOut':
      return normal(fanOut);
    case 'heFanIn':
      return normal(fanIn);
    case 'glorot': {
      const limit = Math.sqrt(6 / (fanIn + fanOut));
      return Float32Array.from({ length: size(shape) }, () => limit * (2 * source.uniform() - 1));
    }
    case 'zeros':
      return new Float32Array(size(shape));
  }
}

const size = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);
