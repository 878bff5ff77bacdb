/** @file Choosing how often each channel is copied, so that every op's conditions hold. */
import { Refusal, suggestion, UsageError } from '../../errors.ts';
import { type Balance, type Channels, type Graph, stages, type Variable } from '../../graph/index.ts';
import { random } from '../../random.ts';
import { isRecord, shown } from '../options.ts';
import { checkWidth, type Width } from './width.ts';

/** How often each class of channels stands in the new net; once unless named. */
export type Copies = ReadonlyMap<number, number>;
/** What is asked of each variable: a factor, or a number of channels. */
export interface Request {
  readonly variable: Variable;
  readonly width: Width;
  /** A value of several variables that shall be so wide. */
  readonly total?: { readonly where: string; readonly value: Int32Array; readonly channels: number };
}

/**
 * What several names ask for. Names may overlap as long as they ask for the same.
 * @throws UsageError when they do not, and what `request` throws.
 */
export function requestsOf(
  graph: Graph,
  all: Channels,
  widths: Readonly<Record<string, Width>>,
): readonly Request[] {
  const asked = new Map<Variable, { readonly where: string; readonly request: Request }>();
  if (!isRecord(widths))
    throw new UsageError(
      `${graph.name}: widths are an object such as { stage1: 'x1.5' }, got ${shown(widths)}`,
    );
  for (const [where, width] of Object.entries(widths)) {
    checkWidth(where, width);
    for (const one of request(graph, all, where, width)) {
      const before = asked.get(one.variable);
      if (before && before.request.width !== one.width) {
        throw new UsageError(
          `${where}=${width}: ${one.variable.name} is asked for ${before.request.width} by "${before.where}" already; name it once`,
        );
      }
      asked.set(one.variable, { where, request: one });
    }
  }
  return [...asked.values()].map((a) => a.request);
}

/**
 * The variables that a name means: a stage (the width of the value that leaves it), a variable's name, an alias, a node
 * (the width of its value), or a glob over all of these, such as `stage*` or `stage2/*`. A value that is put together
 * from several layers is scaled as a whole.
 * @throws UsageError with the nearest name; Refusal when what it means cannot change.
 */
function request(graph: Graph, all: Channels, where: string, width: Width): readonly Request[] {
  const { variables } = all;
  const stage = stages(graph).find(({ name }) => where === name || where === `${name}/width`);
  if (stage) return valueRequest(all, where, stage.end, width);
  const pattern = globOf(where);
  const found = pattern
    ? variables.filter((v) => [v.name, ...v.aliases].some((n) => pattern.test(n)))
    : (variables.filter((v) => v.name === where)[0] ?? variables.filter((v) => v.aliases.includes(where)));
  const these = Array.isArray(found) ? (found as readonly Variable[]) : [found as Variable];
  const ends = stages(graph).flatMap(({ name, end }) =>
    pattern?.test(name) ? [new Set(all.of.get(end))] : [],
  );
  if (!these.length && !ends.length) {
    if (graph.nodes.some((n) => n.id === where)) return valueRequest(all, where, where, width);
    const names = [...stages(graph).map((s) => s.name), ...variables.map((v) => v.name)];
    throw new UsageError(
      `${graph.name}: nothing to widen at "${where}".${suggestion(where, names)} There are ${some(names, 12)}`,
    );
  }
  const free = [...these, ...variables.filter((v) => ends.some((value) => meets(v, value)))].filter(
    (v, i, list) => !v.frozen && list.indexOf(v) === i,
  );
  if (!free.length) {
    const reason = these[0]?.frozen ?? all.frozen.get([...(ends[0] ?? [])][0] as number);
    throw new Refusal(`${where}: its width cannot change, since ${reason}`);
  }
  return free.map((variable) =>
    typeof width === 'number' && variable.width !== variable.classes.length
      ? partOf(all, variable, where, variable.producers[0] as string, width)
      : { variable, width },
  );
}
const meets = (v: Variable, value: ReadonlySet<number>): boolean => v.classes.some((id) => value.has(id));
const some = (names: readonly string[], n: number): string =>
  names.length > n ? `${names.slice(0, n).join(', ')}, ...` : names.join(', ');

