/** @file Choosing how often each channel is copied, so that every op's conditions hold. */
import { Refusal, suggestion, UsageError } from '../errors.ts';
import { type Balance, type Channels, type Graph, nodeAt, type Variable } from '../graph/index.ts';
import { random } from '../random.ts';

/** A width: that many channels, or a factor such as `x1.5`. */
export type Width = number | `x${number}`;
/** How often each class of channels stands in the new net; once unless named. */
export type Copies = ReadonlyMap<number, number>;
/** What is asked of each variable: a factor, or a number of channels. */
export interface Request {
  readonly variable: Variable;
  readonly width: Width;
}

/** @throws UsageError for text that is no width. */
export function parseWidth(text: string): Width {
  const factor = /^x(\d+(\.\d+)?)$/.exec(text);
  if (factor && Number(factor[1]) >= 1) return `x${Number(factor[1])}`;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError(`"${text}" is no width; give a number of channels, or a factor from 1 up such as x1.5`);
}

/**
 * The variables that a name means: its own name, an alias, a stage (the width of the value that leaves it), or a glob
 * such as `stage2/*`. A stage whose value is put together from several layers is scaled as a whole.
 * @throws UsageError with the nearest name; Refusal when what it means cannot change.
 */
export function request(graph: Graph, { variables, of, frozen }: Channels, where: string, width: Width): readonly Request[] {
  const stage = /^(stage\d+)(\/width)?$/.exec(where)?.[1];
  if (stage) {
    const end = of.get(nodeAt(graph, stage).id) as Int32Array;
    const there = variables.filter((v) => !v.frozen && v.classes.some((id) => end.includes(id)));
    if (!there.length) throw new Refusal(`${where}: its width cannot change, since ${frozen.get(end[0] as number)}`);
    if (there.length === 1 && there[0]?.classes.length === end.length) return [{ variable: there[0], width }];
    const factor: Width = typeof width === 'number' ? `x${width / end.length}` : width;
    return there.map((variable) => ({ variable, width: factor }));
  }
  const named = (v: Variable): readonly string[] => [v.name, ...v.aliases];
  const pattern = globOf(where);
  const found = variables.filter((v) => named(v).some((n) => (pattern ? pattern.test(n) : n === where)));
  if (!found.length) {
    const names = variables.map((v) => v.name);
    throw new UsageError(`${graph.name}: nothing to widen at "${where}".${suggestion(where, names)} There are ${names.slice(0, 12).join(', ')}`);
  }
  const free = found.filter((v) => !v.frozen);
  if (!free.length) throw new Refusal(`${where}: its width cannot change, since ${found[0]?.frozen}`);
  return free.map((variable) => ({ variable, width }));
}

const globOf = (where: string): RegExp | undefined =>
  where.includes('*')
    ? new RegExp(`^${where.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('**', '\u0000').replaceAll('*', '[^/]*').replaceAll('\u0000', '.*')}$`)
    : undefined;

/**
 * How often each class is to stand, chosen uniformly where there is a choice. Where groups must stay equal, each group
 * grows by the same share.
 * @throws Refusal when a width cannot be met, naming the nearest ones, or when other layers would have to grow along.
 */
export function chooseCopies(all: Channels, requests: readonly Request[], seed: number): Copies {
  const copies = new Map<number, number>();
  const labels = labelsOf(all.balances);
  for (const { variable, width } of requests) {
    const free = [...variable.classes].filter((id) => !all.frozen.has(id));
    const cells = new Map<string, number[]>();
    for (const id of free) {
      const label = labels.get(id) ?? '';
      const cell = cells.get(label);
      if (cell) cell.push(id);
      else cells.set(label, [id]);
    }
    const targets = shiftTargets(all, variable, cells, width) ?? evenTargets(variable, free.length, [...cells.values()], width);
    let at = 0;
    for (const cell of cells.values()) {
      const source = random('copies', seed, variable.name, at);
      for (let extra = (targets[at++] as number) - cell.length; extra > 0; extra--) {
        const id = cell[source.below(cell.length)] as number;
        copies.set(id, (copies.get(id) ?? 1) + 1);
      }
    }
  }
  verifyBalances(all, copies);
  return copies;
}

/** The total that a width means, of so many channels. */
const totalOf = (n: number, width: Width): number => (typeof width === 'number' ? width : Math.round(n * Number(width.slice(1))));

/** Each cell's share of the new width. A factor is met by the nearest width that all cells can share. */
function evenTargets(variable: Variable, n: number, cells: readonly (readonly number[])[], width: Width): readonly number[] {
  const fixed = variable.classes.length - n; // frozen channels stay as they are
  const step = n / cells.reduce((d, cell) => gcd(d, cell.length), 0);
  const wanted = totalOf(variable.classes.length, width) - fixed;
  if (wanted < n) {
    throw new Refusal(`${variable.name}: it is ${variable.classes.length} wide, and widening to ${wanted + fixed} would lose channels`);
  }
  let total = wanted;
  if (wanted % step) {
    const below = Math.floor(wanted / step) * step;
    if (typeof width === 'number') {
      const near = [Math.max(n, below), below + step].map((t) => t + fixed);
      throw new Refusal(`${variable.name}: ${width} channels do not share evenly over its groups; the nearest widths are ${near.join(' and ')}`);
    }
    total = wanted - below < below + step - wanted && below > n ? below : below + step;
  }
  return cells.map((cell) => (cell.length * total) / n);
}
const gcd = (a: number, b: number): number => (b ? gcd(b, a % b) : a);

/** Where a shift alone ties a variable: its offsets get floor(c / kernel^2) channels each, the middle the rest. */
function shiftTargets(all: Channels, variable: Variable, cells: ReadonlyMap<string, readonly number[]>, width: Width): readonly number[] | undefined {
  const own = new Set(variable.classes);
  const ties = all.balances.filter((b) => b.classes.some((id) => own.has(id)));
  const [tie] = ties;
  if (ties.length !== 1 || tie?.kind !== 'shift' || tie.classes.length !== variable.classes.length) return undefined;
  const total = totalOf(tie.classes.length, width);
  const per = Math.floor(total / tie.count);
  const groupOf = new Map([...tie.classes].map((id, i) => [id, tie.groups[i] as number]));
  return [...cells.values()].map((cell) =>
    groupOf.get(cell[0] as number) === (tie.count - 1) / 2 ? total - (tie.count - 1) * per : per,
  );
}

/** What sets a class apart from others of its variable: the groups in which ops see it. */
function labelsOf(balances: readonly Balance[]): ReadonlyMap<number, string> {
  const labels = new Map<number, string>();
  balances.forEach(({ classes, groups }, b) => {
    const here = new Map<number, number[]>();
    classes.forEach((id, i) => {
      const list = here.get(id);
      if (!list) here.set(id, [groups[i] as number]);
      else if (list.at(-1) !== groups[i]) list.push(groups[i] as number);
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
      `${node}: its ${count} ${kind === 'groups' ? 'groups' : 'offsets'} would get ${[...new Set(totals)].join(' and ')} channels; widen ${names.join(', ')} together, by the same factor`,
    );
  }
}
