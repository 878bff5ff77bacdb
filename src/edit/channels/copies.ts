/** @file Chooses how often each channel is copied, so that the conditions of every op hold. */

import { first, get } from '../../access.ts';
import { Refusal } from '../../errors.ts';
import type { Balance, Channels, Variable } from '../../graph/index.ts';
import { random } from '../../random.ts';
import { append } from '../lookup.ts';
import type { Width } from './width.ts';

/** How often each class of channels appears in the new net; once for classes that are not named. */
export type Copies = ReadonlyMap<number, number>;

/** The new width of one variable: a factor, or a number of channels. */
export interface Request {
  readonly variable: Variable;
  readonly width: Width;
  /** A value made of several variables whose total width is given. */
  readonly total?: { readonly where: string; readonly value: Int32Array; readonly channels: number };
}

/**
 * How often each class is to appear, chosen uniformly where there is a choice. Where groups must stay equal, each group
 * grows by the same share.
 * @throws Refusal when a width cannot be met, naming the nearest ones, or when other layers would have to grow along.
 */
export function chooseCopies(all: Channels, requests: readonly Request[], seed: number): Copies {
  const copies = new Map<number, number>();
  const cellsOf = new Map(requests.map(({ variable }) => [variable, cells(all, variable, all.balances)]));
  const factors = tiedFactors(all, requests, cellsOf);
  for (const { variable, width } of requests) {
    const own = get(cellsOf, variable);
    const targets =
      shiftTargets(all, variable, own, width) ??
      (normOf(all, variable) ? wholeTargets(all, variable, own, width) : undefined) ??
      evenTargets(variable, own, factors.get(variable) ?? width);
    for (const [c, cell] of own.entries()) {
      const source = random('copies', seed, variable.name, c);
      for (let extra = (targets[c] ?? 0) - cell.length; extra > 0; extra--) {
        const id = cell[source.below(cell.length)]!;
        copies.set(id, (copies.get(id) ?? 1) + 1);
      }
    }
  }
  verifyBalances(all, copies);
  for (const { total } of requests) {
    const reached = total?.value.reduce((sum, id) => sum + (copies.get(id) ?? 1), 0);
    if (total && reached !== total.channels) {
      throw new Refusal(
        `${total.where}: its ${total.channels} channels cannot be divided among the layers that make them; a width near it is ${reached}`,
      );
    }
  }
  return copies;
}

/** Channels that no op tells apart: within a cell, any may be copied. */
export type Cell = readonly number[];

/** Ops that read channels by their places; a norm over channels reads all alike, and ties only how often they are copied. */
const byPlace = ({ balances }: Channels): readonly Balance[] =>
  balances.filter(({ kind }) => !tiesCopies(kind));
/** Ties that only say that channels are copied equally often. */
const tiesCopies = (kind: Balance['kind']): boolean => kind !== 'groups' && kind !== 'shift';

/** The classes of a variable that may change, in cells by what tells them apart; by default their places. */
export function cells(
  all: Channels,
  variable: Variable,
  balances: readonly Balance[] = byPlace(all),
): readonly Cell[] {
  const labels = labelsOf(balances);
  const byLabel = new Map<string, number[]>();
  for (const id of variable.classes) if (!all.frozen.has(id)) append(byLabel, labels.get(id) ?? '', id);
  return [...byLabel.values()];
}

/** Variables that meet in one grouped conv grow by one factor: the nearest that all their cells can share. */
function tiedFactors(
  all: Channels,
  requests: readonly Request[],
  cellsOf: ReadonlyMap<Variable, readonly Cell[]>,
): ReadonlyMap<Variable, Width> {
  const factors = new Map<Variable, Width>();
  for (const tied of tiedRequests(all, requests)) {
    if (tied.length < 2) continue;
    const sizes = tied.flatMap(({ variable }) => get(cellsOf, variable).map((cell) => cell.length));
    const grain = sizes.reduce(gcd, 0);
    for (const { variable, width } of tied) {
      if (typeof width === 'number') continue;
      const factor = Number(width.slice(1));
      if (factor > 1)
        factors.set(variable, `x${Math.max(1 + 1 / grain, Math.round(factor * grain) / grain)}`);
    }
  }
  return factors;
}

