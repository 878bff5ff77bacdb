/**
 * @file Channels taken away for real: the least important ones of each layer or of the whole net, down to a ratio or a
 * budget. It reaches through sums, concats, grouped and depthwise convs, shuffles and gates, since it decides on classes
 * of channels, never on layers.
 *
 * What it preserves: the pruned net is the masked one (masked.ts), in inference and in training, to rounding. It is the
 * old net where what went was not read.
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

/** What would go first, second, and so on: pruning at any strength is a prefix of it. */
export interface Pruning {
  readonly channels: Channels;
  /** Layers that go together, by the names of their variables. */
  readonly layers: readonly (readonly string[])[];
  /** Why nothing can go, when nothing can. */
  readonly reason: string | undefined;
  /** Widths are multiples of it where they change. */
  readonly roundTo: number;
  /** In the order in which they go. */
  readonly moves: readonly Move[];
  /** The number of moves that come nearest to a ratio of the channels that may go, or to the ratios of the options. */
  movesFor(ratio: number): number;
  /** The classes that are gone after so many moves. */
  gone(moves: number): ReadonlySet<number>;
  /** The graph's cost after so many moves. */
  cost(moves: number): Cost;
  /** The net after so many moves. */
  prune(moves: number): Pruned;
}
export interface Pruned extends Pick<Growth, 'net' | 'maps' | 'follow'> {
  /** Classes of channels that are gone; of the old net's `channels`. */
  readonly gone: ReadonlySet<number>;
  /** Widths are multiples of it where they changed. */
  readonly roundTo: number;
  /** The old graph with what went set to zero: what the pruned net computes. */
  masked(): Net;
}

/**
 * Decide what goes first.
 * @throws UsageError for options out of range and names that are not there, Refusal when scores lack their evidence.
 */
export function planPruning(net: Net, o: PruneOptions = {}): Pruning {
  checkNet('prune', net);
  checkOptions('prune', o, pruneChecks);
  const { by = 'l2', scope = 'layer', most = 0.9 } = o;
  const all = channels(net.graph, o.byGroups ? { byGroups: o.byGroups } : {});
  const raw = typeof by === 'string' ? scores(net, all, importanceNamed(by), o) : by;
  const own = chosen(net.graph, all, o.only, o.except);
  const scored = scope === 'global' && by !== 'norm-scale' && by !== 'taylor' ? evened(all, raw) : raw;
  const free = (id: number): boolean => own.has(id) && !all.frozen.has(id) && (o.may?.(id) ?? true);
  const inMultiplesOf = (roundTo: number): { roundTo: number; found: readonly Path[] } => ({
    roundTo,
    found: paths(all, scored, { free, roundTo, most }),
  });
  const asked = inMultiplesOf(o.roundTo ?? blockWidth);
  const isUsable = o.roundTo !== undefined || asked.found.some((p) => p.moves.length);
  const { roundTo, found } = isUsable ? asked : inMultiplesOf(1);
  const steps = merged(found, o.ratios ? 'layer' : scope, strengths(net.graph, all, o.ratios));
  const freeChannels = found.reduce((n, p) => n + p.free, 0);
  const copies = (moves: number): ReadonlyMap<number, 0> =>
    new Map(steps.slice(0, moves).flatMap(({ move }) => move.classes.map((id) => [id, 0] as const)));
  const at = (moves: number): Growth =>
    withCopies('pruneChannels', net, copies(moves), o.byGroups ? { byGroups: o.byGroups } : {});
  return {
    channels: all,
    layers: found.flatMap((p) => (p.moves.length ? [p.variables.map((v) => v.name)] : [])),
    roundTo,
    reason: steps.length
      ? undefined
      : `${net.graph.name}: ${whyNothingGoes(all, found, { chosen: own, roundTo, most, ratios: o.ratios })}`,
    moves: steps.map((s) => s.move),
    movesFor: (ratio) => {
      if (o.ratios) return steps.filter((s) => s.share <= 1).length;
      checkValue('prune', 'the ratio', ratio, inside);
      if (scope === 'layer') return steps.filter((s) => s.share <= ratio).length;
      let [count, gone] = [0, 0];
      for (const { move } of steps) {
        if (gone + move.classes.length / 2 > ratio * freeChannels) break;
        gone += move.classes.length;
        count++;
      }
      return count;
    },
    gone: (moves) => new Set(copies(moves).keys()),
    cost: (moves) => cost(at(moves).net.graph),
    prune: (moves) => {
      const { net: pruned, maps, follow } = at(moves);
      const gone = new Set(copies(moves).keys());
      return { net: pruned, maps, follow, gone, roundTo, masked: () => masked(net, all, gone) };
    },
  };
}