/** The variables that a node's value is made of. */
function valueRequest(all: Channels, where: string, id: string, width: Width): readonly Request[] {
  const value = all.of.get(id) as Int32Array;
  const classes = new Set(value);
  const there = all.variables.filter((v) => !v.frozen && meets(v, classes));
  if (!there.length)
    throw new Refusal(`${where}: its width cannot change, since ${all.frozen.get(value[0] as number)}`);
  const [one] = there;
  if (one && there.length === 1 && one.classes.length === value.length) return [{ variable: one, width }];
  return there.map((variable) =>
    typeof width === 'number' ? partOf(all, variable, where, id, width) : { variable, width },
  );
}

/** A variable scaled so that a node's value becomes so wide. */
function partOf(all: Channels, variable: Variable, where: string, id: string, channels: number): Request {
  const value = all.of.get(id) as Int32Array;
  return { variable, width: `x${channels / value.length}`, total: { where, value, channels } };
}

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

/**
 * How often each class is to stand, chosen uniformly where there is a choice. Where groups must stay equal, each group
 * grows by the same share.
 * @throws Refusal when a width cannot be met, naming the nearest ones, or when other layers would have to grow along.
 */
export function chooseCopies(all: Channels, requests: readonly Request[], seed: number): Copies {
  const copies = new Map<number, number>();
  const cellsOf = new Map(requests.map(({ variable }) => [variable, cells(all, variable)]));
  const factors = tiedFactors(all, requests, cellsOf);
  for (const { variable, width } of requests) {
    const own = cellsOf.get(variable) as readonly Cell[];
    const targets =
      shiftTargets(all, variable, own, width) ?? evenTargets(variable, own, factors.get(variable) ?? width);
    own.forEach((cell, c) => {
      const source = random('copies', seed, variable.name, c);
      for (let extra = (targets[c] as number) - cell.length; extra > 0; extra--) {
        const id = cell[source.below(cell.length)] as number;
        copies.set(id, (copies.get(id) ?? 1) + 1);
      }
    });
  }
  verifyBalances(all, copies);
  for (const { total } of requests) {
    const reached = total?.value.reduce((sum, id) => sum + (copies.get(id) ?? 1), 0);
    if (total && reached !== total.channels) {
      throw new Refusal(
        `${total.where}: ${total.channels} channels cannot be shared by what makes it; a width near it is ${reached}`,
      );
    }
  }
  return copies;
}

/** Channels that no op tells apart: within a cell, any may be copied. */
export type Cell = readonly number[];

export function cells(all: Channels, variable: Variable): readonly Cell[] {
  const labels = labelsOf(all.balances);
  const byLabel = new Map<string, number[]>();
  for (const id of variable.classes) {
    if (all.frozen.has(id)) continue;
    const label = labels.get(id) ?? '';
    const cell = byLabel.get(label);
    if (cell) cell.push(id);
    else byLabel.set(label, [id]);
  }
  return [...byLabel.values()];
}

