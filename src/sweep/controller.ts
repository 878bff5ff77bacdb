/**
 * @file The controller of a sweep: chooses jobs, queues them, and waits for results. All that it knows is in the database, so that it
 * may end at any moment; the same command goes on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MoonletError, UsageError } from '../errors.ts';
import { version } from '../export/version.ts';
import { coster } from './costs.ts';
import type { Database } from './database.ts';
import { aboutData } from './digest.ts';
import { isMeasured, type Ledger, ledger, type Result, type SweepRow } from './ledger.ts';
import { type Job, type Planner, planner } from './planner.ts';
import { scoresOf } from './scores.ts';
import type { Space, Values } from './space.ts';
import { ensureQueue, sendJob } from './worker.ts';

export interface SweepProgress {
  readonly trials: number;
  /** Trials to be tried. */
  readonly of: number;
  readonly results: number;
  readonly failed: number;
  /** Candidates that were looked at, and those of them that limits refused, by this process. */
  readonly drafts: number;
  readonly refused: number;
  readonly best?: Best;
  /** Since this process began. */
  readonly seconds: number;
  /** Seconds after which no trial begins, where the space has "hours". */
  readonly most?: number;
}
export interface Best {
  readonly trial: number;
  readonly scores: readonly number[];
  readonly accuracy: number;
  readonly params: number;
  readonly values: Values;
}
export interface SweepOptions {
  readonly store: string;
  /** Seconds of a lease; 60 by default, as for workers. */
  readonly lease?: number;
  readonly pollMs?: number;
  readonly say?: (text: string) => void;
  readonly onProgress?: (progress: SweepProgress) => void;
  readonly signal?: AbortSignal;
}
export type SweepEnd = 'done' | 'stopped' | 'interrupted';

/**
 * Runs a sweep to its end, or goes on with the one of this name. Workers must run beside it.
 * @throws UsageError when a sweep of this name has another space; MoonletError when no candidate is within the limits.
 */
export async function conduct(
  db: Database,
  space: Space,
  o: SweepOptions,
): Promise<{ readonly end: SweepEnd; readonly row: SweepRow }> {
  const about = await aboutData(String(space.recipe['data']));
  const known = ledger(db);
  const row = await opened(known, space, { version, digest: about.digest, store: o.store });
  await ensureQueue(db, row, o.lease ?? 60);
  const run = new Run(db, known, row, { ...o, plan: planner(space, coster(about)) });
  await run.restore();
  const end = await run.loop();
  if (end === 'done') await known.change(row.name, { state: 'done' });
  return { end, row };
}

/** Options that may change when a sweep goes on: they say how much is tried, not what. */
const free = ['trials', 'hours'] as const;

async function opened(
  known: Ledger,
  space: Space,
  o: Pick<SweepRow, 'version' | 'digest' | 'store'>,
): Promise<SweepRow> {
  const row = await known.open({ name: space.name, space, ...o });
  const different = differing(row.space, space);
  if (different !== undefined)
    throw new UsageError(
      `${space.name}: a sweep of this name is there, and its "${different}" is another; choose another name, or remove it: moonlet sweep remove ${space.name}`,
    );
  if (row.version !== o.version)
    throw new UsageError(
      `${space.name}: it was begun by Moonlet ${row.version}, and this is ${o.version}; go on with that version, or remove it: moonlet sweep remove ${space.name}`,
    );
  if (row.digest !== o.digest)
    throw new UsageError(
      `${space.name}: it was begun on other data of the name ${String(space.recipe['data'])}`,
    );
  await known.change(space.name, { state: 'running', space });
  return { ...row, space, state: 'running' };
}

/** The first field that two spaces differ in. */
function differing(a: Space, b: Space): string | undefined {
  const plain = (s: Space): Record<string, unknown> =>
    JSON.parse(JSON.stringify({ ...s, trials: 0, hours: 0 }));
  const [one, other] = [plain(a), plain(b)];
  return Object.keys({ ...one, ...other }).find(
    (key) => !free.some((f) => f === key) && !equal(one[key], other[key]),
  );
}
/** Equal values of JSON, whatever the order of their keys: a database may change it. */
function equal(a: unknown, b: unknown): boolean {
  const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null;
  if (!isObject(a) || !isObject(b)) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((k) => Object.hasOwn(b, k) && equal(a[k], b[k]));
}

/** When so many trials have failed and none has not, the rest would fail too. */
const hopeless = 10;

