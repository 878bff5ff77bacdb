/** @file Training cases against PyTorch, in new processes each round: what rows of steps and of memory have in common. */
import { caseOf } from '../../../src/bench/cases.ts';
import { runCase } from '../../../src/bench/run.ts';
import type { CaseName, Measured } from '../../../src/bench/types.ts';
import type { Figure, Plan } from './figure.ts';

export const trainingCases = ['T1', 'T2', 'T3', 'T4', 'D1'] as const satisfies readonly CaseName[];

export interface CaseFigures {
  readonly unit: Figure['unit'];
  readonly valueOf: (row: Measured) => number;
  readonly goalOf: (name: CaseName) => number;
  /** Few steps in each process. */
  readonly quick: boolean;
}

export async function againstPyTorch(
  { rounds, quick, say }: Plan,
  o: CaseFigures,
): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  const engines = ['moonlet', 'python-torch'] as const;
  for (const name of quick ? trainingCases.slice(0, 1) : trainingCases) {
    const [ours, values]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const { rows } = await runCase(caseOf(name), { cases: [name], engines, quick: o.quick, say: () => {} });
      for (const row of rows) {
        if ('missing' in row) throw new Error(`${name}, ${row.engine}: ${row.missing}`);
        (row.engine === 'moonlet' ? ours : values).push(o.valueOf(row));
      }
      say(`${name}, round ${round + 1}: ${ours.at(-1)} ${o.unit}, PyTorch ${values.at(-1)} ${o.unit}`);
    }
    figures.push({ what: name, unit: o.unit, ours, peer: { name: 'PyTorch', values }, goal: o.goalOf(name) });
  }
  return figures;
}
