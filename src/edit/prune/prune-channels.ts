/**
 * @file Channel pruning: removes the least important channels of each layer, or of the whole net, down to a ratio or a
 * budget. It decides on classes of channels, never on single layers; it therefore handles sums, concats, grouped and
 * depthwise convs, shuffles and gates.
 *
 * The pruned net computes what the masked net does (masked.ts), in inference and in training, to rounding. If nothing
 * read the removed channels, the output is that of the old net.
 */
import { Refusal, suggestion, UsageError } from '../../errors.ts';
import { type Channels, channels, type Graph, type Variable } from '../../graph/index.ts';
import { type Cost, cost } from '../../read/index.ts';
import type { Net } from '../../weights/index.ts';
import { globOf } from '../channels/copies.ts';
import { withCopies } from '../channels/copy-channels.ts';
import type { Growth } from '../channels/growth.ts';
import { aboveZero, callback, checkChoice, checkNet, checkOptions, checkValue, inside } from '../options.ts';
import { type Importance, importances, type Scores, scores } from './importance.ts';
import { masked } from './masked.ts';
import { paths } from './moves.ts';
import type { Move, Path } from './path.ts';
import {
  blockWidth,
  type PruneOptions,
  type PruneTarget,
  pruneChecks,
  targetChecks,
} from './prune-options.ts';
import { whyNothingGoes } from './reasons.ts';

/** All moves in the order in which they are made. Pruning more strongly makes more of them. */
export interface Pruning {
  readonly channels: Channels;
  /** The names of the variables of each component that can lose channels. */
  readonly layers: readonly (readonly string[])[];
  /** Why no channel can be removed; undefined when one can. */
  readonly reason: string | undefined;
  /** Widths that change become multiples of it. */
  readonly roundTo: number;
  readonly moves: readonly Move[];
  /** The number of moves that come nearest to a ratio of the removable channels, or to the ratios of the options. */
  movesFor(ratio: number): number;
  /** The classes that the first `moves` moves remove. */
  gone(moves: number): ReadonlySet<number>;
  /** The cost of the graph after the first `moves` moves. */
  cost(moves: number): Cost;
  /** The net after the first `moves` moves. */
  prune(moves: number): Pruned;
}
export interface Pruned extends Pick<Growth, 'net' | 'maps' | 'follow'> {
  /** The removed classes of channels, as `channels` numbers them in the old graph. */
  readonly gone: ReadonlySet<number>;
  /** Widths that changed are multiples of it. */
  readonly roundTo: number;
  /** The old graph with the removed channels masked by zeros; it computes what the pruned net does. */
  masked(): Net;
}

/**
 * Scores the channels and puts them in the order in which they are removed, without removing any. Use it to inspect the
 * order, or to prune one net to several strengths.
 *
 * @throws UsageError for options out of range and for unknown names; Refusal when a score lacks the gradients or energies
 * that it needs.
 * @example
 * import { graph, init, input, planPruning } from 'moonlet';
 * const net = init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(4)));
 * const plan = planPruning(net, { by: 'l1' });
 * plan.layers; // [['conv']]
 * plan.cost(plan.movesFor(0.5)).params; // 108
 */
export function planPruning(net: Net, o: PruneOptions = {}): Pruning {
  checkNet('prune', net);
  checkOptions('prune', o, pruneChecks);
  const { scope = 'layer', most = 0.9, ratios } = o;
  const channelOptions = o.byGroups ? { byGroups: o.byGroups } : {};
  const all = channels(net.graph, channelOptions);
  const chosen = classesNamed(net.graph, all, o.only, o.except);
  const scored = scoresFor(net, all, o);
  const free = (id: number): boolean => chosen.has(id) && !all.frozen.has(id) && (o.may?.(id) ?? true);
  const inMultiplesOf = (roundTo: number) => ({
    roundTo,
    found: paths(all, scored, { free, roundTo, most }),
  });
  const requested = inMultiplesOf(o.roundTo ?? blockWidth);
  const isUsable = o.roundTo !== undefined || requested.found.some((p) => p.moves.length);
  const { roundTo, found } = isUsable ? requested : inMultiplesOf(1);
  const steps = merged(found, ratios ? 'layer' : scope, strengths(net.graph, all, ratios));
  const removed = (moves: number): ReadonlyMap<number, 0> =>
    new Map(steps.slice(0, moves).flatMap(({ move }) => move.classes.map((id) => [id, 0] as const)));
  const after = (moves: number): Growth => withCopies('pruneChannels', net, removed(moves), channelOptions);
  return {
    channels: all,
    layers: found.flatMap((p) => (p.moves.length ? [p.variables.map((v) => v.name)] : [])),
    roundTo,
    reason: steps.length
      ? undefined
      : `${net.graph.name}: ${whyNothingGoes(all, found, { chosen, roundTo, most, ratios })}`,
    moves: steps.map((s) => s.move),
    movesFor: (ratio) => {
      if (ratios) return countWithin(steps, 1);
      checkValue('prune', 'the ratio', ratio, inside);
      if (scope === 'layer') return countWithin(steps, ratio);
      return nearestCount(steps, ratio * found.reduce((n, p) => n + p.free, 0));
    },
    gone: (moves) => new Set(removed(moves).keys()),
    cost: (moves) => cost(after(moves).net.graph),
    prune: (moves) => {
      const { net: pruned, maps, follow } = after(moves);
      const gone = new Set(removed(moves).keys());
      return { net: pruned, maps, follow, gone, roundTo, masked: () => masked(net, all, gone) };
    },
  };
}

