/**
 * @file A worker: takes jobs from the queue, runs each in a process of its own, keeps its lease alive, and writes what it gave. It may
 * be killed at any moment: the lease runs out, and another worker goes on from the last checkpoint.
 */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { MoonletError, messageOf } from '../errors.ts';
import { version } from '../export/version.ts';
import type { Database } from './database.ts';
import { aboutData } from './digest.ts';
import { jobId, type Ledger, ledger, queueOf, type SweepRow } from './ledger.ts';
import { type Ending, startTrial, type TrialProcess } from './processes.ts';
import type { TrialSpec } from './trial.ts';

export interface WorkerOptions {
  /** Trials at once; by default as many as there are cores for their threads. */
  readonly slots: number;
  /** The store, where it has another place on this machine than in the sweep. */
  readonly store?: string;
  /** How results call this worker; by default host and process id. */
  readonly name?: string;
  /** Only this sweep. */
  readonly sweep?: string;
  /** Seconds that a job is this worker's without a sign of life; 60 by default. All workers of a queue should have the same. */
  readonly lease?: number;
  /** Milliseconds between two looks for a job when there was none; 1000 by default. */
  readonly pollMs?: number;
  readonly say?: (text: string) => void;
  /** How trials are run; by default each in a child process. */
  readonly start?: typeof startTrial;
  /** When aborted, trials save a checkpoint and go back to the queue. */
  readonly signal?: AbortSignal;
}

/** So many times the process of a trial may die by itself; then the trial has failed. */
export const mostDeaths = 3;
/** A worker that is killed again and again should not cost a trial its life. */
const retryLimit = 1_000_000;

/** Makes the queue of a sweep, where it is not there. */
export async function ensureQueue({ boss }: Database, row: SweepRow, lease: number): Promise<void> {
  const name = queueOf(row);
  if (await boss.getQueue(name)) return;
  await boss.createQueue(name, { name, retryLimit, expireInSeconds: lease, retentionDays: 365 });
}

/** The data and version of a job, by which workers with others refuse it. */
export interface JobData {
  readonly number: number;
  readonly version: string;
  readonly digest: string;
}

/** Puts a job into the queue; nothing happens when it is there already, or was. */
export async function sendJob(
  { boss }: Database,
  row: SweepRow,
  number: number,
  lease: number,
): Promise<void> {
  const data: JobData = { number, version: row.version, digest: row.digest };
  // the lease stands with the job, since queues keep their first options
  await boss.send(queueOf(row), data, {
    ...{ id: jobId(row, number), retryLimit, expireInSeconds: lease, retentionDays: 365 },
  });
}

/** Works until the signal comes. @throws MoonletError when the database is gone for good. */
export async function work(db: Database, o: WorkerOptions): Promise<void> {
  const worker = new Worker(db, o);
  await Promise.all(Array.from({ length: o.slots }, () => worker.slot()));
}

interface Fetched {
  readonly row: SweepRow;
  readonly number: number;
  readonly id: string;
  readonly retries: number;
}

/** The first wait for a job, in milliseconds; each later one is twice as long, up to `pollMs`. */
const soonest = 20;

class Worker {
  readonly #db: Database;
  readonly #ledger: Ledger;
  readonly #o: WorkerOptions;
  readonly #name: string;
  readonly #digests = new Map<string, Promise<string>>();
  readonly #said = new Set<string>();
  #rows: { readonly at: number; readonly rows: Promise<readonly SweepRow[]> } | undefined;
  #turn = 0;

  constructor(db: Database, o: WorkerOptions) {
    this.#db = db;
    this.#ledger = ledger(db);
    this.#o = o;
    this.#name = o.name ?? `${hostname()}-${process.pid}`;
  }

  /** One trial after another. */
  async slot(): Promise<void> {
    const { signal, pollMs = 1000 } = this.#o;
    for (let idle = 0; !signal?.aborted; idle++) {
      const fetched = await this.#fetch();
      if (fetched) {
        await this.#handle(fetched);
        idle = -1;
        continue;
      }
      // soon after the start or a trial there may be more; later rarely
      const wait = Math.min(pollMs, soonest * 2 ** idle);
      await sleep(wait * (0.75 + Math.random() / 2), undefined, signal ? { signal } : {}).catch(() => {});
    }
  }

  #say(text: string, once = false): void {
    if (once && this.#said.has(text)) return;
    if (once) this.#said.add(text);
    this.#o.say?.(text);
  }

