/**
 * @file `npm run test:sweep`: a sweep whose workers are killed, whose database is restarted and one of whose workers is stopped beyond its
 * lease gives every trial exactly one result, equal to the digit to that of an unbroken run in one process. On PostgreSQL, which is
 * installed where it is missing, on the embedded database, and with a store in S3 (moto, installed from PyPI where it is missing).
 * `--only postgres|embedded|s3` runs a part; `--trials`, `--kills` and `--workers` make it smaller; `--write` writes
 * the table to docs/sweeps.md.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { note, print } from '../src/cli/say.ts';
import { random } from '../src/random.ts';
import {
  coster,
  type Job,
  ledger,
  openEmbedded,
  openPostgres,
  parseSpace,
  planner,
  type Result,
  runTrial,
  type Space,
} from '../src/sweep/index.ts';
import { scoresOf } from '../src/sweep/scores.ts';
import { folderStore } from '../src/sweep/store.ts';
import { tinyData, tinySpace } from '../test/support/sweeping.ts';
import { marks, remarked, table } from './lib/markdown.ts';
import { startPostgres } from './lib/postgres.ts';
import { sweepOnS3 } from './lib/sweep-on-s3.ts';
import { childrenOf, compiled, type Running, start } from './lib/sweep-processes.ts';

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '100' },
    workers: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});
const [trials, kills, workerCount] = [Number(values.trials), Number(values.kills), Number(values.workers)];
const lease = 6;

/** What a job gave, as text, and its number: all that must not depend on faults. */
type Outcomes = ReadonlyMap<number, string>;
const outcomeText = (r: Pick<Result, 'ok' | 'body'>): string => JSON.stringify([r.ok, r.body]);

/** The sweep in one process, without a queue: each job as it is chosen. */
async function unbroken(space: Space, folder: string): Promise<Outcomes> {
  const plan = planner(space, coster({ name: 'tiny', shape: [8, 8, 1], classes: 4 }));
  const store = folderStore(folder);
  const outcomes = new Map<number, string>();
  const waiting: Job[] = [];
  for (;;) {
    const next = plan.next();
    if (next === 'end') return outcomes;
    if (next !== 'wait') {
      waiting.push(next);
      continue;
    }
    const job = waiting.shift();
    if (!job) throw new Error('the planner waits for nothing');
    const outcome = await runTrial({ base: space, ...job }, store);
    if (!outcome) throw new Error('a trial was stopped by nobody');
    outcomes.set(job.number, outcomeText(outcome));
    const result = { ...outcome, number: job.number, worker: '', seconds: 0, repeats: 0, differs: false };
    plan.tell(job.number, scoresOf(result, space.objective));
    if (outcomes.size % 100 === 0) note(`unbroken: ${outcomes.size} trials`);
  }
}

interface Fault {
  readonly fault: string;
  times: number;
  outcome: string;
}

/** Compares what is in the database with the unbroken run. @throws Error at the first difference. */
function compare(results: readonly Result[], wanted: Outcomes): void {
  if (results.length !== wanted.size) throw new Error(`${results.length} results of ${wanted.size} trials`);
  for (const r of results) {
    if (outcomeText(r) !== wanted.get(r.number))
      throw new Error(`trial ${r.number}: ${outcomeText(r)}, unbroken: ${wanted.get(r.number)}`);
    if (r.differs) throw new Error(`trial ${r.number}: a second result was another`);
  }
}

const check = (isRight: boolean, text: string): void => {
  if (!isRight) throw new Error(text);
  note(`ok: ${text}`);
};

async function onPostgres(main: string, folder: string, wanted: Outcomes): Promise<readonly Fault[]> {
  const server = await startPostgres(note);
  const file = join(folder, 'tiny.json');
  const [url, store] = [new URL(server.url), join(folder, 'store')];
  url.password = '';
  const env = { PGPASSWORD: server.password };
  const shared = ['--queue', url.href, '--lease', `${lease}`];
  const said: Running[] = [];
  const launch = (words: readonly string[]): Running => {
    const running = start(main, [...words, ...shared], env);
    said.push(running);
    return running;
  };
  const work = (): Running => launch(['worker', '--slots', '1']);
  const workers = Array.from({ length: workerCount }, work);
  let controller = launch(['sweep', file, '--store', store]);
  const faults = {
    killed: { fault: 'worker killed (SIGKILL)', times: 0, outcome: 'its trial went on elsewhere' },
    controller: { fault: 'controller killed (SIGKILL)', times: 0, outcome: 'the same command went on' },
    crash: { fault: 'PostgreSQL stopped at once and started', times: 0, outcome: 'all waited for it' },
    restart: { fault: 'PostgreSQL restarted in order', times: 0, outcome: 'all waited for it' },
    stopped: {
      fault: `worker stopped (SIGSTOP) for ${2 * lease} s, lease ${lease} s`,
      times: 0,
      outcome: '',
    },
  } satisfies Record<string, Fault>;
  process.env['PGPASSWORD'] = server.password;
  const db = await openPostgres(url.href, { say: note });
  const known = ledger(db);
  const source = random('faults', 1);
  const done = async (): Promise<number> => (await known.counts('tiny')).results;
  const finished = { value: false };
  const watch = (running: Running): void => {
    void running.ended.then(({ code }) => {
      if (code === 0) finished.value = true;
    });
  };
  watch(controller);
  /** The share of the sweep at which a fault comes. */
  const at = (share: number, count: number): boolean => count >= share * trials;
  for (let count = 0; !finished.value; count = await done()) {
    if (faults.killed.times < kills && at(((faults.killed.times + 0.5) * 0.95) / kills, count)) {
      const victim = source.below(workers.length);
      workers[victim]?.child.kill('SIGKILL');
      workers[victim] = work();
      faults.killed.times++;
    } else if (!faults.controller.times && at(0.3, count)) {
      controller.child.kill('SIGKILL');
      faults.controller.times++;
      controller = launch(['sweep', file, '--store', store]);
      watch(controller);
    } else if (!faults.crash.times && at(0.4, count)) {
      server.restart('immediate');
      faults.crash.times++;
    } else if (!faults.restart.times && at(0.7, count)) {
      server.restart('fast');
      faults.restart.times++;
    } else if (!faults.stopped.times && at(0.5, count)) {
      const busy = workers.find(({ child }) => childrenOf(child.pid ?? 0).length);
      if (busy) {
        busy.child.kill('SIGSTOP');
        faults.stopped.times++;
        void sleep(2000 * lease).then(() => busy.child.kill('SIGCONT'));
      }
    }
    await sleep(250 + 500 * source.uniform());
    if (controller.child.exitCode) throw new Error(`the controller failed: ${controller.said().slice(-500)}`);
  }
  const results = await known.resultsOf('tiny', [...wanted.keys()]);
  const total = await known.counts('tiny');
  compare(results, wanted);
  check(
    total.results === wanted.size && total.jobs === wanted.size,
    `PostgreSQL: ${wanted.size} trials, one result each`,
  );
  check(
    said.every((r) => !r.said().includes(server.password)),
    `the password is in none of ${said.length} logs`,
  );
  const repeats = results.reduce((n, r) => n + r.repeats, 0);
  faults.stopped.outcome = `its trial went to another; ${repeats} results came twice, equal to the digit`;
  for (const { child } of workers) child.kill('SIGTERM');
  await Promise.all(workers.map((w) => w.ended));
  await db.close();
  server.end();
  return Object.values(faults);
}