/** Variables that meet in one grouped conv grow by one factor: the nearest that all their cells can share. */
function tiedFactors(
  all: Channels,
  requests: readonly Request[],
  cellsOf: ReadonlyMap<Variable, readonly Cell[]>,
): ReadonlyMap<Variable, Width> {
  const owner = new Map<number, number>();
  requests.forEach(({ variable }, i) => {
    for (const id of variable.classes) owner.set(id, i);
  });
  const group = requests.map((_, i) => i);
  const find = (i: number): number => (group[i] === i ? i : find(group[i] as number));
  for (const { kind, classes } of all.balances) {
    const here = [...new Set(Array.from(classes, (id) => owner.get(id)).filter((i) => i !== undefined))];
    if (kind === 'groups') for (const i of here) group[find(i)] = find(here[0] as number);
  }
  const factors = new Map<Variable, Width>();
  requests.forEach(({ variable, width }, i) => {
    const tied = requests.filter((_, k) => find(k) === find(i));
    if (tied.length < 2 || typeof width === 'number') return;
    const grain = tied.reduce(
      (d, r) => (cellsOf.get(r.variable) as readonly Cell[]).reduce((e, cell) => gcd(e, cell.length), d),
      0,
    );
    const factor = Number(width.slice(1));
    if (factor > 1) factors.set(variable, `x${Math.max(1 + 1 / grain, Math.round(factor * grain) / grain)}`);
  });
  return factors;
}

/** The total that a width means, of so many channels. */
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
      `${variable.name}: ${width} channels do not share evenly over its groups; the nearest widths are ${near.join(' and ')}`,
    );
  }
  const nearer = wanted - below <= below + step - wanted && below > n ? below : below + step;
  const total = wanted % step ? nearer : wanted;
  return own.map((cell) => (cell.length * total) / n);
}
const gcd = (a: number, b: number): number => (b ? gcd(b, a % b) : a);

/** Where a shift alone ties a variable: its offsets get floor(c / kernel^2) channels each, the middle the rest. */
function shiftTargets(
  all: Channels,
  variable: Variable,
  own: readonly Cell[],
  width: Width,
): readonly number[] | undefined {
  const classes = new Set(variable.classes);
  const ties = all.balances.filter((b) => b.classes.some((id) => classes.has(id)));
  const [tie] = ties;
  if (ties.length !== 1 || tie?.kind !== 'shift' || tie.classes.length !== variable.classes.length)
    return undefined;
  const total = totalOf(tie.classes.length, width);
  const per = Math.floor(total / tie.count);
  const groupOf = new Map([...tie.classes].map((id, i) => [id, tie.groups[i] as number]));
  return own.map((cell) =>
    groupOf.get(cell[0] as number) === (tie.count - 1) / 2 ? total - (tie.count - 1) * per : per,
  );
}

/** What sets a class apart from others of its variable: the groups in which ops see it, and how often. */
function labelsOf(balances: readonly Balance[]): ReadonlyMap<number, string> {
  const labels = new Map<number, string>();
  balances.forEach(({ classes, groups }, b) => {
    const here = new Map<number, number[]>();
    classes.forEach((id, i) => {
      const list = here.get(id);
      if (list) list.push(groups[i] as number);
      else here.set(id, [groups[i] as number]);
    });
    for (const [id, list] of here) labels.set(id, `${labels.get(id) ?? ''}${b}:${list.join(',')};`);
  });
  return labels;
}

/** @throws Refusal when a grouped conv or a shift would get groups that do not fit. */
export function verifyBalances({ balances, variables }: Channels, copies: Copies): void {
  for (const { node, kind, classes, groups, count } of balances) {
    const totals = new Array<number>(count).fill(0);
    classes.forEach((id, i) => {
      const group = groups[i] as number;
      totals[group] = (totals[group] as number) + (copies.get(id) ?? 1);
    });
    const sum = totals.reduce((a, b) => a + b, 0);
    const per = kind === 'groups' ? sum / count : Math.floor(sum / count);
    const middle = kind === 'shift' ? (count - 1) / 2 : -1;
    if (totals.every((t, g) => t === (g === middle ? sum - per * (count - 1) : per))) continue;
    const own = new Set(classes);
    const names = variables.filter((v) => v.classes.some((id) => own.has(id))).map((v) => v.name);
    throw new Refusal(
      `${node}: its ${count} ${kind === 'groups' ? 'groups' : 'offsets'} would get ${[...new Set(totals)].join(' and ')} channels; widen ${some(names, 6)} together, by the same factor (a pattern such as stage* names several)`,
    );
  }
}
