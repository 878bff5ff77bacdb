/** @file What the database knows of sweeps: their spaces, the jobs that were chosen, and what each gave. */
import { createHash } from 'node:crypto';
import { MoonletError } from '../errors.ts';
import type { Database } from './database.ts';
import type { Job } from './planner.ts';
import type { Space } from './space.ts';
import type { Failure, Measures } from './trial.ts';

export interface SweepRow {
  readonly name: string;
  /** Tells it from an earlier sweep of the same name. */
  readonly id: string;
  readonly space: Space;
  readonly version: string;
  readonly digest: string;
  readonly store: string;
  readonly state: 'running' | 'stopped' | 'done';
}
/** What a job gave. */
export interface Result {
  readonly number: number;
  readonly ok: boolean;
  readonly body: Measures | Failure;
  readonly latencyMs?: number | null;
  readonly worker: string;
  readonly seconds: number;
  /** How often it was computed again, such as by a worker whose lease had run out. */
  readonly repeats: number;
  /** Whether one of these gave something else: always false, unless machines compute differently. */
  readonly differs: boolean;
}
export const isMeasured = (r: Pick<Result, 'body'>): r is { readonly body: Measures } & Result =>
  'accuracy' in r.body;

/** The queue of a sweep. */
export const queueOf = ({ name, id }: Pick<SweepRow, 'name' | 'id'>): string => `${name}-${id.slice(0, 8)}`;