async function embedded(main: string, folder: string, wanted: Outcomes): Promise<readonly Fault[]> {
  const fault = {
    fault: 'embedded database: the whole sweep killed (SIGKILL)',
    times: 0,
    outcome: 'the same command went on',
  };
  const out = join(folder, 'embedded');
  const words = ['sweep', join(folder, 'tiny.json'), '--out', out, '--slots', '2', '--lease', '2'];
  const source = random('embedded', 1);
  const times = Math.max(1, Math.round(kills / 20));
  for (;;) {
    const running = start(main, words);
    let isOver = false;
    void running.ended.then(() => {
      isOver = true;
    });
    const most = fault.times < times ? 8000 + 8000 * source.uniform() : Number.POSITIVE_INFINITY;
    for (const began = Date.now(); !isOver && Date.now() - began < most; ) await sleep(200);
    if (isOver) {
      const { code } = await running.ended;
      if (code !== 0) throw new Error(`the embedded sweep failed: ${running.said().slice(-500)}`);
      break;
    }
    running.child.kill('SIGKILL');
    await running.ended;
    fault.times++;
  }
  const db = await openEmbedded(join(out, 'queue'));
  const results = await ledger(db).resultsOf('tiny', [...wanted.keys()]);
  await db.close();
  compare(results, wanted);
  check(results.length === wanted.size, `embedded: ${wanted.size} trials, one result each`);
  return [fault];
}

/** The store in S3: a row of its own, since its trial is another. */
async function onS3(main: string, folder: string): Promise<Fault> {
  const server = await startPostgres(note);
  const { requests, worker } = await sweepOnS3(main, folder, server, note);
  server.end();
  check(true, `S3: the trial of the worker "${worker[0]}" went on at "${worker[1]}", ${requests} requests`);
  return {
    ...{ fault: 'store in S3 (moto): worker killed (SIGKILL)', times: 1 },
    outcome: 'its trial went on elsewhere from the checkpoint in the bucket',
  };
}

const folder = mkdtempSync(join(tmpdir(), 'moonlet-sweep-'));
try {
  const began = Date.now();
  const main = await compiled('out/test-sweep');
  const isWanted = (part: string): boolean => values.only === '' || values.only === part;
  const s3 = isWanted('s3') ? [await onS3(main, folder)] : [];
  const value = {
    ...tinySpace(tinyData(join(folder, 'data')), { trials, parallel: 16 }),
    space: {
      'student.units': { whole: [4, 64] },
      'rate.kind': { choice: ['constant'] },
      'rate.peak': { log: [0.001, 0.1] },
    },
    sampler: { kind: 'evolution', population: 20, sample: 5, inherit: true },
    checkpointEvery: 2,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'tiny.json'), JSON.stringify(value));
  const space = parseSpace(value);
  const wanted: Outcomes = values.only === 's3' ? new Map() : await unbroken(space, join(folder, 'unbroken'));
  const rows = [
    ...(isWanted('postgres') ? await onPostgres(main, folder, wanted) : []),
    ...(isWanted('embedded') ? await embedded(main, folder, wanted) : []),
  ];
  const minutes = Math.round((Date.now() - began) / 60_000);
  const text = [
    `${trials} trials of a tiny net by regularized evolution with inherited weights, ${workerCount} workers, ${minutes} minutes in all:`,
    '',
    table(
      [
        ['fault', 'times', 'outcome', 'trials with exactly one result, that of the unbroken run'],
        ...rows.map((r) => [r.fault, `${r.times}`, r.outcome, `${wanted.size} of ${trials}`]),
        ...s3.map((r) => [r.fault, `${r.times}`, r.outcome, '1 of 1']),
      ],
      [0, 2],
    ),
  ].join('\n');
  print(text);
  if (values.write && values.only !== '') note('--only writes no table; run all parts');
  else if (values.write) {
    const page = 'docs/sweeps.md';
    writeFileSync(
      page,
      remarked(readFileSync(page, 'utf8'), marks('npm run test:sweep -- --write', 'faults'), text),
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
