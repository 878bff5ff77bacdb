/**
 * @file MorphNet's two edits. Gordon et al. 2018, arXiv:1711.06798, algorithm 1: train with a penalty on norm scales that is
 * weighted by the cost of each channel (`morphnet` of moonlet/learn), remove the channels whose scales have become nearly
 * zero (step 2), widen all layers by one factor up to the budget (step 3), train again.
 *
 * `shrink` computes what the net with zeros in place of those channels does; `expand` preserves the function, as growth does
 * (the paper trains the expanded net from scratch).
 */
import { Refusal } from '../../errors.ts';
import { channels } from '../../graph/index.ts';
import { cost } from '../../read/index.ts';
import type { Net } from '../../weights/index.ts';
import { type WidenOptions, widenChecks } from '../channels/copy-channels.ts';
import type { Growth } from '../channels/growth.ts';
import { plan } from '../grow/plan.ts';
import { widen } from '../grow/widen.ts';
import { aboveZero, type Checks, checkChoice, checkNet, checkOptions, fromZero } from '../options.ts';
import { classScales, type Pruned, type PruneOptions, planPruning, pruneChecks } from '../prune/index.ts';

/** Scales up to this count as zero: 1e-2, as in the authors' code. */
export const scaleThreshold = 1e-2;

/** The options of `shrink`; those of `pruneChannels` mean the same. */
export interface ShrinkOptions extends Pick<PruneOptions, 'roundTo' | 'byGroups' | 'only' | 'except'> {
  /** The largest absolute scale that counts as zero; `scaleThreshold` by default. */
  readonly threshold?: number;
}

const shrinkChecks: Checks<ShrinkOptions> = {
  threshold: fromZero,
  roundTo: pruneChecks.roundTo,
  byGroups: pruneChecks.byGroups,
  only: pruneChecks.only,
  except: pruneChecks.except,
};

/**
 * Remove the channels of which no norm has an absolute scale above the threshold. A layer keeps at least one channel, and
 * groups that ops tie stay equal.
 * @throws Refusal when no channel is below the threshold, or the net has no norm scales; UsageError for wrong options.
 */
export function shrink(net: Net, options: ShrinkOptions = {}): Pruned {
  checkNet('shrink', net);
  checkOptions('shrink', options, shrinkChecks);
  const { threshold = scaleThreshold, ...o } = options;
  const scales = classScales(net, channels(net.graph, o.byGroups ? { byGroups: o.byGroups } : {}));
  const dead = (id: number): boolean => (scales.get(id) ?? Number.POSITIVE_INFINITY) <= threshold;
  const found = planPruning(net, { roundTo: 1, ...o, by: scales, scope: 'global', most: 1, may: dead });
  if (!found.moves.length)
    throw new Refusal(
      `${net.graph.name}: no channel has all its norm scales within ${threshold}; train longer or with a larger penalty`,
    );
  return found.prune(found.moves.length);
}

/** The multiply-accumulates for one example, or the parameters, that a net may have. */
export type Budget = { readonly macs: number } | { readonly params: number };

/**
 * Widen all layers by the largest factor within the budget, found by bisection to a thousandth.
 * @throws Refusal when no wider net fits the budget; UsageError for what is no budget.
 * @example
 * import { cost, init, structure } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, size: 16 }));
 * const { macs } = cost(net.graph);
 * const wide = structure.expand(net, { macs: 2 * macs });
 * console.log(cost(wide.net.graph).macs <= 2 * macs); // true
 */
export function expand(net: Net, budget: Budget, o: WidenOptions = {}): Growth {
  checkNet('expand', net);
  checkOptions('expand', o, widenChecks);
  checkChoice('expand', budget, { macs: aboveZero, params: aboveZero });
  const [key, most] =
    'macs' in budget ? (['macs', budget.macs] as const) : (['params', budget.params] as const);
  const now = cost(net.graph)[key];
  const step = (factor: number) => ({ widen: { '**': `x${factor}` } }) as const;
  const reached = (factor: number): number => plan(net.graph, [step(factor)], o).at(-1)?.[key] ?? now;
  let [low, high] = [1, Math.max(2, most / now)];
  if (most > now)
    while (high - low > 5e-4) {
      const middle = (low + high) / 2;
      if (reached(middle) <= most) low = middle;
      else high = middle;
    }
  const factor = Math.floor(low * 1000) / 1000;
  if (factor <= 1 || reached(factor) > most)
    throw new Refusal(`${net.graph.name}: no wider net fits within ${most} ${key}; it has ${now} now`);
  return widen(net, step(factor).widen, o);
}
