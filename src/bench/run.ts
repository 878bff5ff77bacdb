/** @file Runs the cases on all engines, interleaved: every engine takes its steps in turn, round after round. */
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Case, caseOf } from './cases.ts';
import { start, type Worker } from './children.ts';
import { removeJob, writeJob } from './job.ts';
import { median, quantile, rounded } from './numbers.ts';
import type { CaseName, Engine, Machine, Measured, Ratio, Row } from './types.ts';

export interface Plan {
  readonly cases: readonly CaseName[];
  readonly engines: readonly Engine[];
  readonly quick: boolean;
  readonly say?: (text: string) => void;
}
/** How long an engine may take: to its first warm step, in a round, and over all rounds. */
const limits = {
  quick: { readyMs: 120_000, rounds: 3, roundMs: 100, totalMs: 10_000 },
  full: { readyMs: 600_000, rounds: 12, roundMs: 500, totalMs: 90_000 },
} as const;

/** Whose step cannot be had on an engine at all. */
const inferenceOnly = 'it is an export for inference';

export async function runCases(plan: Plan): Promise<{
  rows: readonly Row[];
  versions: Readonly<Record<string, string>>;
}> {
  const rows: Row[] = [];
  const versions: Record<string, string> = {};
  for (const name of plan.cases) {
    const { rows: found, versions: seen } = await runCase(caseOf(name), plan);
    rows.push(...found);
    Object.assign(versions, seen);
  }
  return { rows, versions };
}

/** One case on all engines. Its children live together, and only one of them works at a time. */
export async function runCase(one: Case, { engines, quick, say = () => {} }: Plan) {
  const limit = limits[quick ? 'quick' : 'full'];
  const folder = writeJob(one, quick);
  // a run that is stopped takes its children and its files along, by what listens to the exit
  const stop = (): void => process.exit(130);
  const clean = (): void => removeJob(folder);
  process.once('SIGINT', stop).once('SIGTERM', stop).once('exit', clean);
  const rows: Row[] = [];
  const workers: Worker[] = [];
  const versions: Record<string, string> = {};
  const miss = (engine: Engine, missing: string): void => {
    say(`${one.name} ${engine}: missing: ${missing}`);
    rows.push({ case: one.name, engine, missing });
  };
  try {
    for (const engine of engines) {
      if (engine === 'onnxruntime-python-export' && one.kind !== 'infer') {
        miss(engine, inferenceOnly);
        continue;
      }
      say(`${one.name} ${engine}: warming up`);
      const worker = await start(engine, folder, limit.readyMs);
      if ('missing' in worker) miss(engine, worker.missing);
      else {
        workers.push(worker);
        Object.assign(versions, worker.ready.versions);
      }
    }
    const times = await interleave(workers, limit);
    for (const worker of workers) {
      const { engine, ready } = worker;
      const mine = times.get(worker) ?? [];
      const peak = await worker.end();
      if (!mine.length) {
        miss(engine, 'its steps did not end in time');
        continue;
      }
      const note = [disagreement(worker, workers), ready.note].filter(Boolean).join('; ');
      const row: Measured = {
        case: one.name,
        engine,
        medianMs: rounded(median(mine)),
        spread: [rounded(quantile(mine, 0.25)), rounded(quantile(mine, 0.75))],
        peakMiB: Math.round(peak),
        steps: mine.length,
        readyMs: Math.round(ready.readyMs),
        ...(note ? { note } : {}),
      };
      say(`${one.name} ${engine}: ${row.medianMs} ms, ${row.peakMiB} MiB`);
      rows.push(row);
    }
  } finally {
    clean();
    process.off('SIGINT', stop).off('SIGTERM', stop).off('exit', clean);
  }
  const order = (row: Row): number => engines.indexOf(row.engine);
  return { rows: rows.sort((a, b) => order(a) - order(b)), versions };
}

/** Round robin. An engine whose steps are long sits out once its time is used up. */
async function interleave(
  workers: readonly Worker[],
  { rounds, roundMs, totalMs }: (typeof limits)['quick' | 'full'],
): Promise<ReadonlyMap<Worker, number[]>> {
  const times = new Map<Worker, number[]>(workers.map((w) => [w, []]));
  const used = new Map<Worker, number>();
  const lost = new Set<Worker>();
  for (let round = 0; round < rounds; round++) {
    for (const worker of workers) {
      const spent = used.get(worker) ?? 0;
      // minutes are not spent twice: such a step is measured by its warm-up
      if (worker.ready.stepMs > 20_000) {
        if (round === 0) times.get(worker)?.push(worker.ready.stepMs);
        continue;
      }
      if (lost.has(worker) || (round > 0 && spent + worker.ready.stepMs > totalMs)) continue;
      const count = Math.max(1, Math.min(50, Math.round(roundMs / worker.ready.stepMs)));
      await sleep(20); // threads of the one before may still spin
      const got = await worker.steps(count, 4 * totalMs + 10 * worker.ready.stepMs);
      if (!got) lost.add(worker);
      for (const ms of got ?? []) {
        times.get(worker)?.push(ms);
        used.set(worker, (used.get(worker) ?? 0) + ms);
      }
    }
  }
  return times;
}

/** That an engine ran another net than the first one, told by its parameters and by its first losses. */
function disagreement(worker: Worker, [first]: readonly Worker[]): string {
  const [mine, theirs] = [worker.ready, first?.ready];
  if (!theirs || worker === first) return '';
  const said: string[] = [];
  if (mine.params !== undefined && mine.params !== theirs.params)
    said.push(`it has ${mine.params} parameters, ${first?.engine} has ${theirs.params}`);
  (mine.losses ?? []).forEach((loss, i) => {
    const expected = theirs.losses?.[i];
    if (expected === undefined || Math.abs(loss - expected) <= 0.01 * Math.abs(expected)) return;
    said.push(`loss ${i + 1} is ${rounded(loss)}, that of ${first?.engine} is ${rounded(expected)}`);
  });
  return said.join('; ');
}

const isMeasured = (row: Row): row is Measured => 'medianMs' in row;

/** Our median over each other's in every case. */
export function ratiosOf(rows: readonly Row[]): readonly Ratio[] {
  const measured = rows.filter(isMeasured);
  return measured
    .filter((row) => row.engine === 'moonlet')
    .flatMap((ours) => {
      const others = measured.filter((row) => row.case === ours.case && row !== ours);
      const ratio = (engine: Ratio['engine'], ms: number): Ratio => ({
        case: ours.case,
        engine,
        ratio: rounded(ours.medianMs / ms, 3),
      });
      const peers = others.filter((row) => row.engine.startsWith('python-')).map((row) => row.medianMs);
      return [
        ...others.map((row) => ratio(row.engine, row.medianMs)),
        ...(peers.length ? [ratio('python-best', Math.min(...peers))] : []),
      ];
    });
}

export const machine = (versions: Readonly<Record<string, string>> = {}): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${type()} ${release()}`,
  date: new Date().toISOString(),
  load: rounded(loadavg()[0] ?? 0, 2),
  versions: { node: process.versions.node, ...versions },
});
