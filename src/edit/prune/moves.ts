/**
 * @file The order in which channels are removed. Some ops tie the widths of channels: the groups of a grouped conv must
 * stay equal, and so must the channels at the offsets of a shift. Variables that are tied to each other form a component.
 *
 * A move is a small set of channels whose removal leaves every tie balanced. A component's path is its moves in order,
 * the least important first.
 *
 * A tie counts the remaining channels of each group. Its slack is the number of channels that must still be removed
 * before the groups are balanced. A move is built greedily: it starts with one channel, and while there is slack it adds
 * the channel that reduces the slack most.
 */
import { get, item } from '../../access.ts';
import type { Balance, Channels, Variable } from '../../graph/index.ts';
import type { Scores } from './importance.ts';
import type { Move, Obstacle, Path, PathOptions } from './path.ts';
import { type Tie, tiesOf } from './ties.ts';
import { wholeShare } from './whole-share.ts';

/** The path of each component that has a channel that may be removed. */
export function paths(all: Channels, scores: Scores, o: PathOptions): readonly Path[] {
  const occurrences = occurrencesIn(all);
  return components(all).flatMap(({ variables, balances }) => {
    const classes = [...new Set(variables.flatMap((v) => [...v.classes]))];
    const free = classes.filter(o.free);
    if (!free.length) return [];
    const movesWithin = (share: number): readonly Move[] => {
      const most = wholeShare(share, free.length);
      const counts = keptCounts(classes, occurrences);
      return balances.length
        ? balancedMoves(free, scores, counts, balances, most)
        : singleMoves(free, scores, counts, most);
    };
    const exact = movesWithin(o.most);
    const moves = rounded(exact, variables, o.roundTo);
    const obstacle = (): Obstacle => {
      if (exact.length) return 'rounding';
      if (variables.every((v) => v.classes.length === 1)) return 'single';
      return movesWithin(1).length ? 'most' : 'ties';
    };
    return [{ variables, free: free.length, moves, obstacle: moves.length ? undefined : obstacle() }];
  });
}

interface Component {
  readonly variables: readonly Variable[];
  readonly balances: readonly Balance[];
}

/** Groups the variables that are tied to each other, directly or through others. */
function components(all: Channels): readonly Component[] {
  // a norm over channels does not care which of them go
  const balances = all.balances.filter(({ kind }) => kind === 'groups' || kind === 'shift');
  const owner = new Map<number, number>();
  for (const [i, v] of all.variables.entries()) for (const id of v.classes) owner.set(id, i);
  const parent = all.variables.map((_, i) => i);
  const find = (i: number): number => {
    let root = i;
    for (let next = item(parent, root); next !== root; next = item(parent, root)) root = next;
    return root;
  };
  // the variables that each balance ties
  const tied = balances.map((b) => [...new Set(b.classes)].flatMap((id) => owner.get(id) ?? []));
  for (const [first, ...rest] of tied)
    if (first !== undefined) for (const i of rest) parent[find(i)] = find(first);
  const rootOf = ([first]: readonly number[]): number | undefined =>
    first === undefined ? undefined : find(first);
  return all.variables.flatMap((_, i) => {
    if (find(i) !== i) return [];
    const variables = all.variables.filter((_v, k) => find(k) === i);
    return [{ variables, balances: balances.filter((_b, k) => rootOf(item(tied, k)) === i) }];
  });
}

/** For each class: how often it occurs in each distinct value of the net, by the value's number. */
type Occurrences = ReadonlyMap<number, ReadonlyMap<number, number>>;

function occurrencesIn({ of }: Channels): Occurrences {
  const found = new Map<number, Map<number, number>>();
  for (const [index, value] of [...new Set(of.values())].entries())
    for (const id of value) {
      const inValues = found.get(id);
      if (inValues) inValues.set(index, (inValues.get(index) ?? 0) + 1);
      else found.set(id, new Map([[index, 1]]));
    }
  return found;
}

/** How many channels of a component each value of the net keeps. No value may lose its last one. */
interface Counts {
  canLose(ids: readonly number[]): boolean;
  lose(ids: readonly number[]): void;
}

function keptCounts(ids: readonly number[], occurrences: Occurrences): Counts {
  const sums = (list: readonly number[]): Map<number, number> => {
    const found = new Map<number, number>();
    for (const id of list)
      for (const [value, n] of get(occurrences, id)) found.set(value, (found.get(value) ?? 0) + n);
    return found;
  };
  const kept = sums(ids);
  return {
    canLose: (list) => [...sums(list)].every(([value, n]) => get(kept, value) > n),
    lose: (list) => {
      for (const [value, n] of sums(list)) kept.set(value, get(kept, value) - n);
    },
  };
}

const scoreOf = (scores: Scores, id: number): number => scores.get(id) ?? 0;

/** By score, then by number. */
const inOrder = (ids: readonly number[], scores: Scores): number[] =>
  [...ids].sort((a, b) => scoreOf(scores, a) - scoreOf(scores, b) || a - b);

