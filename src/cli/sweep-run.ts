/** @file Runs a sweep: the controller, and workers beside it. */
import { basename, join } from 'node:path';
import { checkDataset } from '../data/index.ts';
import { UsageError } from '../errors.ts';
import { readJson } from '../run/json-file.ts';
import {
  checkSpace,
  conduct,
  type Database,
  ledger,
  openEmbedded,
  openPostgres,
  parseSpace,
  type Space,
  type SweepProgress,
  work,
} from '../sweep/index.ts';
import { numberFlag, wholeFlag } from './numbers.ts';
import { queueNumbers, usualSlots } from './queue-flags.ts';
import { note, percent, print, printJson, rounded, stopping } from './say.ts';
import { type SweepFlags, samplerNames } from './sweep.ts';
import { showReport } from './sweep-actions.ts';

/** The space of a file, with what flags say put over it. @throws UsageError with line and column. */
function spaceOf(file: string, flags: SweepFlags): Space {
  const { value, locate } = readJson(file);
  const name = basename(file, '.json').replace(/[^A-Za-z0-9_-]/g, '-');
  const { sampler } = flags;
  if (sampler !== undefined && !samplerNames.some((n) => n === sampler))
    throw new UsageError(`--sampler must be one of ${samplerNames.join(', ')}, got "${sampler}"`);
  const given = sampler === undefined || typeof value !== 'object' ? value : { ...value, sampler };
  const read = parseSpace(given, file, locate, name);
  checkSpace(read, file, locate);
  checkDataset(String(read.recipe['data']));
  const trials =
    flags.trials === undefined ? {} : { trials: wholeFlag('trials', flags.trials, { min: 1, max: 1e7 }) };
  const hours =
    flags.hours === undefined
      ? {}
      : { hours: numberFlag('hours', flags.hours, { min: 0, above: true, max: 1e5 }) };
  const seed = flags.seed === undefined ? {} : { seed: wholeFlag('seed', flags.seed) };
  return { ...read, ...trials, ...hours, ...seed };
}

/** Runs the sweep of a file to its end, or goes on with it. */
export async function runSweep(file: string, flags: SweepFlags): Promise<void> {
  const space = spaceOf(file, flags);
  const { slots, lease, patience } = queueNumbers(flags);
  const out = flags.out ?? join('out', space.name);
  const options = { patience, say: note, superviseSeconds: Math.max(1, lease / 4) };
  if (flags.queue !== undefined && flags.store === undefined)
    throw new UsageError('--queue needs --store, a folder that all workers see or s3://bucket/prefix');
  const db =
    flags.queue === undefined
      ? await openEmbedded(join(out, 'queue'), options)
      : await openPostgres(flags.queue, options);
  const stop = stopping(false);
  const here = slots ?? (flags.queue === undefined ? usualSlots(space.threads) : 0);
  if (here === 0 && flags.queue === undefined)
    throw new UsageError('--slots 0 needs --queue, since nobody else can work for an embedded database');
  note(
    `${space.name}: ${space.trials} trials, ${here ? `${here} at once here` : 'run by workers of the queue'}; results in ${db.name}`,
  );
  try {
    await conducted(db, space, { out, flags, here, lease, signal: stop.signal });
  } finally {
    stop.end();
    await db.close();
  }
}

interface How {
  readonly out: string;
  readonly flags: SweepFlags;
  readonly here: number;
  readonly lease: number;
  readonly signal: AbortSignal;
}
async function conducted(
  db: Database,
  space: Space,
  { out, flags, here, lease, signal }: How,
): Promise<void> {
  const rest = new AbortController();
  const store = flags.store ?? join(out, 'store');
  const worker = work(db, {
    ...{ slots: here, sweep: space.name, lease, say: note, pollMs: 200 },
    signal: AbortSignal.any([signal, rest.signal]),
  });
  const conducting = conduct(db, space, {
    ...{
      store,
      lease,
      say: note,
      signal,
      onProgress: progressLine(space.name, flags.watch ?? process.stderr.isTTY),
    },
  });
  // a worker ends before the controller only by an error, or by the signal
  conducting.catch(() => {});
  const { end } = await Promise.race([conducting, worker.then(() => conducting)]).finally(() => rest.abort());
  await worker;
  const row = await ledger(db).sweep(space.name);
  if (!row) return;
  if (end !== 'done') {
    note(`${space.name}: ${end}; the same command goes on`);
    process.exitCode = 130;
    return;
  }
  if (flags.json) printJson(await showReport(db, row, flags));
  else print(String(await showReport(db, row, flags)));
}

const duration = (seconds: number): string =>
  seconds < 90
    ? `${Math.round(seconds)} s`
    : seconds < 5400
      ? `${Math.round(seconds / 60)} min`
      : `${(seconds / 3600).toFixed(1)} h`;

/** One line of progress: done, failed, the best so far, and the time that is left. */
export function progressText(p: SweepProgress): string {
  const perSecond = p.results / Math.max(1, p.seconds);
  const all = (p.of - p.results) / perSecond;
  const seconds = p.most === undefined ? all : Math.min(all, Math.max(0, p.most - p.seconds));
  const left = p.results && p.of > p.results ? `, ${duration(seconds)} left` : '';
  const best = p.best
    ? `; best: trial ${p.best.trial}, ${percent(p.best.accuracy)}, ${rounded(p.best.params)} parameters`
    : '';
  const failed = p.failed ? `, ${p.failed} failed` : '';
  const refused = p.refused ? `, ${p.refused} of ${p.drafts} candidates over a limit` : '';
  return `${p.results} results of ${p.of} trials${failed}${left}${refused}${best}`;
}

/** Prints a line where something changed, at most each second or each ten. */
export function progressLine(name: string, often: boolean): (p: SweepProgress) => void {
  let [last, at] = ['', 0];
  return (p) => {
    const text = `${p.results} ${p.trials}`;
    if (text === last || performance.now() - at < (often ? 1000 : 10_000)) return;
    [last, at] = [text, performance.now()];
    note(`${name}: ${progressText(p)}`);
  };
}