/** The requests in sets whose variables meet in grouped convs, directly or through each other. */
function tiedRequests(all: Channels, requests: readonly Request[]): readonly (readonly Request[])[] {
  const requestOf = new Map<number, Request>();
  for (const request of requests) for (const id of request.variable.classes) requestOf.set(id, request);
  const setOf = new Map(requests.map((request) => [request, new Set([request])]));
  for (const { kind, classes } of all.balances) {
    if (kind === 'shift') continue;
    const here = new Set(Array.from(classes, (id) => requestOf.get(id)).filter((r) => r !== undefined));
    const joined = new Set([...here].flatMap((request) => [...get(setOf, request)]));
    for (const request of joined) setOf.set(request, joined);
  }
  return [...new Set(setOf.values())].map((set) => [...set]);
}

/** The width that is asked for, of `n` channels. */
const totalOf = (n: number, width: Width): number =>
  typeof width === 'number' ? width : Math.round(n * Number(width.slice(1)));

/** Each cell's share of the new width. A factor is met by the nearest width that all cells can share. */
function evenTargets(variable: Variable, own: readonly Cell[], width: Width): readonly number[] {
  const n = own.reduce((sum, cell) => sum + cell.length, 0);
  const fixed = variable.classes.length - n; // frozen channels stay as they are
  const step = n / own.reduce((d, cell) => gcd(d, cell.length), 0);
  const wanted = totalOf(variable.classes.length, width) - fixed;
  if (wanted < n) {
    throw new Refusal(
      `${variable.name}: it is ${variable.classes.length} wide, and widening to ${wanted + fixed} would lose channels`,
    );
  }
  const below = Math.floor(wanted / step) * step;
  if (wanted % step && typeof width === 'number') {
    const near = [Math.max(n, below), below + step].map((t) => t + fixed);
    throw new Refusal(
      `${variable.name}: ${width} channels do not divide evenly over its groups; the nearest widths are ${near.join(' and ')}`,
    );
  }
  const nearer = wanted - below <= below + step - wanted && below > n ? below : below + step;
  const total = wanted % step ? nearer : wanted;
  return own.map((cell) => (cell.length * total) / n);
}
const gcd = (a: number, b: number): number => (b ? gcd(b, a % b) : a);

/** The first norm over channels, or attention, that needs all channels of a variable copied equally often. */
function normOf({ balances }: Channels, { classes }: Variable): Balance | undefined {
  const own = new Set(classes);
  return balances.find((b) => tiesCopies(b.kind) && b.classes.some((id) => own.has(id)));
}
/** Why copies must be equally many. */
const whyEqual = (kind: Balance['kind'] | undefined, channels: string): string =>
  kind === 'products'
    ? `an attention that multiplies ${channels} of q and k, and keeps its sums, at a smaller scale, only when every channel is copied equally often`
    : kind === 'softmax'
      ? `an attention with a softmax over ${channels} of k, which keeps its weights only when every channel is copied equally often`
      : `a norm over ${channels}, which keeps its means only when every channel is copied equally often`;

/** Where a norm over channels or the products of an attention read a variable: every channel equally often. @throws Refusal for any other width. */
function wholeTargets(
  all: Channels,
  variable: Variable,
  own: readonly Cell[],
  width: Width,
): readonly number[] {
  const n = variable.classes.length;
  const wanted = totalOf(n, width);
  const times = wanted / n;
  if (Number.isInteger(times) && times >= 1) return own.map((cell) => cell.length * times);
  const near = [Math.max(1, Math.floor(times)), Math.max(1, Math.floor(times)) + 1].map(
    (t) => `${t * n} (x${t})`,
  );
  const tie = normOf(all, variable);
  throw new Refusal(
    `${variable.name}: ${width} of ${n} channels; "${tie?.node}" is ${whyEqual(tie?.kind, 'these channels')}; the nearest widths are ${near.join(' and ')}`,
  );
}

