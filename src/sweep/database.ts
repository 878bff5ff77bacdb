/**
 * @file The database behind a sweep: PostgreSQL by a URL, or PGlite, PostgreSQL compiled to WebAssembly, in a folder. Both through
 * pg-boss 10.4, the last line of pg-boss that runs on Node 20; version 12 needs Node 22.12. Both packages are optional.
 */
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type PgBoss from 'pg-boss';
import { codeOf, MoonletError, messageOf, oneLine, UsageError } from '../errors.ts';
import { lock } from '../files/lock.ts';

/** What sweeps use of pg-boss. Its own types would be needed by everybody who compiles against ours. */
export interface Boss {
  getQueue(name: string): Promise<unknown>;
  createQueue(name: string, options: QueueOptions & { readonly name: string }): Promise<void>;
  deleteQueue(name: string): Promise<void>;
  /** Null where a job of this id was sent before. */
  send(name: string, data: object, options: QueueOptions & { readonly id: string }): Promise<string | null>;
  fetch<T>(name: string, options: { includeMetadata: true }): Promise<QueuedJob<T>[]>;
  complete(name: string, id: string): Promise<unknown>;
  fail(name: string, id: string): Promise<unknown>;
  deleteJob(name: string, ids: string[]): Promise<unknown>;
  /** Gives jobs back whose leases have run out. */
  expire(): Promise<void>;
}
export interface QueueOptions {
  readonly retryLimit?: number;
  readonly expireInSeconds?: number;
  readonly retentionDays?: number;
}
export interface QueuedJob<T> {
  readonly id: string;
  readonly data: T;
  /** How often it was given to a worker before. */
  readonly retryCount: number;
}

export interface Database {
  /** Rows of one statement; it waits while the database is away. */
  query<Row>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  readonly boss: Boss;
  /** How messages call it: without a password. */
  readonly name: string;
  close(): Promise<void>;
}
export interface DatabaseOptions {
  /** Seconds to wait for a database that does not answer; 300 by default. */
  readonly patience?: number;
  /** Seconds between two looks at leases that have run out; by default 10, at least 1. */
  readonly superviseSeconds?: number;
  readonly say?: (text: string) => void;
}

/** A URL without its password, for messages. */
export function withoutPassword(url: string): string {
  try {
    const { protocol, username, host, pathname } = new URL(url);
    return `${protocol}//${username ? `${username}@` : ''}${host}${pathname}`;
  } catch {
    return 'the database';
  }
}

/** A message of another program without the password of the URL, should it quote it. */
export function redacted(text: string, url: string): string {
  const found: string[] = [];
  try {
    const { password, searchParams } = new URL(url);
    found.push(password, decodeURIComponent(password), searchParams.get('password') ?? '');
  } catch {
    found.push(url);
  }
  found.push(process.env['PGPASSWORD'] ?? '');
  return found.reduce((t, secret) => (secret ? t.replaceAll(secret, '***') : t), oneLine(text));
}

const schema = 'moonlet_queue';
const settings = ({ superviseSeconds = 10 }: DatabaseOptions) => ({
  ...{ schema, maintenanceIntervalSeconds: Math.max(1, superviseSeconds), schedule: false },
  ...{ archiveCompletedAfterSeconds: 86_400, deleteAfterDays: 7 },
});

/** @throws MoonletError with the line that installs it when a package is missing. */
async function packaged<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (e) {
    if (codeOf(e) !== 'ERR_MODULE_NOT_FOUND' && codeOf(e) !== 'MODULE_NOT_FOUND') throw e;
    throw new MoonletError(
      `sweeps need the package ${name}, which is not installed; run npm install ${name === 'pg-boss' ? 'pg-boss@10.4' : name}`,
    );
  }
}

/**
 * Opens PostgreSQL. TLS and the password are those of the URL (`?sslmode=require`) or of the environment (PGPASSWORD, PGSSLMODE).
 * @throws UsageError for another kind of URL; MoonletError when it cannot be reached.
 */