/** The same job has the same id, so that it is never queued twice. */
export function jobId({ id }: Pick<SweepRow, 'id'>, number: number): string {
  const hex = createHash('sha256').update(`${id} ${number}`).digest('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`];
  return [...parts, hex.slice(20, 32)].join('-');
}

const sweepColumns = 'name, id, space, version, data_digest AS digest, store, state';

/** What a database knows of sweeps. */
export class Ledger {
  readonly #db: Database;
  constructor(db: Database) {
    this.#db = db;
  }

  sweeps(): Promise<readonly SweepRow[]> {
    return this.#db.query<SweepRow>(`SELECT ${sweepColumns} FROM moonlet.sweep ORDER BY created`);
  }

  async sweep(name: string): Promise<SweepRow | undefined> {
    const rows = await this.#db.query<SweepRow>(`SELECT ${sweepColumns} FROM moonlet.sweep WHERE name = $1`, [
      name,
    ]);
    return rows[0];
  }

  /** The sweep of this name: made now, or the one that is there. */
  async open(row: Omit<SweepRow, 'id' | 'state'>): Promise<SweepRow> {
    await this.#db.query(
      `INSERT INTO moonlet.sweep (name, space, version, data_digest, store)
       VALUES ($1, $2::json, $3, $4, $5) ON CONFLICT DO NOTHING`,
      [row.name, JSON.stringify(row.space), row.version, row.digest, row.store],
    );
    const found = await this.sweep(row.name);
    if (!found) throw new MoonletError(`${row.name}: the sweep was removed; run the command again`);
    return found;
  }

  async change(
    name: string,
    to: { readonly state?: SweepRow['state']; readonly space?: Space },
  ): Promise<void> {
    await this.#db.query(
      `UPDATE moonlet.sweep SET state = coalesce($2, state), space = coalesce($3::json, space) WHERE name = $1`,
      [name, to.state ?? null, to.space ? JSON.stringify(to.space) : null],
    );
  }

  async addJob(sweep: string, job: Job): Promise<void> {
    await this.#db.query(
      `INSERT INTO moonlet.job (sweep, number, trial, rung, body) VALUES ($1, $2, $3, $4, $5::json)
       ON CONFLICT DO NOTHING`,
      [sweep, job.number, job.trial, job.rung, JSON.stringify(job)],
    );
  }

  /** Jobs in their order, a page of them at a time. */
  async *jobs(sweep: string): AsyncGenerator<Job> {
    for (let from = 0; ; ) {
      const rows = await this.#db.query<{ body: Job }>(
        'SELECT body FROM moonlet.job WHERE sweep = $1 AND number >= $2 ORDER BY number LIMIT 500',
        [sweep, from],
      );
      for (const { body } of rows) yield body;
      const last = rows.at(-1);
      if (!last) return;
      from = last.body.number + 1;
    }
  }

  async job(
    sweep: string,
    number: number,
  ): Promise<{ job: Job; deaths: number; killed: boolean } | undefined> {
    const [row] = await this.#db.query<{ body: Job; deaths: number; killed: boolean }>(
      'SELECT body, deaths, killed FROM moonlet.job WHERE sweep = $1 AND number = $2',
      [sweep, number],
    );
    return row && { job: row.body, deaths: row.deaths, killed: row.killed };
  }

  /** Marks the jobs of a trial that have no result; how many there were. */
  async kill(sweep: string, trial: number): Promise<number> {
    const rows = await this.#db.query(
      `UPDATE moonlet.job j SET killed = true WHERE sweep = $1 AND trial = $2 AND NOT EXISTS
         (SELECT 1 FROM moonlet.result r WHERE r.sweep = j.sweep AND r.number = j.number) RETURNING number`,
      [sweep, trial],
    );
    return rows.length;
  }

  /** Counts the death of a trial's process. */
  async died(sweep: string, number: number): Promise<void> {
    await this.#db.query('UPDATE moonlet.job SET deaths = deaths + 1 WHERE sweep = $1 AND number = $2', [
      sweep,
      number,
    ]);
  }

  /**
   * Writes a result once. A second one for the same job changes nothing; it is counted, and compared to the digit.
   */
  async record(sweep: string, r: Omit<Result, 'repeats' | 'differs'>): Promise<void> {
    await this.#db.query(
      `INSERT INTO moonlet.result AS r (sweep, number, ok, body, latency_ms, worker, seconds)
       VALUES ($1, $2, $3, $4::json, $5, $6, $7)
       ON CONFLICT (sweep, number) DO UPDATE SET repeats = r.repeats + 1,
         differs = r.differs OR r.ok <> EXCLUDED.ok OR r.body::text <> EXCLUDED.body::text`,
      [sweep, r.number, r.ok, JSON.stringify(r.body), r.latencyMs ?? null, r.worker, r.seconds],
    );
  }

  async result(sweep: string, number: number): Promise<Result | undefined> {
    const [row] = await this.resultsOf(sweep, [number]);
    return row;
  }

  /** The results that are there, of these jobs. */
  resultsOf(sweep: string, numbers: readonly number[]): Promise<readonly Result[]> {
    return this.#db.query<Result>(
      `SELECT number, ok, body, latency_ms AS "latencyMs", worker, seconds, repeats, differs FROM moonlet.result
       WHERE sweep = $1 AND number = ANY($2::int[]) ORDER BY number`,
      [sweep, numbers],
    );
  }

  async counts(sweep: string): Promise<{ jobs: number; results: number; trials: number; failed: number }> {
    const [row] = await this.#db.query<{ jobs: number; results: number; trials: number; failed: number }>(
      `SELECT count(*)::int AS jobs, count(r.number)::int AS results, count(DISTINCT j.trial)::int AS trials,
         (count(*) FILTER (WHERE NOT r.ok))::int AS failed
       FROM moonlet.job j LEFT JOIN moonlet.result r USING (sweep, number) WHERE j.sweep = $1`,
      [sweep],
    );
    return row ?? { jobs: 0, results: 0, trials: 0, failed: 0 };
  }

  /** Removes a sweep with its jobs and results. */
  async remove(row: SweepRow): Promise<void> {
    const { boss } = this.#db;
    const queue = queueOf(row);
    // pg-boss 10 deletes only queues without jobs
    const ids: string[] = [];
    for await (const { number } of this.jobs(row.name)) {
      ids.push(jobId(row, number));
      if (ids.length === 500) await boss.deleteJob(queue, ids.splice(0));
    }
    if (ids.length) await boss.deleteJob(queue, ids);
    await boss.deleteQueue(queue);
    await this.#db.query('DELETE FROM moonlet.sweep WHERE name = $1', [row.name]);
  }

  /**
   * Renews the lease of a job: pg-boss 10 counts it from the job's start. Undefined when it has run out and another worker may have
   * the job; otherwise what became of the sweep and the trial.
   */
  async renew(
    row: SweepRow,
    number: number,
    retries: number,
  ): Promise<{ readonly state: SweepRow['state'] | null; readonly killed: boolean | null } | undefined> {
    const [found] = await this.#db.query<{ state: SweepRow['state'] | null; killed: boolean | null }>(
      `UPDATE moonlet_queue.job SET started_on = now()
       WHERE name = $1 AND id = $2::uuid AND state = 'active' AND retry_count = $3
       RETURNING (SELECT s.state FROM moonlet.sweep s WHERE s.name = $4) AS state,
         (SELECT j.killed FROM moonlet.job j WHERE j.sweep = $4 AND j.number = $5) AS killed`,
      [queueOf(row), jobId(row, number), retries, row.name, number],
    );
    return found;
  }
}
export const ledger = (db: Database): Ledger => new Ledger(db);
