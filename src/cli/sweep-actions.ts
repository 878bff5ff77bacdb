/** @file What can be done with a sweep that is there: report, watch, stop, kill, remove, list. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { match } from 'ts-pattern';
import { cut, MoonletError, suggestion, UsageError } from '../errors.ts';
import { writeAtomically } from '../files/index.ts';
import {
  bestRows,
  csvOf,
  type Database,
  ledger,
  openEmbedded,
  openPostgres,
  pageOf,
  placesOf,
  type Report,
  reportOf,
  type SweepRow,
} from '../sweep/index.ts';
import { wholeFlag } from './numbers.ts';
import { queueNumbers } from './queue-flags.ts';
import { note, percent, print, printJson, stopping } from './say.ts';
import type { SweepAction, SweepFlags } from './sweep.ts';
import { tableOf } from './tables.ts';

/** Opens the database of a sweep, and does what the action says. */
export async function act(action: SweepAction, words: readonly string[], flags: SweepFlags): Promise<void> {
  const [sweep, trial, ...more] = words;
  if (action !== 'list' && sweep === undefined)
    throw new UsageError(`sweep ${action} needs a sweep: its folder, or with --queue its name`);
  const takes = action === 'list' ? 0 : action === 'kill' ? 2 : 1;
  if (words.length > takes || more.length)
    throw new UsageError(`unexpected argument "${words[takes]}" after sweep ${action}`);
  const db = await databaseOf(sweep, flags);
  try {
    if (action === 'list') return await listSweeps(db, flags);
    const row = await rowOf(db, flags.queue === undefined ? undefined : sweep);
    await match(action)
      .with('report', () => report(db, row, flags))
      .with('watch', () => watch(db, row))
      .with('stop', () => stop(db, row))
      .with('kill', () => kill(db, row, trial))
      .with('remove', () => remove(db, row))
      .exhaustive();
  } finally {
    await db.close();
  }
}

async function databaseOf(sweep: string | undefined, flags: SweepFlags): Promise<Database> {
  const options = { patience: queueNumbers(flags).patience, say: note };
  if (flags.queue !== undefined) return openPostgres(flags.queue, options);
  if (sweep === undefined)
    throw new UsageError('sweep list needs --queue; without a queue each folder has one sweep');
  const folder = join(sweep, 'queue');
  if (!existsSync(folder))
    throw new UsageError(`${sweep}: no sweep is there; give its output folder, or --queue and its name`);
  return openEmbedded(folder, options);
}

async function rowOf(db: Database, name: string | undefined): Promise<SweepRow> {
  const rows = await ledger(db).sweeps();
  const found = name === undefined ? rows[0] : rows.find((r) => r.name === name);
  if (found) return found;
  const names = rows.map((r) => r.name);
  throw new MoonletError(
    `${db.name}: no sweep "${name ?? ''}".${suggestion(name ?? '', names)} There are: ${names.join(', ') || 'none'}`,
  );
}

async function report(db: Database, row: SweepRow, flags: SweepFlags): Promise<void> {
  const shown = await showReport(db, row, flags);
  if (typeof shown === 'string') print(shown);
  else printJson(shown);
}

/** Writes the files that flags ask for; the report itself with `--json`, else its text. */
export async function showReport(db: Database, row: SweepRow, flags: SweepFlags): Promise<Report | string> {
  const found = await reportOf(ledger(db), row);
  if (flags.csv !== undefined) writeAtomically(flags.csv, csvOf(found));
  if (flags.html !== undefined) writeAtomically(flags.html, pageOf(found));
  return flags.json ? found : reportText(found);
}

/** A value in a cell: objects as the beginning of their JSON. */
const valueText = (value: unknown): string =>
  value === undefined ? '' : typeof value === 'string' ? value : cut(JSON.stringify(value), 60);

/** The best trials as a table. */
function reportText(r: Report): string {
  const places = placesOf(r);
  const rows = bestRows(r).map((row) => [
    ...[`${row.trial}`, row.measures.accuracy === undefined ? '' : percent(row.measures.accuracy)],
    ...[`${row.measures.params ?? ''}`, `${row.measures.macs ?? ''}`, `${row.measures.bytes ?? ''}`],
    ...places.map((p) => valueText(row.values[p])),
  ]);
  const { trials, done, failed } = r.counts;
  const firstError = r.rows.find((row) => row.error !== undefined)?.error;
  const head = `${r.sweep}: ${r.state}; ${trials} trials, ${done} trained to the end, ${failed} failed${firstError === undefined ? '' : ` (${firstError})`}`;
  if (!rows.length) return head;
  const table = tableOf(
    [['trial', 'held-out', 'params', 'macs', 'bytes', ...places], ...rows],
    [0, 1, 2, 3, 4],
  );
  const which =
    r.objective.length > 1
      ? `the Pareto front of ${r.objective.join(', ')}`
      : `the best by ${r.objective[0]}`;
  return `${head}\n${which}:\n${table}\nthe net of trial N is ${join(r.store, 'trials', 'N')}`;
}

async function watch(db: Database, row: SweepRow): Promise<void> {
  const end = stopping(false);
  const known = ledger(db);
  let last = '';
  const began = Date.now();
  const first = (await known.counts(row.name)).results;
  for (;;) {
    const { trials, results, failed } = await known.counts(row.name);
    const now = await known.sweep(row.name);
    const perSecond = (results - first) / Math.max(1, (Date.now() - began) / 1000);
    const left = perSecond
      ? `, about ${Math.ceil((row.space.trials - results) / perSecond / 60)} min left`
      : '';
    const text = `${row.name}: ${now?.state ?? 'removed'}; ${results} results of ${row.space.trials} trials, ${trials} begun, ${failed} failed`;
    if (text !== last) note(`${text}${left}`);
    last = text;
    if (now?.state !== 'running' || end.signal.aborted) break;
    await sleep(2000, undefined, { signal: end.signal }).catch(() => {});
  }
  end.end();
}

async function stop(db: Database, row: SweepRow): Promise<void> {
  await ledger(db).change(row.name, { state: 'stopped' });
  note(`${row.name}: stopped; the command that began it goes on`);
}

async function kill(db: Database, row: SweepRow, trial: string | undefined): Promise<void> {
  if (trial === undefined) throw new UsageError('sweep kill needs the number of a trial');
  const number = wholeFlag('trial', trial);
  const count = await ledger(db).kill(row.name, number);
  if (!count) throw new MoonletError(`${row.name}: trial ${number} has not begun, or has ended`);
  note(`${row.name}: trial ${number} ends at its next sign of life`);
}

async function remove(db: Database, row: SweepRow): Promise<void> {
  await ledger(db).remove(row);
  note(`${row.name}: removed; its nets stay in ${row.store}`);
}

async function listSweeps(db: Database, flags: SweepFlags): Promise<void> {
  const known = ledger(db);
  const rows = await Promise.all(
    (await known.sweeps()).map(async ({ name, state, version, store }) => ({
      ...{ sweep: name, state, version, store },
      ...(await known.counts(name)),
    })),
  );
  if (flags.json) return printJson(rows);
  const cells = rows.map((r) => [r.sweep, r.state, r.version, `${r.results}`, `${r.trials}`, r.store]);
  print(tableOf([['sweep', 'state', 'version', 'results', 'trials', 'store'], ...cells], [3, 4]));
}