/** Scores by class. In the global scope those that depend on a layer's size are divided by the layer's mean. */
function scoresFor(net: Net, all: Channels, o: PruneOptions): Scores {
  const { by = 'l2', scope = 'layer' } = o;
  const raw = typeof by === 'string' ? scores(net, all, importanceNamed(by), o) : by;
  const isComparable = by === 'norm-scale' || by === 'taylor';
  return scope === 'global' && !isComparable ? dividedByMean(all, raw) : raw;
}

/** How many steps remove at most this share of their component. */
const countWithin = (steps: readonly Step[], share: number): number =>
  steps.filter((s) => s.share <= share).length;

/** How many steps come nearest to this number of channels. */
function nearestCount(steps: readonly Step[], channels: number): number {
  let [count, removed] = [0, 0];
  for (const { move } of steps) {
    if (removed + move.classes.length / 2 > channels) break;
    removed += move.classes.length;
    count++;
  }
  return count;
}

const importanceNamed = (name: string): Importance => {
  const known = importances.find((i) => i === name);
  if (known) return known;
  throw new UsageError(
    `no way "${name}" to score channels.${suggestion(name, importances)} Known: ${importances.join(', ')}`,
  );
};

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

/** The variables that a name or glob matches. @throws UsageError when it matches none. */
function variablesNamed(graph: Graph, { variables }: Channels, where: string): readonly Variable[] {
  const pattern = globOf(where);
  const found = variables.filter((v) =>
    [v.name, ...v.aliases].some((n) =>
      pattern ? pattern.test(n) : n === where || n.startsWith(`${where}/`),
    ),
  );
  if (found.length) return found;
  const names = variables.map((v) => v.name);
  throw new UsageError(`${graph.name}: nothing to prune at "${where}".${suggestion(where, names)}`);
}

/** The classes of the variables that the options name. */
function classesNamed(
  graph: Graph,
  all: Channels,
  only: readonly string[] | undefined,
  except: readonly string[] = [],
): ReadonlySet<number> {
  const named = (where: string): readonly Variable[] => variablesNamed(graph, all, where);
  const excluded = new Set(except.flatMap(named));
  const included = (only ? only.flatMap(named) : all.variables).filter((v) => !excluded.has(v));
  return new Set(included.flatMap((v) => [...v.classes]));
}

/** The ratio that is requested for a path: its shares are divided by it. 1 when the options give no ratios. */
function strengths(graph: Graph, all: Channels, ratios: PruneOptions['ratios']): (path: Path) => number {
  if (!ratios) return () => 1;
  const byVariable = new Map<Variable, number>();
  for (const [where, ratio] of Object.entries(ratios)) {
    for (const v of variablesNamed(graph, all, where)) byVariable.set(v, ratio);
  }
  return ({ variables }) => Math.max(0, ...variables.map((v) => byVariable.get(v) ?? 0));
}

/** The scores of each variable divided by their mean. */
function dividedByMean(all: Channels, raw: Scores): Scores {
  const scaled = new Map(raw);
  for (const { classes } of all.variables) {
    const mean = classes.reduce((sum, id) => sum + (raw.get(id) ?? 0), 0) / classes.length;
    if (mean > 0) for (const id of classes) scaled.set(id, (raw.get(id) ?? 0) / mean);
  }
  return scaled;
}

interface Step {
  readonly move: Move;
  /** The share of the component that is removed when half of the move is done. Ratios from it up include the move. */
  readonly share: number;
}

/** All paths as one list, by the removed share or by score. The order within each path stays. */
function merged(
  found: readonly Path[],
  scope: 'layer' | 'global',
  strength: (path: Path) => number,
): readonly Step[] {
  const steps = found.flatMap((path) => {
    const ratio = strength(path);
    let [removed, highest] = [0, 0];
    if (!ratio) return [];
    return path.moves.map((move) => {
      const share = (removed + move.classes.length / 2) / path.free / ratio;
      removed += move.classes.length;
      highest = Math.max(highest, move.score);
      return { move, share, key: scope === 'layer' ? share : highest };
    });
  });
  return steps.sort((a, b) => a.key - b.key);
}