export async function openPostgres(url: string, o: DatabaseOptions = {}): Promise<Database> {
  if (!/^postgres(ql)?:\/\//.test(url))
    throw new UsageError(
      `--queue must be a URL such as postgres://user@host:5432/database, got "${withoutPassword(url)}"`,
    );
  const { default: Boss } = await packaged('pg-boss', () => import('pg-boss'));
  const name = withoutPassword(url);
  const boss = new Boss({ connectionString: url, max: 3, application_name: 'moonlet', ...settings(o) });
  return opened(boss, name, boss.getDb(), { ...o, redact: (text) => redacted(text, url) });
}

/**
 * Opens an embedded database in a folder, for this process alone.
 * @throws MoonletError when another process has it open.
 */
export async function openEmbedded(folder: string, o: DatabaseOptions = {}): Promise<Database> {
  const { default: Boss } = await packaged('pg-boss', () => import('pg-boss'));
  const { PGlite } = await packaged('@electric-sql/pglite', () => import('@electric-sql/pglite'));
  mkdirSync(folder, { recursive: true });
  const held = await lock(folder, true);
  try {
    const engine = await PGlite.create(`${folder}/database`);
    const db = {
      executeSql: async (text: string, values?: unknown[]): Promise<{ rows: unknown[] }> => {
        if (values) return engine.query(text, values);
        return (await engine.exec(text)).at(-1) ?? { rows: [] };
      },
    };
    const boss = new Boss({ db, ...settings(o) });
    const database = await opened(boss, folder, db, { ...o, redact: oneLine });
    return {
      ...database,
      close: async () => {
        await database.close();
        await engine.close();
        held.release();
      },
    };
  } catch (e) {
    held.release();
    throw e;
  }
}

interface Executor {
  executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}
async function opened(
  boss: PgBoss,
  name: string,
  db: Executor,
  o: DatabaseOptions & { readonly redact: (text: string) => string },
): Promise<Database> {
  const calls = new Calls(name, o);
  // errors of timers and of idle connections: the next query says what matters
  boss.on('error', () => {});
  try {
    await calls.patiently(() => boss.start());
    await calls.patiently(() => db.executeSql(tables));
  } catch (e) {
    await boss.stop({ graceful: false }).catch(() => {});
    throw e;
  }
  return {
    boss,
    name,
    query: async <Row>(text: string, values: readonly unknown[] = []) => {
      const { rows } = await calls.patiently(() => db.executeSql(text, [...values]));
      return rows as Row[]; // the statement decides its columns
    },
    close: () => boss.stop({ graceful: false }),
  };
}

/** Errors of connections and of a server that starts or ends: the statement was not run, or is safe to run again. */
const passing =
  /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|57P0[123]|08\d{3}|53300|Connection terminated|timeout|not queryable/;

/** Calls that are repeated while the database is away. */
class Calls {
  readonly #name: string;
  readonly #o: DatabaseOptions & { readonly redact: (text: string) => string };
  #isAway = false;
  constructor(name: string, o: DatabaseOptions & { readonly redact: (text: string) => string }) {
    this.#name = name;
    this.#o = o;
  }

  async patiently<T>(call: () => Promise<T>): Promise<T> {
    const { patience = 300, say = () => {}, redact } = this.#o;
    const until = Date.now() + 1000 * patience;
    for (let turn = 0; ; turn++) {
      try {
        const result = await call();
        if (result === undefined) throw new Error('Connection terminated');
        if (this.#isAway) say(`${this.#name}: it answers again`);
        this.#isAway = false;
        return result;
      } catch (e) {
        const text = `${codeOf(e) ?? ''} ${messageOf(e)}`;
        const reason = redact(messageOf(e) || codeOf(e) || 'no reason given');
        if (!passing.test(text) || Date.now() > until)
          throw new MoonletError(
            `${this.#name}: ${reason}; check the URL of the queue and that its server runs`,
          );
        if (!this.#isAway) say(`${this.#name}: ${reason}; waiting for it`);
        this.#isAway = true;
        await sleep(Math.min(5000, 100 * 2 ** turn) * (0.5 + Math.random() / 2));
      }
    }
  }
}

/** Our own tables. JSON is kept as text (json, not jsonb), since the order of dimensions matters. What a trial gave is written once: the primary key of `result` sees to it. */
const tables = `
  CREATE SCHEMA IF NOT EXISTS moonlet;
  CREATE TABLE IF NOT EXISTS moonlet.sweep (
    name text PRIMARY KEY,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    space json NOT NULL,
    version text NOT NULL,
    data_digest text NOT NULL,
    store text NOT NULL,
    state text NOT NULL DEFAULT 'running',
    created timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE IF NOT EXISTS moonlet.job (
    sweep text NOT NULL REFERENCES moonlet.sweep ON DELETE CASCADE,
    number int NOT NULL,
    trial int NOT NULL,
    rung int NOT NULL,
    body json NOT NULL,
    deaths int NOT NULL DEFAULT 0,
    killed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (sweep, number),
    UNIQUE (sweep, trial, rung)
  );
  CREATE TABLE IF NOT EXISTS moonlet.result (
    sweep text NOT NULL,
    number int NOT NULL,
    ok boolean NOT NULL,
    body json NOT NULL,
    latency_ms double precision,
    worker text NOT NULL,
    seconds double precision NOT NULL,
    finished timestamptz NOT NULL DEFAULT now(),
    repeats int NOT NULL DEFAULT 0,
    differs boolean NOT NULL DEFAULT false,
    PRIMARY KEY (sweep, number),
    FOREIGN KEY (sweep, number) REFERENCES moonlet.job ON DELETE CASCADE
  );
`;
