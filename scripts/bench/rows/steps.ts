/** @file Training steps compared with PyTorch's best way, in new processes each round: a process's luck with memory and cores is a third. */
import { caseOf } from '../../../src/bench/cases.ts';
import { runCase } from '../../../src/bench/run.ts';
import type { CaseName } from '../../../src/bench/types.ts';
import type { Figure, Plan, RowKind } from './figure.ts';

const goals: readonly (readonly [CaseName, goal: number])[] = [
  ['T1', 0.45],
  ['T2', 0.6],
  ['T3', 0.6],
  ['T4', 0.6],
  ['D1', 0.6],
];

export const steps: RowKind = {
  title: 'Training steps',
  about:
    'The cases T1 to D1 of the first table. Each round runs both in new processes, which take turns step by step; PyTorch tries eager, channels last, compiled and both, and the fastest of the round counts.',
  measure,
};

async function measure({ rounds, quick, say }: Plan): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  const engines = ['moonlet', 'python-torch'] as const;
  for (const [name, goal] of quick ? goals.slice(0, 1) : goals) {
    const [ours, values]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const { rows } = await runCase(caseOf(name), { cases: [name], engines, quick, say: () => {} });
      for (const row of rows) {
        if ('missing' in row) throw new Error(`${name}, ${row.engine}: ${row.missing}`);
        (row.engine === 'moonlet' ? ours : values).push(row.medianMs);
      }
      say(`${name}, round ${round + 1}: ${ours.at(-1)} ms, PyTorch ${values.at(-1)} ms`);
    }
    figures.push({ what: name, unit: 'ms', ours, peer: { name: 'PyTorch', values }, goal });
  }
  return figures;
}
