/** @file Peak memory of a process that trains, compared with PyTorch's. */
import { caseOf } from '../../../src/bench/cases.ts';
import { runCase } from '../../../src/bench/run.ts';
import type { CaseName } from '../../../src/bench/types.ts';
import type { Figure, Plan, RowKind } from './figure.ts';

const cases: readonly CaseName[] = ['T1', 'T2', 'T3', 'T4', 'D1'];

export const peaks: RowKind = {
  title: 'Peak memory of training',
  about:
    "The most memory that the process held while its steps were timed. PyTorch runs eagerly, in the faster of its two memory formats: its compiler's process takes more.",
  measure,
};

async function measure({ rounds, quick, say }: Plan): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const name of quick ? cases.slice(0, 1) : cases) {
    const [ours, values]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const engines = ['moonlet', 'python-torch'] as const;
      const { rows } = await runCase(caseOf(name), { cases: [name], engines, quick: true, say: () => {} });
      for (const row of rows) {
        if ('missing' in row) throw new Error(`${name}, ${row.engine}: ${row.missing}`);
        (row.engine === 'moonlet' ? ours : values).push(row.peakMiB);
      }
    }
    figures.push({ what: name, unit: 'MiB', ours, peer: { name: 'PyTorch', values }, goal: 0.35 });
    say(`peak memory, ${name}: ${JSON.stringify(figures.at(-1))}`);
  }
  return figures;
}
