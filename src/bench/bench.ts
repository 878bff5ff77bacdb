/** @file The whole benchmark: the cases, their ratios, and the additional measurements. */
import { extras } from './extras.ts';
import { growth } from './growth.ts';
import { machine, type Plan, ratiosOf, runCases } from './run.ts';
import type { Report } from './types.ts';

export interface BenchOptions extends Plan {
  /** Also composing, building, loading, tracing, and how a step's time grows. */
  readonly extras: boolean;
}

export async function benchmark(o: BenchOptions): Promise<Report> {
  const before = machine(); // the load of others, not ours
  const { rows, versions } = await runCases(o);
  return {
    quick: o.quick,
    machine: { ...before, versions: { ...before.versions, ...versions } },
    cases: rows,
    ratios: ratiosOf(rows),
    extras: o.extras ? await extras(o) : [],
    growth: o.extras ? await growth(o) : [],
  };
}
