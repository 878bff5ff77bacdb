/** @file How the time of a training step grows with batch, width and depth, compared with PyTorch. */
import type { Graph } from '../graph/index.ts';
import { wrn } from './cases.ts';
import { type Plan, runCase } from './run.ts';
import type { Engine, Growth } from './types.ts';

interface Series {
  readonly what: Growth['what'];
  readonly sizes: readonly number[];
  readonly at: (size: number) => { readonly batch: number; readonly graph: Graph };
}
const series = (quick: boolean): readonly Series[] => [
  {
    what: 'batch',
    sizes: quick ? [16, 64] : [1, 4, 16, 64, 128],
    at: (batch) => ({ batch, graph: wrn() }),
  },
  { what: 'width', sizes: quick ? [1] : [1, 2, 4], at: (width) => ({ batch: 64, graph: wrn(16, width) }) },
  {
    what: 'depth',
    sizes: quick ? [10] : [10, 16, 28, 40],
    at: (depth) => ({ batch: 64, graph: wrn(depth) }),
  },
];
const compared = ['moonlet', 'python-torch'] as const satisfies readonly Engine[];

/** An engine that is not there has no points. */
export async function growth(plan: Plan): Promise<readonly Growth[]> {
  const engines = compared.filter((engine) => plan.engines.includes(engine));
  const found: Growth[] = [];
  for (const { what, sizes, at } of series(plan.quick)) {
    const points = new Map<Engine, [number, number][]>(engines.map((engine) => [engine, []]));
    for (const size of sizes) {
      plan.say?.(`growth with ${what}: ${size}`);
      const one = { name: 'T4', kind: 'train', what: `${what} ${size}`, ...at(size) } as const;
      const { rows } = await runCase(one, { ...plan, engines, say: () => {} });
      for (const row of rows) if ('medianMs' in row) points.get(row.engine)?.push([size, row.medianMs]);
    }
    for (const [engine, found_] of points) if (found_.length) found.push({ what, engine, points: found_ });
  }
  return found;
}
