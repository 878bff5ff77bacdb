/**
 * @file Channel pruning: removes the least important channels of each layer, or of the whole net, down to a ratio or a
 * budget, in the order of plan-pruning.ts.
 *
 * The pruned net computes what the masked net does (masked.ts), in inference and in training, to rounding. If nothing
 * read the removed channels, the output is that of the old net. Channels that a norm over channels reads (layer norm, response
 * norm) stay by default, since without them its means are others; see `acrossNorms`.
 */
import { Refusal } from '../../errors.ts';
import type { Net } from '../../weights/index.ts';
import { aboveZero, callback, checkChoice, checkNet, checkValue } from '../options.ts';
import { type Pruned, type Pruning, planPruning } from './plan-pruning.ts';
import { type PruneOptions, type PruneTarget, targetChecks } from './prune-options.ts';

/**
 * Removes channels until the target is met: `{ ratio }` is a share of the removable channels, `{ ratios }` a share for
 * each named layer, `{ macs }` and `{ params }` the largest number of multiply-adds (of one example) or of parameters.
 * Widths become multiples of 8 by default where the net allows it; see `roundTo`.
 *
 * @throws UsageError for options out of range and for unknown names; Refusal when no channel can be removed, or the
 * budget cannot be met (the message says the least that can be reached).
 * @example
 * import { cost, graph, init, input, pruneChannels } from 'moonlet';
 * const net = init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(4)));
 * const pruned = pruneChannels(net, { ratio: 0.5 });
 * [cost(net.graph).params, cost(pruned.net.graph).params]; // [212, 108]
 */
export function pruneChannels(net: Net, target: PruneTarget, o: PruneOptions = {}): Pruned {
  checkNet('prune', net);
  checkChoice('prune', target, targetChecks);
  const plan = planPruning(net, 'ratios' in target ? { ...o, ratios: target.ratios } : o);
  if (plan.reason) throw new Refusal(plan.reason);
  if ('ratio' in target || 'ratios' in target) {
    const moves = plan.movesFor('ratio' in target ? target.ratio : 1);
    if (moves) return plan.prune(moves);
    const near = 'ratio' in target ? `near ${target.ratio}` : 'near its ratio';
    throw new Refusal(
      `${net.graph.name}: no layer can lose a share ${near}${inMultiples(plan.roundTo)}; choose a larger ratio${plan.roundTo > 1 ? ` or a roundTo below ${plan.roundTo}` : ''}`,
    );
  }
  const [key, budget] =
    'macs' in target ? (['macs', target.macs] as const) : (['params', target.params] as const);
  return plan.prune(fewestMoves(plan, (moves) => plan.cost(moves)[key], budget, `${net.graph.name}: ${key}`));
}

/**
 * Removes as few channels as needed for `measure` to return at most `budget`. Both are in the same unit, such as
 * milliseconds: `latency` of moonlet/engine is a measure. It searches by bisection, which assumes that the measure falls
 * as channels are removed.
 *
 * @throws UsageError for options out of range; Refusal when the measure is above the budget even without all removable
 * channels.
 * @example
 * import { cost, graph, init, input, pruneToLatency } from 'moonlet';
 * const net = init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(4)));
 * // a stand-in for latency(net) of moonlet/engine
 * const kilo = async ({ graph }: typeof net) => cost(graph).macs / 1000;
 * const pruned = await pruneToLatency(net, 5, kilo);
 * await kilo(pruned.net); // 4.64
 */
export async function pruneToLatency(
  net: Net,
  budget: number,
  measure: (net: Net) => Promise<number>,
  o: PruneOptions = {},
): Promise<Pruned> {
  checkValue('prune', 'the budget', budget, aboveZero);
  checkValue('prune', 'the measure', measure, callback);
  const plan = planPruning(net, o);
  if (plan.reason) throw new Refusal(plan.reason);
  let [low, high] = [0, plan.moves.length];
  const least = await measure(plan.prune(high).net);
  if (!(least <= budget))
    throw new Refusal(cannot(`${net.graph.name}: the measured time`, budget, least, plan));
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((await measure(plan.prune(middle).net)) <= budget) high = middle;
    else low = middle + 1;
  }
  return plan.prune(low);
}

const cannot = (what: string, budget: number, least: number, { roundTo }: Pruning): string =>
  `${what} cannot come down to ${budget} by pruning; the least that can be reached${inMultiples(roundTo)} is ${least}${roundTo > 1 ? ' (roundTo: 1 may go further)' : ''}`;
const inMultiples = (roundTo: number): string => (roundTo > 1 ? ` in multiples of ${roundTo}` : '');

/**
 * The fewest moves after which the size, which falls with them, is within the budget.
 * @throws Refusal when it is above the budget after all moves.
 */
function fewestMoves(plan: Pruning, size: (moves: number) => number, budget: number, what: string): number {
  let [low, high] = [0, plan.moves.length];
  const least = size(high);
  if (!(least <= budget)) throw new Refusal(cannot(what, budget, least, plan));
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (size(middle) <= budget) high = middle;
    else low = middle + 1;
  }
  return low;
}
