/** @file Groups of channels that must stay equal while channels are removed, and how far they are from it. */
import type { Balance } from '../../graph/index.ts';

/** The remaining channels of each group of an op. */
export interface Tie {
  /** The groups that a class is in, with repetition. */
  label(id: number): string;
  /** Count a class out (-1) or in again (1). */
  add(id: number, by: 1 | -1): void;
  /** How many channels must be removed before the groups are balanced. */
  slack(): number;
  /** From balanced groups, at least how many classes are removed with a class until they are balanced again. */
  fewest(id: number): number;
}

/** One tie for all balances of the same classes in the same groups. */
export function tiesOf(balances: readonly Balance[]): readonly Tie[] {
  const distinct = new Map(balances.map((b) => [`${b.kind}:${b.classes.join()}:${b.groups.join()}`, b]));
  return [...distinct.values()].map(({ kind, classes, groups, count }) => {
    const totals = new Int32Array(count);
    const groupsOf = new Map<number, number[]>();
    for (const [i, group] of groups.entries()) {
      totals[group]! += 1;
      const id = classes[i]!;
      const list = groupsOf.get(id);
      if (list) list.push(group);
      else groupsOf.set(id, [group]);
    }
    const { change, slack } = kind === 'shift' ? shiftSlack(totals) : groupSlack(totals);
    // each of the equal groups loses a channel, and a class is in so many of them
    const most = [...groupsOf.values()].reduce((n, list) => Math.max(n, list.length), 1);
    return {
      fewest: (id) => (kind === 'groups' && groupsOf.has(id) ? Math.ceil(count / most) : 1),
      label: (id) => groupsOf.get(id)?.join() ?? '',
      add: (id, by) => {
        for (const group of groupsOf.get(id) ?? []) change(group, by);
      },
      slack,
    };
  });
}

/** How many channels must be removed before the groups are balanced, as the numbers in the groups change. */
interface Slack {
  readonly change: (group: number, by: 1 | -1) => void;
  readonly slack: () => number;
}

/**
 * Groups are balanced when they are equal: the slack is the sum over the groups of what they have more than the smallest. A net may
 * have hundreds of groups, and the slack is asked for after each change; how many groups have each total is therefore kept.
 */
function groupSlack(totals: Int32Array): Slack {
  let sum = totals.reduce((a, b) => a + b, 0);
  let low = totals.reduce((a, b) => Math.min(a, b), sum);
  const groupsWith = new Int32Array(sum + 1);
  for (const total of totals) groupsWith[total]! += 1;
  return {
    change: (group, by) => {
      groupsWith[totals[group]!]! -= 1;
      totals[group]! += by;
      groupsWith[totals[group]!]! += 1;
      sum += by;
      low = Math.min(low, totals[group]!);
      while (!groupsWith[low]) low++;
    },
    slack: () => sum - totals.length * low,
  };
}

/**
 * The offsets of a shift are balanced when they are equal, but for the middle one. It also takes the remainder of the division: it
 * may have more than each other offset, by at most the number of other offsets.
 */
function shiftSlack(totals: Int32Array): Slack {
  const middle = (totals.length - 1) / 2;
  return {
    change: (group, by) => {
      totals[group]! += by;
    },
    slack: () => {
      const others = totals.filter((_, g) => g !== middle);
      if (!others.length) return 0; // one offset
      const low = others.reduce((a, b) => Math.min(a, b));
      const uneven = others.reduce((sum, n) => sum + n - low, 0);
      const extra = totals[middle]! - low;
      return uneven + (extra < 0 ? -extra * others.length : Math.max(0, extra - others.length));
    },
  };
}
