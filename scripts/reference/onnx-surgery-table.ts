/** @file The table of docs/import.md about surgery on nets that came in as ONNX files, by family. */
import { table } from '../lib/markdown.ts';
import { writeSection } from './onnx-nets-table.ts';
import type { Outcome, PruneOutcome, Surgery } from './onnx-surgery.ts';

/** Of the largest output: what two computations of the same may differ by. */
export const bound = 1e-5;
export const isEqual = ({ difference }: Outcome = {}): boolean =>
  difference !== undefined && difference <= bound;
/** Whether pruning ended in a net that runs and has fewer parameters. */
const isPruned = ({ difference, params = 0, prunedParams = params }: PruneOutcome = {}): boolean =>
  difference !== undefined && prunedParams < params;

/** The worst of some differences; `-` where there is none. */
function worst(outcomes: readonly (Outcome | undefined)[]): string {
  const known = outcomes.flatMap((o) => (o?.difference === undefined ? [] : [o.difference]));
  return known.length ? known.reduce((a, b) => Math.max(a, b)).toExponential(1) : '-';
}
/** The median share of the parameters that are left. */
function left(outcomes: readonly (PruneOutcome | undefined)[]): string {
  const shares = outcomes
    .flatMap((o) => (o?.params && o.prunedParams && isPruned(o) ? [o.prunedParams / o.params] : []))
    .sort((a, b) => a - b);
  const [low, high] = [shares[Math.floor((shares.length - 1) / 2)], shares[Math.floor(shares.length / 2)]];
  return low === undefined || high === undefined ? '' : `${((low + high) * 50).toFixed(0)} %`;
}

function row(title: string, nets: readonly Surgery[]): readonly string[] {
  const [growth, own] = [nets.map((n) => n.growth), nets.map((n) => n.pruning)];
  const theirs = nets.flatMap((n) => n.torch ?? []);
  const count = (list: readonly (Outcome | undefined)[], test: (o?: Outcome) => boolean): number =>
    list.filter((o) => test(o)).length;
  return [
    title,
    String(nets.length),
    `${count(growth, isEqual)}, ${worst(growth)}`,
    `${count(own, isPruned)} / ${count(own, isEqual)}, ${worst(own)}`,
    left(own),
    theirs.length
      ? `${count(theirs, isPruned)} / ${count(theirs, isEqual)} of ${theirs.length}, ${worst(theirs)}`
      : '',
    left(theirs),
    String(nets.filter((n) => n.integers?.decibels !== undefined).length),
  ];
}

/** What failed, a line for each net and tool. */
const failures = (nets: readonly Surgery[]): readonly string[] =>
  nets.flatMap(({ library, name, growth, pruning, integers, torch }) =>
    (
      [
        ['growth', growth, isEqual(growth)],
        ['pruning', pruning, isEqual(pruning)],
        ['int8', integers, integers?.decibels !== undefined],
        ['Torch-Pruning', torch, torch === undefined || isEqual(torch)],
      ] as const
    ).flatMap(([what, outcome, good]) => {
      if (good) return [];
      const reason =
        outcome?.error ?? (outcome && 'difference' in outcome ? `differs by ${worst([outcome])}` : '');
      return [`- ${library} ${name}, ${what}: ${reason.replace(/[|<>]/g, ' ')}`];
    }),
  );

/** The table in Markdown, and under it what failed. `listed` is the number of nets in the list. */
function surgeryTable(results: readonly Surgery[], listed: number): string {
  const nets = results.filter((r) => r.notExported === undefined);
  const families = new Map<string, Surgery[]>();
  for (const net of nets) {
    const key = `${net.library}: ${net.family}`;
    families.set(key, [...(families.get(key) ?? []), net]);
  }
  const head = [
    'library and family',
    'nets',
    'grown equal, worst',
    'pruned / equal to masked, worst',
    'parameters left',
    'Torch-Pruning: pruned / equal to masked, worst',
    'parameters left',
    'int8 runs',
  ];
  const rows = [...families].map(([family, list]) => row(family, list));
  const failed = failures(nets);
  const partial = nets.length < listed ? [`So far ${nets.length} of the ${listed} nets have run.`, ''] : [];
  return [
    ...partial,
    table([head, ...rows, row('all', nets)]),
    ...(failed.length ? ['', 'What failed:', '', ...failed] : []),
  ].join('\n');
}

/** Writes the table into the page, between its marks. */
export const writeSurgery = (results: readonly Surgery[], listed: number): void =>
  writeSection('onnx-surgery', surgeryTable(results, listed));
