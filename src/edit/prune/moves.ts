/**
 * @file The order in which channels can go. Channels that ops tie (the groups of a grouped conv stay equal, the offsets
 * of a shift share their channels) form a component; a move drops the fewest of them that leave every tie in order, and
 * a component's path is its moves one after another, the least important first.
 *
 * A tie is a count for each group. Its slack is how many channels must still go before it is in order; a move begins
 * with one channel and adds, as long as there is slack, the channel that takes most of it away.
 */
import type { Balance, Channels, Variable } from '../../graph/index.ts';
import type { Scores } from './importance.ts';
import type { Move, Obstacle, Path, PathOptions } from './path.ts';

/** The paths of all components that have something to give. */
export function paths(all: Channels, scores: Scores, o: PathOptions): readonly Path[] {
  const values = valuesOf(all);
  return components(all).flatMap(({ variables, balances }) => {
    const own = [...new Set(variables.flatMap((v) => [...v.classes]))];
    const ids = own.filter(o.free);
    if (!ids.length) return [];
    const movesWith = (most: number): readonly Move[] => {
      const counts = keptCounts(own, values);
      return balances.length
        ? balanced(ids, scores, counts, balances, { ...o, most })
        : oneByOne(ids, scores, counts, { ...o, most });
    };
    const exact = movesWith(o.most);
    const moves = rounded(exact, variables, o.roundTo);
    const obstacle = (): Obstacle => {
      if (exact.length) return 'rounding';
      if (variables.every((v) => v.classes.length === 1)) return 'single';
      return movesWith(1).length ? 'most' : 'ties';
    };
    return [{ variables, free: ids.length, moves, obstacle: moves.length ? undefined : obstacle() }];
  });
}

interface Component {
  readonly variables: readonly Variable[];
  readonly balances: readonly Balance[];
}

/** Variables joined by the balances that they meet in. */
function components(all: Channels): readonly Component[] {
  const owner = new Map<number, number>();
  all.variables.forEach((v, i) => {
    for (const id of v.classes) owner.set(id, i);
  });
  const parent = all.variables.map((_, i) => i);
  const find = (i: number): number => {
    let root = i;
    while (parent[root] !== root) root = parent[root] as number;
    return root;
  };
  const meeting = all.balances.map((b) => [...new Set(b.classes)].flatMap((id) => owner.get(id) ?? []));
  for (const [first, ...rest] of meeting) for (const i of rest) parent[find(i)] = find(first as number);
  return all.variables.flatMap((_, i) =>
    find(i) === i
      ? [
          {
            variables: all.variables.filter((_v, k) => find(k) === i),
            balances: all.balances.filter(
              (_b, k) => meeting[k]?.length && find(meeting[k]?.[0] as number) === i,
            ),
          },
        ]
      : [],
  );
}

/** The distinct values of a net, by the classes of their channels. */
const valuesOf = ({ of }: Channels): readonly Int32Array[] => [...new Set(of.values())];

/** Of a component's channels, how many each value keeps; none may lose its last. */
interface Counts {
  canLose(ids: readonly number[]): boolean;
  lose(ids: readonly number[]): void;
}

function keptCounts(ids: readonly number[], values: readonly Int32Array[]): Counts {
  const mine = new Set(ids);
  const places = new Map<number, Map<number, number>>(ids.map((id) => [id, new Map()]));
  const kept: number[] = [];
  for (const value of values) {
    let count = 0;
    const index = kept.length;
    for (const id of value) {
      if (!mine.has(id)) continue;
      count++;
      const at = places.get(id) as Map<number, number>;
      at.set(index, (at.get(index) ?? 0) + 1);
    }
    if (count) kept.push(count);
  }
  const losses = (list: readonly number[]): Map<number, number> => {
    const lost = new Map<number, number>();
    for (const id of list)
      for (const [value, n] of places.get(id) as Map<number, number>)
        lost.set(value, (lost.get(value) ?? 0) + n);
    return lost;
  };
  return {
    canLose: (list) => [...losses(list)].every(([value, n]) => (kept[value] as number) > n),
    lose: (list) => {
      for (const [value, n] of losses(list)) kept[value] = (kept[value] as number) - n;
    },
  };
}

const scoreOf = (scores: Scores, id: number): number => scores.get(id) ?? 0;

/** Where nothing is tied, channels go one by one. */
function oneByOne(ids: readonly number[], scores: Scores, counts: Counts, { most }: PathOptions): Move[] {
  const order = [...ids].sort((a, b) => scoreOf(scores, a) - scoreOf(scores, b) || a - b);
  const moves: Move[] = [];
  for (const id of order) {
    if (moves.length + 1 > most * ids.length) break;
    if (!counts.canLose([id])) continue;
    counts.lose([id]);
    moves.push({ classes: [id], score: scoreOf(scores, id) });
  }
  return moves;
}

/** Channels of a component that stand in the same groups of its ties, the least important first; `at` is the next to go. */
interface Cell {
  readonly ids: readonly number[];
  at: number;
}