const importanceNamed = (name: string): Importance => {
  const known = importances.find((i) => i === name);
  if (known) return known;
  throw new UsageError(
    `no way "${name}" to score channels.${suggestion(name, importances)} Known: ${importances.join(', ')}`,
  );
};

/**
 * Prune to a ratio of the channels, to a ratio for each layer, or to at most so many multiply-adds or parameters.
 * @throws Refusal when nothing can go or the budget cannot be met, with the least that can be reached.
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
 * Prune until the measured time is within the budget, in milliseconds or whatever the caller measures. Measuring is the
 * caller's: see `latency` of moonlet/engine.
 * @throws Refusal when it is not within the budget even after all that can go.
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
 * The fewest moves after which a size that falls with them is within the budget.
 * @throws Refusal when it is not, even after all of them.
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

/** The variables that a name or glob means. @throws UsageError when it means none. */
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

/** The classes of the variables that these names mean. */
function chosen(
  graph: Graph,
  all: Channels,
  only: readonly string[] | undefined,
  except: readonly string[] = [],
): ReadonlySet<number> {
  const named = (where: string): readonly Variable[] => variablesNamed(graph, all, where);
  const out = new Set(except.flatMap(named));
  const list = (only ? only.flatMap(named) : all.variables).filter((v) => !out.has(v));
  return new Set(list.flatMap((v) => [...v.classes]));
}

/** The ratio of a path, which is what its shares are counted against; 1 where none are given. */
function strengths(graph: Graph, all: Channels, ratios: PruneOptions['ratios']): (path: Path) => number {
  if (!ratios) return () => 1;
  const byVariable = new Map<Variable, number>();
  for (const [where, ratio] of Object.entries(ratios)) {
    for (const v of variablesNamed(graph, all, where)) byVariable.set(v, ratio);
  }
  return ({ variables }) => Math.max(0, ...variables.map((v) => byVariable.get(v) ?? 0));
}

/** Each variable's scores divided by their mean. */
function evened(all: Channels, raw: Scores): Scores {
  const even = new Map(raw);
  for (const { classes } of all.variables) {
    const mean = classes.reduce((sum, id) => sum + (raw.get(id) ?? 0), 0) / classes.length;
    if (mean > 0) for (const id of classes) even.set(id, (raw.get(id) ?? 0) / mean);
  }
  return even;
}

interface Step {
  readonly move: Move;
  /** The share of its component that is gone when half of the move is done: a ratio above it takes the move. */
  readonly share: number;
}

/** All paths as one: by the share that is gone, or by score; each path stays in its own order. */
function merged(
  found: readonly Path[],
  scope: 'layer' | 'global',
  strength: (path: Path) => number,
): readonly Step[] {
  const steps = found.flatMap((path) => {
    const wanted = strength(path);
    let [gone, highest] = [0, 0];
    if (!wanted) return [];
    return path.moves.map((move) => {
      const share = (gone + move.classes.length / 2) / path.free / wanted;
      gone += move.classes.length;
      highest = Math.max(highest, move.score);
      return { move, share, key: scope === 'layer' ? share : highest };
    });
  });
  return steps.sort((a, b) => a.key - b.key);
}
