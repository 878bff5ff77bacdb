/**
 * @file A sweep on the embedded database: interrupted and resumed, with a trial killed, a worker that lost its lease, and workers of
 * another version and with other data. One database for all, since making one takes two seconds.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import {
  conduct,
  csvOf,
  type Database,
  ledger,
  openEmbedded,
  pageOf,
  parseSpace,
  reportOf,
  runTrial,
  type SpaceInput,
  work,
} from '../../src/sweep/index.ts';
import { jobId, queueOf } from '../../src/sweep/ledger.ts';
import { startTrial } from '../../src/sweep/processes.ts';
import { folderStore } from '../../src/sweep/store.ts';
import { scratch } from '../support/cli.ts';
import { tinyData, tinySpace } from '../support/sweeping.ts';

const folder = scratch();
let db: Database;
let data: string;

/** A trial in this process, for speed. */
const inProcess: typeof startTrial = ({ spec, store }) => {
  const stop = new AbortController();
  const ended = runTrial(spec, folderStore(store), { signal: stop.signal }).then((outcome) => ({
    kind: 'outcome' as const,
    outcome,
  }));
  return { pid: undefined, ended, stop: () => stop.abort(), kill: () => stop.abort() };
};

/** A trial that is not trained, where only the queue matters. */
const untrained: typeof startTrial = ({ spec: { costs } }) => {
  const body = { ...costs, accuracy: 0.5, loss: 1, steps: 6 };
  const ended = Promise.resolve({ kind: 'outcome', outcome: { ok: true, body } } as const);
  return { pid: undefined, ended, stop: () => {}, kill: () => {} };
};

/** Conducts a sweep with workers beside it. */
async function run(
  input: SpaceInput,
  o: { readonly start?: typeof startTrial; readonly results?: number; readonly lease?: number } = {},
) {
  const [stop, rest] = [new AbortController(), new AbortController()];
  const space = parseSpace(input);
  const worker = work(db, {
    ...{ slots: 2, sweep: space.name, pollMs: 10, signal: rest.signal, start: o.start ?? inProcess },
    ...(o.lease === undefined ? {} : { lease: o.lease }),
  });
  const { end, row } = await conduct(db, space, {
    ...{ store: folder('store', space.name), pollMs: 10, signal: stop.signal, lease: o.lease ?? 60 },
    onProgress: ({ results }) => {
      if (results >= (o.results ?? Number.POSITIVE_INFINITY)) stop.abort();
    },
  }).finally(() => rest.abort());
  await worker;
  const results = await ledger(db).resultsOf(space.name, [...Array(40).keys()]);
  return { end, row, results, bodies: results.map((r) => JSON.stringify([r.number, r.ok, r.body])) };
}