function balanced(
  ids: readonly number[],
  scores: Scores,
  counts: Counts,
  balances: readonly Balance[],
  { most }: PathOptions,
): Move[] {
  const all = ties(balances);
  const byLabel = new Map<string, number[]>();
  for (const id of [...ids].sort((a, b) => scoreOf(scores, a) - scoreOf(scores, b) || a - b)) {
    const label = all.map((t) => t.label(id)).join(';');
    const cell = byLabel.get(label);
    if (cell) cell.push(id);
    else byLabel.set(label, [id]);
  }
  const cells = [...byLabel.values()].map((list): Cell => ({ ids: list, at: 0 }));
  const next = (cell: Cell): number => scoreOf(scores, cell.ids[cell.at] as number);
  const stuck = new Set<Cell>();
  const moves: Move[] = [];
  let gone = 0;
  for (;;) {
    const open = cells.filter((c) => c.at < c.ids.length && !stuck.has(c));
    const start = least(open, next);
    if (!start) return moves;
    const taken = completed(start, cells, all, next);
    const classes = taken.map(({ id }) => id);
    if (classes.length && gone + classes.length <= most * ids.length && counts.canLose(classes)) {
      counts.lose(classes);
      gone += classes.length;
      const sum = classes.reduce((total, id) => total + scoreOf(scores, id), 0);
      moves.push({ classes, score: sum / classes.length });
    } else {
      giveBack(taken, all);
      stuck.add(start);
    }
  }
}

type Taken = readonly { readonly cell: Cell; readonly id: number }[];

/** One channel of `start` and those that bring all ties in order again; none, and all as before, when none do. */
function completed(
  start: Cell,
  cells: readonly Cell[],
  all: readonly Tie[],
  next: (cell: Cell) => number,
): Taken {
  const taken: { cell: Cell; id: number }[] = [];
  const slack = (): number => all.reduce((sum, t) => sum + t.slack(), 0);
  const take = (cell: Cell): void => {
    const id = cell.ids[cell.at++] as number;
    for (const t of all) t.move(id, -1);
    taken.push({ cell, id });
  };
  take(start);
  for (let now = slack(); now > 0; now = slack()) {
    const tried = cells.flatMap((cell) => {
      const id = cell.ids[cell.at];
      if (id === undefined) return [];
      for (const t of all) t.move(id, -1);
      const rest = slack();
      for (const t of all) t.move(id, 1);
      return [{ cell, rest }];
    });
    const lowest = Math.min(...tried.map((t) => t.rest));
    const best = least(
      tried.filter((t) => t.rest === lowest),
      ({ cell }) => next(cell),
    );
    if (!best || lowest >= now) {
      giveBack(taken, all);
      return [];
    }
    take(best.cell);
  }
  return taken;
}

function giveBack(taken: Taken, all: readonly Tie[]): void {
  for (const { cell, id } of taken) {
    cell.at--;
    for (const t of all) t.move(id, 1);
  }
}

function least<T>(list: readonly T[], key: (item: T) => number): T | undefined {
  let best: { readonly item: T; readonly key: number } | undefined;
  for (const item of list) if (!best || key(item) < best.key) best = { item, key: key(item) };
  return best?.item;
}

/** The channels that each group of an op has left. */
interface Tie {
  /** Where a class stands: its groups, with repetition. */
  label(id: number): string;
  move(id: number, by: 1 | -1): void;
  /** How many channels must go before the groups are in order. */
  slack(): number;
}

/** One tie for all balances that see the same classes in the same groups. */
function ties(balances: readonly Balance[]): readonly Tie[] {
  const distinct = new Map(balances.map((b) => [`${b.kind}:${b.classes.join()}:${b.groups.join()}`, b]));
  return [...distinct.values()].map(({ kind, classes, groups, count }) => {
    const totals = new Int32Array(count);
    const places = new Map<number, number[]>();
    classes.forEach((id, i) => {
      const group = groups[i] as number;
      totals[group] = (totals[group] as number) + 1;
      const list = places.get(id);
      if (list) list.push(group);
      else places.set(id, [group]);
    });
    const middle = kind === 'shift' ? (count - 1) / 2 : -1;
    return {
      label: (id) => places.get(id)?.join() ?? '',
      move: (id, by) => {
        for (const group of places.get(id) ?? []) totals[group] = (totals[group] as number) + by;
      },
      slack: () => slackOf(totals, middle),
    };
  });
}

/** Groups are to be equal; the middle offset of a shift may have up to one less than there are offsets more. */
function slackOf(totals: Int32Array, middle: number): number {
  const others = totals.filter((_, g) => g !== middle);
  if (!others.length) return 0; // a shift by nothing
  const low = others.reduce((a, b) => Math.min(a, b));
  const uneven = others.reduce((sum, n) => sum + n - low, 0);
  if (middle < 0) return uneven;
  const left = (totals[middle] as number) - low;
  return uneven + (left < 0 ? -left * others.length : Math.max(0, left - others.length));
}

/** Moves joined until every width is a multiple again. */
function rounded(moves: readonly Move[], variables: readonly Variable[], roundTo: number): readonly Move[] {
  if (roundTo === 1) return moves;
  const widths = variables.map((v) => ({ v, own: new Set(v.classes), kept: v.classes.length }));
  const joined: Move[] = [];
  let open: Move[] = [];
  for (const move of moves) {
    open.push(move);
    for (const w of widths) w.kept -= move.classes.filter((id) => w.own.has(id)).length;
    const even = widths.every(
      ({ v, kept }) => kept === v.classes.length || ((kept * v.width) / v.classes.length) % roundTo === 0,
    );
    if (!even) continue;
    const classes = open.flatMap((m) => m.classes);
    const sum = open.reduce((total, m) => total + m.score * m.classes.length, 0);
    joined.push({ classes, score: sum / classes.length });
    open = [];
  }
  return joined;
}
