/**
 * @file Nested nets: several nets in one set of weights, each within the next, each cut out on demand. Kim, Ahn and Oh 2018,
 * arXiv:1712.03781 (NestedNet), section 3: masks M_1 <= M_2 <= ... <= M_n over the weights of one net. By single weights
 * (section 4.1, pruned by magnitude) or by channels (section 4.2), whose nets are really smaller.
 *
 * The nets are trained together by `nestedNet` of moonlet/learn. What is cut out computes what the masked net does (law 5).
 */
import { Refusal, UsageError } from '../../errors.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../weights/index.ts';
import { withCopies } from '../channels/copy-channels.ts';
import { checkNet, checkOptions, shown } from '../options.ts';
import {
  kernelsNamed,
  masked,
  type PruneOptions,
  planPruning,
  pruneChecks,
  pruneWeights,
  type WeightPruneOptions,
  weightChecks,
} from '../prune/index.ts';

/** One of the nested nets. */
export interface Level {
  /** The share of weights or channels that it leaves out. */
  readonly ratio: number;
  /** Ones and zeros for each kernel, [..., in, out]; kernels that are not named are whole. */
  readonly masks: ReadonlyMap<WeightKey, Float32Array>;
  /** The whole net with this level's masks: same graph, zeros elsewhere. */
  masked(net: Net): Net;
  /** The level as a net of its own; by channels a smaller graph. */
  cut(net: Net): Net;
}

/** Levels by magnitude, the sparsest first; 0 is the whole net. @throws UsageError for ratios that do not fall. */
export function nestWeights(
  net: Net,
  ratios: readonly number[],
  o: WeightPruneOptions = {},
): readonly Level[] {
  checkNet('nestWeights', net);
  checkOptions('nestWeights', o, weightChecks);
  falling(ratios);
  const keys = kernelsNamed(net, o);
  return ratios.map((ratio) => {
    const pruned = pruneWeights(net, ratio, o);
    const whole = ratio === 0;
    const masks = new Map(
      keys.map((key) => [
        key,
        materialize(pruned.weights.get(key) as Weight).map((w) => (w !== 0 || whole ? 1 : 0)),
      ]),
    );
    const apply = (now: Net): Net => withMasks(now, masks);
    return { ratio, masks, masked: apply, cut: apply };
  });
}

/**
 * Levels by channels: each leaves out the first so many moves of one order, so that smaller ones lie within larger ones.
 * @throws UsageError for ratios that do not fall, Refusal when nothing can go.
 */
export function nestChannels(
  net: Net,
  ratios: readonly number[],
  o: Omit<PruneOptions, 'ratios'> = {},
): readonly Level[] {
  checkNet('nestChannels', net);
  const { ratios: _, ...checks } = pruneChecks;
  checkOptions('nestChannels', o, checks);
  falling(ratios);
  const plan = planPruning(net, o);
  if (plan.reason) throw new Refusal(plan.reason);
  const options = o.byGroups ? { byGroups: o.byGroups } : {};
  return ratios.map((ratio) => {
    const gone = plan.gone(ratio === 0 ? 0 : plan.movesFor(ratio));
    const zeros = new Map([...gone].map((id) => [id, 0] as const));
    const apply = (now: Net): Net => masked(now, plan.channels, gone);
    const ones = apply({
      graph: net.graph,
      weights: new Map(
        [...net.weights].map(([k, w]) => [
          k,
          float(
            w.shape,
            materialize(w).map(() => 1),
          ),
        ]),
      ),
    });
    const masks = new Map(
      kernelsNamed(net).map((key) => [key, materialize(ones.weights.get(key) as Weight)] as const),
    );
    return { ratio, masks, masked: apply, cut: (now) => withCopies('nestChannels', now, zeros, options).net };
  });
}

function falling(ratios: readonly number[]): void {
  const list: readonly unknown[] | undefined = Array.isArray(ratios) ? ratios : undefined;
  const falls = list?.every((r, i) => typeof r === 'number' && r >= 0 && r < (ratios[i - 1] ?? 1));
  if (!list?.length || !falls)
    throw new UsageError(
      `nested nets need ratios from 0 up and below 1 that fall, the sparsest first, got ${list ? list.map(shown).join(', ') || 'none' : shown(ratios)}`,
    );
}

function withMasks(net: Net, masks: Level['masks']): Net {
  const weights = new Map<WeightKey, Weight>(net.weights);
  for (const [key, mask] of masks) {
    const weight = net.weights.get(key) as Weight;
    weights.set(
      key,
      float(
        weight.shape,
        materialize(weight).map((w, i) => (mask[i] ? w : 0)),
      ),
    );
  }
  return { graph: net.graph, weights };
}
