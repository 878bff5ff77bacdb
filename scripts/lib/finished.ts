/**
 * @file Finished runs of an experiment, in `scripts/experiments/runs`: an experiment takes hours, its results are some numbers. They are
 * part of the repository, so that a table can be made again or go on with more rows, here and on other machines, without the runs that are
 * done. A run is known by a hash of all that decides what comes out; when that changes, it runs anew.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readText, writeAtomically } from '../../src/files/index.ts';

/** What a run was, in words, beside its results. */
type Entry<T> = T & { readonly run: string };

export interface Finished<T> {
  /** The result of this run, kept or made now. `what` is all that decides it. */
  once(run: string, what: unknown, make: () => Promise<T>): Promise<T>;
  /** The result of this run, if it is kept. */
  known(what: unknown): T | undefined;
  /** All kept results. */
  all(): readonly T[];
  /** Drops the runs that were not asked for since the start: those of earlier recipes. */
  tidy(): void;
}

const hashOf = (what: unknown): string =>
  createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 16);

/** Without a name nothing is kept: to try an experiment with some steps. */
export function finished<T extends object>(experiment: string | undefined): Finished<T> {
  const file = join('scripts', 'experiments', 'runs', `${experiment}.json`);
  const used = new Set<string>();
  // read anew each time, since another process may run other rows of the experiment
  const read = (): Record<string, Entry<T>> =>
    experiment !== undefined && existsSync(file)
      ? (JSON.parse(readText(file)) as Record<string, Entry<T>>)
      : {};
  const write = (all: Record<string, Entry<T>>): void => {
    const lines = Object.keys(all)
      .sort((a, b) => (all[a]?.run ?? '').localeCompare(all[b]?.run ?? '') || (a < b ? -1 : 1))
      .map((key) => `  ${JSON.stringify(key)}: ${JSON.stringify(all[key])}`);
    writeAtomically(file, `{\n${lines.join(',\n')}\n}\n`);
  };
  return {
    async once(run, what, make) {
      const key = hashOf(what);
      used.add(key);
      const kept = read()[key];
      if (kept) return kept;
      const result = await make();
      if (experiment !== undefined) write({ ...read(), [key]: { run, ...result } });
      return result;
    },
    known: (what) => read()[hashOf(what)],
    all: () => Object.values(read()),
    tidy() {
      if (experiment === undefined) return;
      write(Object.fromEntries(Object.entries(read()).filter(([key]) => used.has(key))));
    },
  };
}
