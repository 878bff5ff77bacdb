/** @file A sweep as one table: a row for each trial, as CSV, JSON, and text; and the page of page.ts. */
import { isMeasured, type Ledger, type Result, type SweepRow } from './ledger.ts';
import { paretoFront } from './pareto.ts';
import type { Job } from './planner.ts';
import { scoresOf } from './scores.ts';
import { type MeasureName, measureNames, type Space, type Values } from './space.ts';

/** A trial as far as it has come. */
export interface ReportRow {
  readonly trial: number;
  readonly state: 'done' | 'failed' | 'stopped early' | 'waiting';
  /** Steps that are trained. */
  readonly steps: number;
  readonly measures: Readonly<Partial<Record<MeasureName, number>>>;
  readonly values: Values;
  readonly parent?: number;
  readonly inherited?: string;
  /** Whether no other trial is better in all objectives. */
  readonly onFront: boolean;
  /** Of all its parts. */
  readonly seconds: number;
  readonly worker?: string;
  readonly error?: string;
}
export interface Report {
  readonly sweep: string;
  readonly state: SweepRow['state'];
  readonly version: string;
  readonly store: string;
  readonly objective: readonly MeasureName[];
  readonly counts: { readonly trials: number; readonly done: number; readonly failed: number };
  /** Trials that were computed again, and whether one of them gave something else. */
  readonly repeats: number;
  readonly differs: boolean;
  readonly rows: readonly ReportRow[];
}

interface Part {
  readonly job: Job;
  readonly result?: Result;
}

/** The report of a sweep. @param row the sweep, as `ledger(db).sweep(name)` gives it. */
export async function reportOf(known: Ledger, row: SweepRow): Promise<Report> {
  const parts = new Map<number, Part[]>();
  let page: Job[] = [];
  let [repeats, differs] = [0, false];
  const add = async (): Promise<void> => {
    const results = new Map(
      (
        await known.resultsOf(
          row.name,
          page.map((j) => j.number),
        )
      ).map((r) => [r.number, r]),
    );
    for (const job of page.splice(0)) {
      const result = results.get(job.number);
      repeats += result?.repeats ?? 0;
      differs ||= result?.differs ?? false;
      const list = parts.get(job.trial) ?? [];
      list.push({ job, ...(result ? { result } : {}) });
      parts.set(job.trial, list);
    }
  };
  for await (const job of known.jobs(row.name)) if (page.push(job) === 500) await add();
  await add();
  page = [];
  const rows = [...parts].sort(([a], [b]) => a - b).map(([trial, list]) => rowOf(trial, list, row.space));
  const scored = rows.flatMap((r, i) => (r.scores ? [{ i, scores: r.scores }] : []));
  const front = new Set(paretoFront(scored.map((s) => s.scores)).map((k) => scored[k]!.i));
  return {
    ...{ sweep: row.name, state: row.state, version: row.version, store: row.store },
    objective: row.space.objective,
    counts: {
      trials: rows.length,
      done: rows.filter((r) => r.state === 'done').length,
      failed: rows.filter((r) => r.state === 'failed').length,
    },
    ...{ repeats, differs },
    rows: rows.map(({ scores: _, ...rest }, i) => ({ ...rest, onFront: front.has(i) })),
  };
}

type Scored = Omit<ReportRow, 'onFront'> & { readonly scores?: readonly number[] };

/** A trial by its last part that has a result; only whole runs are compared. */
function rowOf(trial: number, list: readonly Part[], { objective, stopEarly }: Space): Scored {
  const last = list.findLast((p) => p.result) ?? list.at(-1);
  const { job, result } = last ?? {};
  const values = job?.values ?? {};
  const { parent } = job ?? {};
  const seconds = list.reduce((sum, p) => sum + (p.result?.seconds ?? 0), 0);
  const about = { trial, values, seconds, ...(parent === undefined ? {} : { parent }) };
  if (!result || !job) return { ...about, state: 'waiting', steps: 0, measures: {} };
  const measures = measuresOf(result);
  const worker = result.worker;
  if (!isMeasured(result) || !result.ok) {
    const error = 'error' in result.body ? result.body.error : 'over a limit';
    return { ...about, worker, state: 'failed', steps: 0, measures, error };
  }
  const isWhole = job.until === undefined || !stopEarly;
  const scores = isWhole ? scoresOf(result, objective) : undefined;
  const { steps, inherited } = result.body;
  return {
    ...{ ...about, worker, steps, measures },
    state: isWhole ? 'done' : 'stopped early',
    ...(inherited === undefined ? {} : { inherited }),
    ...(scores ? { scores } : {}),
  };
}

function measuresOf(r: Result): ReportRow['measures'] {
  const latencyMs = r.latencyMs ?? undefined;
  const of = isMeasured(r) ? r.body : undefined;
  return Object.fromEntries(
    measureNames.flatMap((name) => {
      const value = name === 'latencyMs' ? latencyMs : of?.[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The places that vary, in the order in which they first appear. */
export const placesOf = ({ rows }: Report): readonly string[] => [
  ...new Set(rows.flatMap(({ values }) => Object.keys(values))),
];
const plain = (value: unknown): string =>
  value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** The table as CSV (RFC 4180): a line for each trial, a column for each measure and each place that varies. */
export function csvOf(report: Report): string {
  const places = placesOf(report);
  const head = ['trial', 'state', 'steps', ...measureNames, 'onFront', 'parent', 'inherited', 'seconds'];
  const lines = report.rows.map((r) => [
    ...[r.trial, r.state, r.steps, ...measureNames.map((m) => r.measures[m])],
    ...[r.onFront, r.parent, r.inherited, Number(r.seconds.toFixed(3)), r.worker, r.error],
    ...places.map((p) => r.values[p]),
  ]);
  const all = [[...head, 'worker', 'error', ...places], ...lines];
  return `${all.map((line) => line.map((v) => quoted(plain(v))).join(',')).join('\r\n')}\r\n`;
}

/** The best trials as rows of text: the front, or the ten first by the first objective where there is one objective. */
export function bestRows(report: Report, most = 10): readonly ReportRow[] {
  const [first = 'accuracy'] = report.objective;
  const sign = first === 'accuracy' ? -1 : 1;
  const done = report.rows.filter((r) => r.state === 'done' && r.measures[first] !== undefined);
  const chosen = report.objective.length > 1 ? done.filter((r) => r.onFront) : done;
  return [...chosen]
    .sort((a, b) => sign * ((a.measures[first] ?? 0) - (b.measures[first] ?? 0)) || a.trial - b.trial)
    .slice(0, most);
}
