/**
 * @file Nested nets: several nets in one set of weights, each contained in the next; each can be extracted. Kim, Ahn
 * and Oh 2018, arXiv:1712.03781 (NestedNet), section 3: masks M_1 <= M_2 <= ... <= M_n over the weights of one net, by
 * single weights (section 4.1, pruned by magnitude) or by channels (section 4.2). Nets by channels have smaller
 * graphs.
 *
 * `nestedNet` of moonlet/learn trains the nets together. A net that is cut out computes what the masked net does.
 */

import { get } from '../../access.ts';
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
  /** The share of weights or channels that it leaves out, from 0 up and below 1. */
  readonly ratio: number;
  /** Ones and zeros in the shape of each kernel, [..., in, out]; kernels without a mask are whole. */
  readonly masks: ReadonlyMap<WeightKey, Float32Array>;
  /** The whole net with this level's masks: same graph, zeros elsewhere. */
  masked(net: Net): Net;
  /** The level as a net of its own; by channels a smaller graph. */
  cut(net: Net): Net;
}

/**
 * Nested levels of single weights, chosen by magnitude. `ratios` are the shares of weights that are left out, the largest
 * first; 0 is the whole net.
 * @throws UsageError for ratios that do not fall, and for wrong options.
 */
export function nestWeights(
  net: Net,
  ratios: readonly number[],
  o: WeightPruneOptions = {},
): readonly Level[] {
  checkNet('nestWeights', net);
  checkOptions('nestWeights', o, weightChecks);
  checkFalling(ratios);
  const keys = kernelsNamed(net, o);
  return ratios.map((ratio) => {
    const pruned = pruneWeights(net, ratio, o);
    const whole = ratio === 0;
    const maskOf = (key: WeightKey): Float32Array =>
      materialize(get(pruned.weights, key)).map((w) => (w !== 0 || whole ? 1 : 0));
    const masks = new Map(keys.map((key) => [key, maskOf(key)]));
    const apply = (now: Net): Net => withMasks(now, masks);
    return { ratio, masks, masked: apply, cut: apply };
  });
}

/**
 * Nested levels of channels. All levels prune along one order of channels, so that smaller nets are contained in larger ones.
 * `ratios` are the shares of channels that are left out, the largest first; 0 is the whole net.
 * @throws UsageError for ratios that do not fall, and for wrong options; Refusal when no channel can be pruned.
 * @example
 * import { cost, init, structure } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, size: 16 }));
 * const levels = structure.nestChannels(net, [0.5, 0]);
 * const [half = 0, whole = 0] = levels.map((level) => cost(level.cut(net).graph).params);
 * console.log(half < whole); // true
 */
export function nestChannels(
  net: Net,
  ratios: readonly number[],
  o: Omit<PruneOptions, 'ratios'> = {},
): readonly Level[] {
  checkNet('nestChannels', net);
  const { ratios: _, ...checks } = pruneChecks;
  checkOptions('nestChannels', o, checks);
  checkFalling(ratios);
  const plan = planPruning(net, o);
  if (plan.reason) throw new Refusal(plan.reason);
  const options = o.byGroups ? { byGroups: o.byGroups } : {};
  return ratios.map((ratio) => {
    const gone = plan.gone(ratio === 0 ? 0 : plan.movesFor(ratio));
    const zeros = new Map([...gone].map((id) => [id, 0]));
    const apply = (now: Net): Net => masked(now, plan.channels, gone);
    const { weights } = apply(onesOf(net));
    const masks = new Map(kernelsNamed(net).map((key) => [key, materialize(get(weights, key))]));
    return { ratio, masks, masked: apply, cut: (now) => withCopies('nestChannels', now, zeros, options).net };
  });
}

/** The net with all weights one. */
const onesOf = ({ graph, weights }: Net): Net => ({
  graph,
  weights: new Map(
    [...weights].map(([key, w]) => [key, float(w.shape, new Float32Array(materialize(w).length).fill(1))]),
  ),
});

/** @throws UsageError for ratios that are out of range or do not fall. */
function checkFalling(ratios: readonly number[]): void {
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
    const weight = get(net.weights, key);
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
