/**
 * @file The plan of channel pruning: which channels are removed first. It decides on classes of channels, never on single
 * layers; it therefore handles sums, concats, grouped and depthwise convs, shuffles and gates.
 */
import { get } from '../../access.ts';
import { suggestion, UsageError } from '../../errors.ts';
import { type Channels, channels, type Graph, type Variable } from '../../graph/index.ts';
import { type Cost, cost } from '../../read/index.ts';
import type { Net } from '../../weights/index.ts';
import { globOf } from '../channels/copies.ts';
import { withCopies } from '../channels/copy-channels.ts';
import type { Growth } from '../channels/growth.ts';
import { checkNet, checkOptions, checkValue, inside } from '../options.ts';
import { type Importance, importances, type Scores, scores } from './importance.ts';
import { isomorphicPaths } from './isomorphic.ts';
import { makerOf, masked } from './masked.ts';
import { paths } from './moves.ts';
import type { Move, Path } from './path.ts';
import { blockWidth, type PruneOptions, pruneChecks } from './prune-options.ts';
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
  /** The old graph with the removed channels masked by zeros; it computes what the pruned net does, except `acrossNorms`. */
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
  const kept = o.acrossNorms ? new Map<number, string>() : readByNorms(net.graph, all);
  const free = (id: number): boolean =>
    chosen.has(id) && !all.frozen.has(id) && !kept.has(id) && (o.may?.(id) ?? true);
  const inMultiplesOf = (roundTo: number) => ({
    roundTo,
    found: paths(all, scored, { free, roundTo, most }),
  });
  const requested = inMultiplesOf(o.roundTo ?? blockWidth);
  const isUsable = o.roundTo !== undefined || requested.found.some((p) => p.moves.length);
  const { roundTo, found } = isUsable ? requested : inMultiplesOf(1);
  const steps =
    ratios || scope === 'layer'
      ? byShare(found, strengths(net.graph, all, ratios))
      : scope === 'global'
        ? inOrderOfScores(found)
        : bySharesOfClasses(isomorphicPaths(net.graph, all, found));
  const removed = (moves: number): ReadonlyMap<number, 0> =>
    new Map(steps.slice(0, moves).flatMap(({ move }) => move.classes.map((id) => [id, 0] as const)));
  const after = (moves: number): Growth =>
    withCopies('pruneChannels', net, removed(moves), channelOptions, all);
  return {
    channels: all,
    layers: found.flatMap((p) => (p.moves.length ? [p.variables.map((v) => v.name)] : [])),
    roundTo,
    reason: steps.length
      ? undefined
      : `${net.graph.name}: ${whyNothingGoes(all, found, { chosen, kept, roundTo, most, ratios })}`,
    moves: steps.map((s) => s.move),
    movesFor: (ratio) => {
      if (ratios) return countWithin(steps, 1);
      checkValue('prune', 'the ratio', ratio, inside);
      if (scope !== 'global') return countWithin(steps, ratio);
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

const whyKept = {
  norm: 'a norm over these channels, whose means would change',
  softmax: 'an attention whose softmax is over these channels of k, and whose weights would change',
  products: 'an attention that multiplies these channels, whose k comes of another op than a layer or a norm',
} as const;
/**
 * The classes that a norm over channels or the softmax of an attention reads, and why they stay; and those of an attention whose k has its channels from
 * elsewhere than a layer or a norm, since it cannot be made zero there.
 */
function readByNorms(graph: Graph, { balances }: Channels): ReadonlyMap<number, string> {
  const norms = new Map<number, string>();
  const keys = new Map(graph.nodes.map(({ id, inputs }) => [id, inputs[1] ?? '']));
  for (const { kind, classes, node } of balances) {
    if (kind === 'groups' || kind === 'shift') continue;
    if (kind === 'products' && makerOf(graph, get(keys, node), 0)) continue;
    for (const id of classes) if (!norms.has(id)) norms.set(id, `"${node}" is ${whyKept[kind]}`);
  }
  return norms;
}

/** Scores by class. Where layers are compared, those that depend on a layer's size are divided by the layer's mean. */
function scoresFor(net: Net, all: Channels, o: PruneOptions): Scores {
  const { by = 'l2', scope = 'layer' } = o;
  const raw = typeof by === 'string' ? scores(net, all, importanceNamed(by), o) : by;
  const isComparable = by === 'norm-scale' || by === 'taylor';
  return scope !== 'layer' && !isComparable ? dividedByMean(all, raw) : raw;
}

/** How many steps remove at most this share of their component, or of their class of components. */
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
  /** The highest score on the path so far, since the order within a path stays. */
  readonly score: number;
  /** The share of what may go that is removed when half of the move is done. Ratios from it up include the move. */
  readonly share: number;
}

/** The moves of some paths in the order of their scores, and the shares of what may go on all of these paths. */
function inOrderOfScores(paths: readonly Path[]): readonly Step[] {
  const free = paths.reduce((sum, path) => sum + path.free, 0);
  const scored = paths.flatMap(({ moves }) => {
    let score = Number.NEGATIVE_INFINITY;
    return moves.map((move) => {
      score = Math.max(score, move.score);
      return { move, score };
    });
  });
  let removed = 0;
  return scored
    .sort((a, b) => a.score - b.score)
    .map(({ move, score }) => {
      const share = (removed + move.classes.length / 2) / free;
      removed += move.classes.length;
      return { move, score, share };
    });
}

/** All moves by the removed share of their path, divided by the ratio that is requested for it; none where that is 0. */
const byShare = (found: readonly Path[], strength: (path: Path) => number): readonly Step[] =>
  found
    .flatMap((path) => {
      const ratio = strength(path);
      return ratio ? inOrderOfScores([path]).map((s) => ({ ...s, share: s.share / ratio })) : [];
    })
    .sort((a, b) => a.share - b.share);

/** All moves by the removed share of all paths of their class, by score within a class. */
const bySharesOfClasses = (classes: readonly (readonly Path[])[]): readonly Step[] =>
  classes.flatMap(inOrderOfScores).sort((a, b) => a.share - b.share);