  /** A job of one of the sweeps that this worker can run, each in turn. */
  async #fetch(): Promise<Fetched | undefined> {
    const rows = await this.#sweeps();
    for (let i = 0; i < rows.length; i++) {
      const row = rows[(this.#turn + i) % rows.length]!;
      const [job] = await this.#db.boss.fetch<JobData>(queueOf(row), { includeMetadata: true });
      if (!job) continue;
      this.#turn += i + 1;
      const { number, version: theirs, digest } = job.data;
      const fetched = { row, number, id: job.id, retries: job.retryCount };
      if (theirs === version && digest === row.digest) return fetched;
      this.#say(`${row.name}: job ${number} is of Moonlet ${theirs} or of other data; refused`);
      await this.#giveBack(fetched);
    }
    return undefined;
  }

  /** The sweeps that run, looked up every two seconds, and each time while there is none, without those that this worker refuses. */
  async #sweeps(): Promise<readonly SweepRow[]> {
    const now = Date.now();
    if (!this.#rows || now - this.#rows.at > 2000) this.#rows = { at: now, rows: this.#accepted() };
    const rows = await this.#rows.rows;
    if (!rows.length) this.#rows = undefined;
    return rows;
  }

  async #accepted(): Promise<readonly SweepRow[]> {
    const rows = await this.#ledger.sweeps();
    const accepted: SweepRow[] = [];
    for (const row of rows) {
      if (row.state !== 'running' || (this.#o.sweep !== undefined && row.name !== this.#o.sweep)) continue;
      const refusal = await this.#refusal(row);
      if (refusal === undefined) accepted.push(row);
      else this.#say(`${row.name}: refused: ${refusal}`, true);
    }
    return accepted;
  }

  /** Why this worker cannot run a sweep: another version, other data. */
  async #refusal({ version: theirs, digest, space }: SweepRow): Promise<string | undefined> {
    if (theirs !== version) return `it is of Moonlet ${theirs}, and this is ${version}; install that version`;
    const data = String(space.recipe['data']);
    try {
      const own = this.#digests.get(data) ?? aboutData(data).then((about) => about.digest);
      this.#digests.set(data, own);
      const found = await own;
      if (found === digest) return undefined;
      return `its data ${data} has the digest ${digest.slice(0, 12)}, and that of this machine ${found.slice(0, 12)}; copy the data`;
    } catch (e) {
      this.#digests.delete(data);
      if (e instanceof MoonletError) return e.message;
      throw e;
    }
  }

  async #handle(fetched: Fetched): Promise<void> {
    const { row, number } = fetched;
    const known = await this.#ledger.job(row.name, number);
    if (!known || (await this.#ledger.result(row.name, number))) return this.#complete(fetched);
    if (known.killed) return this.#finish(fetched, { ok: false, body: { error: 'killed' } }, 0);
    if (known.deaths >= mostDeaths)
      return this.#finish(
        fetched,
        { ok: false, body: { error: `its process died ${known.deaths} times` } },
        0,
      );
    const { space } = row;
    const { trial, values, parent, costs, until } = known.job;
    const spec: TrialSpec = {
      ...{ base: space, trial, values, costs },
      ...(parent === undefined ? {} : { parent }),
      ...(until === undefined ? {} : { until }),
    };
    const began = performance.now();
    const child = (this.#o.start ?? startTrial)({ spec, store: this.#o.store ?? row.store });
    const watch = this.#watch(fetched, child);
    const ending = await child.ended;
    const verdict = await watch.end();
    await this.#conclude(fetched, ending, verdict, (performance.now() - began) / 1000);
  }

  /** Keeps the lease while the trial runs; stops it when it is killed, its sweep stopped, or the lease lost. */
  #watch(fetched: Fetched, child: TrialProcess): { end(): Promise<Verdict> } {
    const { lease = 60, signal } = this.#o;
    const { row, number, retries } = fetched;
    let verdict: Verdict;
    let isBusy: Promise<void> | undefined;
    const stop = (): void => child.stop();
    const renew = async (): Promise<void> => {
      const found = await this.#ledger.renew(row, number, retries).catch((e: unknown) => {
        this.#say(`${row.name}: ${messageOf(e)}`);
        return null; // the database is away: the next look may find it
      });
      if (found === null) return;
      if (!found || found.state === null) {
        verdict = 'lost';
        child.kill();
      } else if (found.killed) {
        verdict = 'killed';
        child.kill();
      } else if (found.state === 'stopped') stop();
    };
    const timer = setInterval(
      () => {
        isBusy ??= renew().finally(() => {
          isBusy = undefined;
        });
      },
      (1000 * lease) / 4,
    );
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    return {
      end: async () => {
        clearInterval(timer);
        signal?.removeEventListener('abort', stop);
        await isBusy;
        return verdict;
      },
    };
  }

  async #conclude(fetched: Fetched, ending: Ending, verdict: Verdict, seconds: number): Promise<void> {
    const { row, number } = fetched;
    if (ending.kind === 'outcome' && ending.outcome) return this.#finish(fetched, ending.outcome, seconds);
    if (verdict === 'killed') return this.#finish(fetched, { ok: false, body: { error: 'killed' } }, seconds);
    if (verdict === 'lost')
      return this.#say(`${row.name}: the lease of job ${number} ran out; left to others`);
    if (ending.kind === 'died') {
      this.#say(`${row.name}: job ${number}: ${ending.text}; it is tried again`);
      if (!this.#o.signal?.aborted) await this.#ledger.died(row.name, number);
    } else if (ending.kind === 'fault') {
      this.#say(`${row.name}: job ${number}: ${ending.text}; it is tried again`);
      await this.#ledger.died(row.name, number);
    }
    await this.#giveBack(fetched);
  }

  async #finish(
    fetched: Fetched,
    { ok, body, latencyMs }: Pick<Parameters<Ledger['record']>[1], 'ok' | 'body' | 'latencyMs'>,
    seconds: number,
  ): Promise<void> {
    const { row, number } = fetched;
    await this.#ledger.record(row.name, {
      ...{ number, ok, body, worker: this.#name, seconds },
      ...(latencyMs === undefined ? {} : { latencyMs }),
    });
    await this.#complete(fetched);
  }

  /** After the result is written: a worker that dies between the two leaves a job that the next one completes at once. */
  async #complete({ row, id }: Fetched): Promise<void> {
    await this.#db.boss.complete(queueOf(row), id).catch((e: unknown) => this.#say(messageOf(e)));
  }
  async #giveBack({ row, id }: Fetched): Promise<void> {
    await this.#db.boss.fail(queueOf(row), id).catch((e: unknown) => this.#say(messageOf(e)));
  }
}

/** Why a trial was ended from here. */
type Verdict = 'lost' | 'killed' | undefined;