/** Where only a shift ties a variable: its offsets get floor(c / kernel^2) channels each, the middle the rest. */
function shiftTargets(
  all: Channels,
  variable: Variable,
  own: readonly Cell[],
  width: Width,
): readonly number[] | undefined {
  const classes = new Set(variable.classes);
  const ties = byPlace(all).filter((b) => b.classes.some((id) => classes.has(id)));
  const [tie] = ties;
  if (ties.length !== 1 || tie?.kind !== 'shift' || tie.classes.length !== variable.classes.length)
    return undefined;
  const total = totalOf(tie.classes.length, width);
  const per = Math.floor(total / tie.count);
  const offsetOf = new Map(Array.from(tie.classes, (id, i) => [id, tie.groups[i]]));
  return own.map((cell) =>
    offsetOf.get(first(cell)) === (tie.count - 1) / 2 ? total - (tie.count - 1) * per : per,
  );
}

/** What sets a class apart from others of its variable: the groups in which ops see it, and how often. */
function labelsOf(balances: readonly Balance[]): ReadonlyMap<number, string> {
  const labels = new Map<number, string>();
  for (const [b, { classes, groups }] of balances.entries()) {
    const groupsOf = new Map<number, number[]>();
    classes.forEach((id, i) => {
      append(groupsOf, id, groups[i]!);
    });
    for (const [id, list] of groupsOf) labels.set(id, `${labels.get(id) ?? ''}${b}:${list.join(',')};`);
  }
  return labels;
}

/** @throws Refusal when a grouped conv or a shift would get groups that do not fit. */
export function verifyBalances({ balances, variables }: Channels, copies: Copies): void {
  for (const { node, kind, classes, groups, count } of balances) {
    const totals = new Array<number>(count).fill(0);
    classes.forEach((id, i) => {
      totals[groups[i]!]! += copies.get(id) ?? 1;
    });
    const sum = totals.reduce((a, b) => a + b, 0);
    const per = kind === 'shift' ? Math.floor(sum / count) : sum / count;
    const middle = kind === 'shift' ? (count - 1) / 2 : -1;
    if (totals.every((t, g) => t === (g === middle ? sum - per * (count - 1) : per))) continue;
    const own = new Set(classes);
    const names = variables.filter((v) => v.classes.some((id) => own.has(id))).map((v) => v.name);
    if (tiesCopies(kind)) {
      // channels that are left out change a norm in any case: who removes them has decided that; products lose theirs
      if (new Set(totals.filter((t) => t > 0)).size <= 1) continue;
      throw new Refusal(
        `${node}: it is ${whyEqual(kind, 'channels')}; widen ${someOf(names, 6)} together, by the same whole factor`,
      );
    }
    throw new Refusal(
      `${node}: its ${count} ${kind === 'groups' ? 'groups' : 'offsets'} would get ${[...new Set(totals)].join(' and ')} channels; widen ${someOf(names, 6)} together, by the same factor (a pattern such as stage* names several)`,
    );
  }
}

/** The first `n` names, and dots for more. */
export const someOf = (names: readonly string[], n: number): string =>
  names.length > n ? `${names.slice(0, n).join(', ')}, ...` : names.join(', ');

/** The expression that a glob means: `*` within a path's step, `**` over any number of steps; undefined for a plain name. */
export const globOf = (where: string): RegExp | undefined =>
  where.includes('*')
    ? new RegExp(
        `^${where
          .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
          .replaceAll('**', '\u0000')
          .replaceAll('*', '[^/]*')
          .replaceAll('\u0000', '.*')}$`,
      )
    : undefined;