class Run {
  readonly #db: Database;
  readonly #ledger: Ledger;
  readonly #row: SweepRow;
  readonly #o: SweepOptions & { readonly plan: Planner };
  /** Jobs without a result. */
  readonly #pending = new Set<number>();
  readonly #began = Date.now();
  #counts = { trials: 0, results: 0, failed: 0 };
  #best: Best | undefined;

  constructor(db: Database, known: Ledger, row: SweepRow, o: SweepOptions & { readonly plan: Planner }) {
    this.#db = db;
    this.#ledger = known;
    this.#row = row;
    this.#o = o;
  }

  /** What earlier processes chose and what came of it. Jobs that an earlier one chose and did not queue are queued. */
  async restore(): Promise<void> {
    const { plan, lease = 60 } = this.#o;
    const numbers: number[] = [];
    for await (const job of this.#ledger.jobs(this.#row.name)) {
      plan.restore(job);
      if (job.rung === 0) this.#counts.trials++;
      this.#pending.add(job.number);
      numbers.push(job.number);
      if (numbers.length === 500) await this.#collect(numbers.splice(0));
    }
    await this.#collect(numbers);
    for (const number of this.#pending) await sendJob(this.#db, this.#row, number, lease);
  }

  async loop(): Promise<SweepEnd> {
    const { signal, pollMs = 500, plan } = this.#o;
    const { hours } = this.#row.space;
    for (let [looked, idle] = [0, 0]; ; ) {
      this.#o.onProgress?.(this.#progress());
      if (signal?.aborted) return 'interrupted';
      const isLate = hours !== undefined && Date.now() - this.#began > 3_600_000 * hours;
      const next = isLate ? (this.#pending.size ? 'wait' : 'end') : plan.next();
      if (next === 'end') {
        if (plan.shortfall) this.#o.say?.(`${this.#row.name}: ${plan.shortfall}`);
        return 'done';
      }
      if (next !== 'wait') {
        await this.#send(next);
        continue;
      }
      if (Date.now() - looked > 2000) {
        looked = Date.now();
        const { state } = (await this.#ledger.sweep(this.#row.name)) ?? { state: 'stopped' };
        if (state === 'stopped') return 'stopped';
      }
      const came = await this.#collect([...this.#pending].slice(0, 2000));
      idle = came ? 0 : idle + 1;
      const wait = Math.min(pollMs, 20 * 1.2 ** idle); // results may come soon after others
      if (!came) await sleep(wait, undefined, signal ? { signal } : {}).catch(() => {});
    }
  }

  async #send(job: Job): Promise<void> {
    await this.#ledger.addJob(this.#row.name, job);
    await sendJob(this.#db, this.#row, job.number, this.#o.lease ?? 60);
    this.#pending.add(job.number);
    if (job.rung === 0) this.#counts.trials++;
  }

  /** Takes in the results that are there; how many. */
  async #collect(numbers: readonly number[]): Promise<number> {
    if (!numbers.length) return 0;
    const results = await this.#ledger.resultsOf(this.#row.name, numbers);
    for (const result of results) await this.#take(result);
    return results.length;
  }

  async #take(result: Result): Promise<void> {
    const scores = scoresOf(result, this.#row.space.objective);
    this.#pending.delete(result.number);
    this.#counts.results++;
    if (!result.ok) this.#counts.failed++;
    const { results, failed } = this.#counts;
    if (failed === results && results >= hopeless && 'error' in result.body)
      throw new MoonletError(
        `${this.#row.name}: all of the first ${results} trials failed (${result.body.error}); correct the space, and remove this sweep or give the new one another name`,
      );
    this.#o.plan.tell(result.number, scores);
    const isBest = scores && (!this.#best || (scores[0] ?? 0) > (this.#best.scores[0] ?? 0));
    if (!isBest || !isMeasured(result)) return;
    const found = await this.#ledger.job(this.#row.name, result.number);
    const { accuracy, params } = result.body;
    if (found)
      this.#best = { ...{ trial: found.job.trial, scores, accuracy, params }, values: found.job.values };
  }

  #progress(): SweepProgress {
    const { drafts, refused } = this.#o.plan.counts;
    return {
      ...this.#counts,
      of: this.#row.space.trials,
      ...{ drafts, refused, seconds: (Date.now() - this.#began) / 1000 },
      ...(this.#row.space.hours === undefined ? {} : { most: 3600 * this.#row.space.hours }),
      ...(this.#best ? { best: this.#best } : {}),
    };
  }
}