/** Moves of one channel each, where nothing is tied; `most` channels at most. */
function singleMoves(ids: readonly number[], scores: Scores, counts: Counts, most: number): Move[] {
  const moves: Move[] = [];
  for (const id of inOrder(ids, scores)) {
    if (moves.length + 1 > most) break;
    if (!counts.canLose([id])) continue;
    counts.lose([id]);
    moves.push({ classes: [id], score: scoreOf(scores, id) });
  }
  return moves;
}

/** Channels in the same groups of all ties, the least important first. `next` is the index of the next one to remove. */
interface Cell {
  readonly ids: readonly number[];
  next: number;
}
const nextOf = ({ ids, next }: Cell): number => item(ids, next);

/** Moves that leave all ties balanced, of `most` channels at most. */
function balancedMoves(
  ids: readonly number[],
  scores: Scores,
  counts: Counts,
  balances: readonly Balance[],
  most: number,
): Move[] {
  const ties = tiesOf(balances);
  const byLabel = new Map<string, number[]>();
  for (const id of inOrder(ids, scores)) {
    const label = ties.map((t) => t.label(id)).join(';');
    const list = byLabel.get(label);
    if (list) list.push(id);
    else byLabel.set(label, [id]);
  }
  const cells = [...byLabel.values()].map((list): Cell => ({ ids: list, next: 0 }));
  const nextScore = (cell: Cell): number => scoreOf(scores, nextOf(cell));
  const stuck = new Set<Cell>();
  const moves: Move[] = [];
  let removed = 0;
  for (;;) {
    const open = cells.filter((c) => c.next < c.ids.length && !stuck.has(c));
    const start = least(open, nextScore);
    if (!start) return moves;
    const fewest = Math.max(...ties.map((t) => t.fewest(nextOf(start))));
    if (removed + fewest > most) {
      stuck.add(start);
      continue;
    }
    const taken = completed(start, cells, ties, nextScore);
    const classes = taken.map(({ id }) => id);
    if (classes.length && removed + classes.length <= most && counts.canLose(classes)) {
      counts.lose(classes);
      removed += classes.length;
      const sum = classes.reduce((total, id) => total + scoreOf(scores, id), 0);
      moves.push({ classes, score: sum / classes.length });
    } else {
      putBack(taken, ties);
      stuck.add(start);
    }
  }
}

type Taken = readonly { readonly cell: Cell; readonly id: number }[];

/** One channel of `start` and those that balance all ties again. Where that is impossible, nothing is taken. */
function completed(
  start: Cell,
  cells: readonly Cell[],
  ties: readonly Tie[],
  nextScore: (cell: Cell) => number,
): Taken {
  const taken: { cell: Cell; id: number }[] = [];
  const slack = (): number => ties.reduce((sum, t) => sum + t.slack(), 0);
  const take = (cell: Cell): void => {
    const id = nextOf(cell);
    cell.next++;
    for (const t of ties) t.add(id, -1);
    taken.push({ cell, id });
  };
  take(start);
  for (let now = slack(); now > 0; now = slack()) {
    const tried = cells.flatMap((cell) => {
      const id = cell.ids[cell.next];
      if (id === undefined) return [];
      for (const t of ties) t.add(id, -1);
      const rest = slack();
      for (const t of ties) t.add(id, 1);
      return [{ cell, rest }];
    });
    const lowest = Math.min(...tried.map((t) => t.rest));
    const best = least(
      tried.filter((t) => t.rest === lowest),
      ({ cell }) => nextScore(cell),
    );
    if (!best || lowest >= now) {
      putBack(taken, ties);
      return [];
    }
    take(best.cell);
  }
  return taken;
}

function putBack(taken: Taken, ties: readonly Tie[]): void {
  for (const { cell, id } of taken) {
    cell.next--;
    for (const t of ties) t.add(id, 1);
  }
}

/** The first item with the smallest key. */
function least<T>(list: readonly T[], key: (item: T) => number): T | undefined {
  let best: { readonly item: T; readonly key: number } | undefined;
  for (const item of list) if (!best || key(item) < best.key) best = { item, key: key(item) };
  return best?.item;
}

/** Joins consecutive moves so that after each every changed width is a multiple of `roundTo`. */
function rounded(moves: readonly Move[], variables: readonly Variable[], roundTo: number): readonly Move[] {
  if (roundTo === 1) return moves;
  const widths = variables.map((v) => ({ v, classes: new Set(v.classes), kept: v.classes.length }));
  const joined: Move[] = [];
  let open: Move[] = [];
  for (const move of moves) {
    open.push(move);
    for (const w of widths) w.kept -= move.classes.filter((id) => w.classes.has(id)).length;
    const isMultiple = widths.every(
      ({ v, kept }) => kept === v.classes.length || ((kept * v.width) / v.classes.length) % roundTo === 0,
    );
    if (!isMultiple) continue;
    const classes = open.flatMap((m) => m.classes);
    const sum = open.reduce((total, m) => total + m.score * m.classes.length, 0);
    joined.push({ classes, score: sum / classes.length });
    open = [];
  }
  return joined;
}