describe('a sweep on the embedded database', () => {
  before(async function () {
    this.timeout(120_000); // PGlite initializes a database: two seconds of an idle core
    data = tinyData(folder('data'));
    db = await openEmbedded(folder('queue'));
  });
  after(() => db.close());

  const learning: Partial<SpaceInput> = {
    trials: 4,
    sampler: { kind: 'evolution', population: 2, sample: 2, inherit: true },
    space: {
      'student.units': { whole: [4, 32] },
      'rate.kind': { choice: ['constant'] },
      'rate.peak': { log: [0.001, 0.1] },
    },
  };

  let whole: Awaited<ReturnType<typeof run>>;

  it('gives each trial one result, and its nets are in the store', async () => {
    whole = await run(tinySpace(data, { ...learning, name: 'whole' }));
    expect(whole.end).to.equal('done');
    expect(whole.results.map((r) => r.number)).to.deep.equal([0, 1, 2, 3]);
    expect(whole.bodies.filter((b) => b.includes('"inherited":"parent"'))).not.to.be.empty;
    expect(existsSync(folder('store', 'whole', 'trials', '0', 'graph.json'))).to.equal(true);
  }).timeout(60_000);

  it('gives the same after an interruption', async () => {
    const input = tinySpace(data, { ...learning, name: 'cut' });
    expect((await run(input, { results: 2 })).end).to.equal('interrupted');
    const rest = await run(input);
    expect(rest.end).to.equal('done');
    expect(rest.bodies).to.deep.equal(whole.bodies);
  }).timeout(60_000);

  it('adds trials to those that are there', async () => {
    const more = await run(tinySpace(data, { ...learning, name: 'whole', trials: 5 }));
    expect(more.bodies.slice(0, 4)).to.deep.equal(whole.bodies);
    expect(more.results.length).to.equal(5);
  }).timeout(60_000);

  it('runs a trial in a process of its own to the same numbers', async () => {
    const input = tinySpace(data, { trials: 1, parallel: 1, name: 'process' });
    const { bodies } = await run(input, { start: startTrial });
    expect(bodies).to.deep.equal((await run({ ...input, name: 'here' })).bodies);
    expect(bodies[0]).to.contain('"accuracy"');
  }).timeout(60_000);

  it('keeps one result where two come, and says whether they differ', async () => {
    const { row, results } = await run(tinySpace(data, { trials: 2, name: 'twice' }), { start: untrained });
    const [one] = results;
    if (!one) throw new Error('no result');
    await ledger(db).record(row.name, { ...one, worker: 'late' });
    const again = await ledger(db).result(row.name, one.number);
    expect(again).to.deep.equal({ ...one, repeats: 1 });
    await ledger(db).record(row.name, { ...one, body: { error: 'another' }, worker: 'late' });
    expect(await ledger(db).result(row.name, one.number)).to.deep.equal({
      ...one,
      repeats: 2,
      differs: true,
    });
  });

  it('renews a lease as long as nobody else has the job', async () => {
    const { row } = await run(tinySpace(data, { trials: 1, name: 'lease' }), { start: untrained });
    const id = jobId(row, 1000);
    await db.boss.send(queueOf(row), {}, { id, expireInSeconds: 1, retryLimit: 5 });
    // a job of this millisecond is not yet due: the embedded database's clock has no smaller unit
    const due = { includeMetadata: true, ignoreStartAfter: true } as const;
    const fetch = () => db.boss.fetch(queueOf(row), due);
    const [job] = await fetch();
    expect(job?.id).to.equal(id);
    for (let i = 0; i < 3; i++) {
      await sleep(500);
      expect(await ledger(db).renew(row, 1000, 0)).to.deep.equal({ state: 'done', killed: null });
      await db.boss.expire();
    }
    await sleep(1200);
    await db.boss.expire();
    expect(await ledger(db).renew(row, 1000, 0)).to.equal(undefined);
    const [taken] = await fetch();
    expect([taken?.id, taken?.retryCount]).to.deep.equal([id, 1]);
    expect(await ledger(db).renew(row, 1000, 0)).to.equal(undefined);
  });

  it('is refused by workers of another version and with other data, in a line', async () => {
    const { row } = await run(tinySpace(data, { trials: 1, name: 'refused' }), { start: untrained });
    await ledger(db).change('refused', { state: 'running' });
    const said: string[] = [];
    const look = async (): Promise<void> => {
      const [stop, before] = [new AbortController(), said.length];
      const worker = work(db, {
        ...{ slots: 1, sweep: 'refused', pollMs: 5, signal: stop.signal, say: (text) => said.push(text) },
      });
      while (said.length === before) await sleep(5);
      stop.abort();
      await worker;
    };
    await db.query('UPDATE moonlet.sweep SET data_digest = $2 WHERE name = $1', [row.name, 'abc']);
    await look();
    await db.query('UPDATE moonlet.sweep SET version = $2 WHERE name = $1', [row.name, '0.0.1']);
    await look();
    expect(said.length).to.equal(2);
    expect(said[0]).to.match(
      /^refused: refused: its data .* has the digest abc, and that of this machine [0-9a-f]{12}; copy the data$/,
    );
    expect(said[1]).to.match(
      /^refused: refused: it is of Moonlet 0\.0\.1, and this is [\d.]+; install that version$/,
    );
  });

  it('fails a trial whose process dies again and again, and goes on', async () => {
    let starts = 0;
    const dying: typeof startTrial = (task) => {
      if (task.spec.trial !== 0) return untrained(task);
      starts++;
      return {
        pid: undefined,
        ended: Promise.resolve({ kind: 'died', text: 'SIGSEGV' }),
        stop: () => {},
        kill: () => {},
      };
    };
    const { results } = await run(tinySpace(data, { trials: 2, name: 'dying' }), { start: dying });
    expect(starts).to.equal(3);
    expect(results.map((r) => [r.ok, 'error' in r.body ? r.body.error : ''])).to.deep.equal([
      [false, 'its process died 3 times'],
      [true, ''],
    ]);
  });

  /** A process that does nothing until it is stopped or killed. */
  const idle =
    (told: string[], begun: () => unknown): typeof startTrial =>
    () => {
      begun();
      let end = (_: { kind: 'died'; text: string } | { kind: 'outcome'; outcome: undefined }): void => {};
      const ended = new Promise<Parameters<typeof end>[0]>((done) => {
        end = done;
      });
      return {
        pid: undefined,
        ended,
        stop: () => {
          told.push('stop');
          end({ kind: 'outcome', outcome: undefined });
        },
        kill: () => {
          told.push('kill');
          end({ kind: 'died', text: 'SIGKILL' });
        },
      };
    };

  it('ends a trial that is killed, and only that one; it has then failed', async () => {
    const told: string[] = [];
    let killed: Promise<number> | undefined;
    const kill = (): void => {
      killed = ledger(db).kill('killed', 0);
    };
    const { end, results } = await run(tinySpace(data, { trials: 2, name: 'killed' }), {
      start: (task) => (task.spec.trial === 0 ? idle(told, kill)(task) : untrained(task)),
      lease: 1,
    });
    expect([end, await killed, told]).to.deep.equal(['done', 1, ['kill']]);
    expect(results.map((r) => [r.ok, 'error' in r.body ? r.body.error : ''])).to.deep.equal([
      [false, 'killed'],
      [true, ''],
    ]);
  });

  it('stops, with its trials back in the queue, and goes on', async () => {
    const told: string[] = [];
    const input = tinySpace(data, { trials: 1, name: 'stopped' });
    const stop = (): Promise<void> => ledger(db).change('stopped', { state: 'stopped' });
    const first = await run(input, { start: idle(told, stop), lease: 1 });
    expect([first.end, first.results, told[0]]).to.deep.equal(['stopped', [], 'stop']);
    const rest = await run(input, { start: untrained });
    expect([rest.end, rest.results.length]).to.deep.equal(['done', 1]);
  });

  it('ends where all of the first trials fail, and says why', async () => {
    const failing: typeof startTrial = () => {
      const ended = Promise.resolve({
        kind: 'outcome',
        outcome: { ok: false, body: { error: 'no such head' } },
      } as const);
      return { pid: undefined, ended, stop: () => {}, kill: () => {} };
    };
    const message = await run(tinySpace(data, { trials: 30, name: 'failing' }), { start: failing }).catch(
      (e: Error) => e.message,
    );
    expect(message).to.match(
      /^failing: all of the first 1\d trials failed \(no such head\); correct the space/,
    );
  });

  it('is removed with its jobs, and its name is free again', async () => {
    const input = tinySpace(data, { trials: 2, name: 'removed' });
    const { row } = await run(input, { start: untrained });
    await ledger(db).remove(row);
    expect(await ledger(db).sweep('removed')).to.equal(undefined);
    expect(await ledger(db).counts('removed')).to.deep.include({ jobs: 0, results: 0 });
    expect((await run(input, { start: untrained })).results.length).to.equal(2);
  });

  it('trains what ASHA promotes from where it was, to the numbers of an unbroken run', async () => {
    const input = tinySpace(data, {
      trials: 4,
      name: 'asha',
      stopEarly: { kind: 'asha', first: 2, factor: 2 },
    });
    const { results } = await run(input);
    const whole = results.filter((r) => 'weights' in r.body);
    const early = results.filter((r) => 'steps' in r.body && r.body.steps === 2);
    expect([early.length, whole.length]).to.deep.equal([4, 1]);
    const found = await ledger(db).job('asha', whole[0]?.number ?? -1);
    if (!found) throw new Error('no job');
    const { until: _, ...job } = found.job;
    const direct = await runTrial({ base: parseSpace(input), ...job }, folderStore(folder('direct')));
    expect(JSON.stringify(direct?.body)).to.equal(JSON.stringify(whole[0]?.body));
  });

  it('has a report with every trial, as CSV and as a page', async () => {
    const row = await ledger(db).sweep('whole');
    if (!row) throw new Error('no sweep');
    const report = await reportOf(ledger(db), row);
    expect(report.counts).to.deep.equal({ trials: 5, done: 5, failed: 0 });
    const lines = csvOf(report).trimEnd().split('\r\n');
    expect(lines.length).to.equal(6);
    expect(lines[0]).to.match(
      /^trial,state,steps,accuracy,.*,worker,error,student\.units,rate\.kind,rate\.peak$/,
    );
    const page = pageOf(report);
    writeFileSync(folder('page.html'), page);
    expect(page.match(/<polyline/g)?.length).to.equal(6);
    expect(page).to.contain('<h2>Pareto front</h2>');
  });
});
