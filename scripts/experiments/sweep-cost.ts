/**
 * @file What a sweep costs beside its trials: counting candidates, the queue, and the memory of the controller. `npm run experiment --
 * sweep-cost -- --only candidates|queue|memory`; run it on an idle machine. `--write` writes the table to docs/sweeps.md. Seeds are 0.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median } from '../../src/bench/numbers.ts';
import { note, print } from '../../src/cli/say.ts';
import { readJson } from '../../src/run/json-file.ts';
import {
  conduct,
  coster,
  type Database,
  ledger,
  openPostgres,
  overLimit,
  parseSpace,
  type Space,
  samplerOf,
  type TrialSpec,
  work,
} from '../../src/sweep/index.ts';
import { startTrial } from '../../src/sweep/processes.ts';
import { tinyData, tinySpace } from '../../test/support/sweeping.ts';
import { marks, remarked, table } from '../lib/markdown.ts';
import { startPostgres } from '../lib/postgres.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
    trials: { type: 'string', default: '10000' },
    write: { type: 'boolean', default: false },
  },
});

/** 10,000 candidates drawn, counted and held to the limits; nets of a space that was not looked at before. */
function candidates(): readonly (readonly string[])[] {
  const { value } = readJson('scripts/sweeps/fashion-60k.json');
  const usual = parseSpace(value);
  const distinct = parseSpace({
    ...tinySpace('mnist'),
    recipe: { ...usual.recipe, student: 'ds-cnn channels=1' },
    space: {
      'student.size': { whole: [16, 127] },
      'student.classes': { whole: [2, 200] },
      'rate.peak': { log: [0.01, 0.1] },
    },
  });
  const onMcu = parseSpace({ ...distinct, name: 'mcu', limits: { sram: '64 KB', flash: '30 KB' } });
  return [
    ['of scripts/sweeps/fashion-60k.json', usual] as const,
    ['of DS-CNN, 22,288 possible nets', distinct] as const,
    ['of DS-CNN, with limits on SRAM and flash', onMcu] as const,
  ].map(([name, space]) => {
    const times: number[] = [];
    let kept = 0;
    const nets = new Set<string>();
    for (let round = 0; round < 5; round++) {
      const [sampler, costs] = [samplerOf({ ...space, sampler: { kind: 'random' } }), coster(undefined)];
      const began = process.cpuUsage();
      kept = 0;
      for (let i = 0; i < 10_000; i++) {
        const draft = sampler.draft(i, 0, []);
        if (!draft) break;
        const cost = costs(space, draft.values);
        if (typeof cost === 'string') continue;
        if (round === 0) nets.add(`${cost.params} ${cost.macs}`);
        if (overLimit(cost, space.limits) === undefined) kept++;
      }
      const { user, system } = process.cpuUsage(began);
      times.push((user + system) / 1000);
    }
    const text = `${Math.round(median(times))} ms of processor time (median of 5), ${kept} within the limits, ${nets.size} different costs`;
    return [`10,000 candidates ${name}`, text];
  });
}

/** Trials of some seconds, in a plain loop and through PostgreSQL, in turn. */
async function queue(db: Database, folder: string): Promise<readonly (readonly string[])[]> {
  const data = tinyData(join(folder, 'data'), 512);
  const of = (steps: number, name: string): Space =>
    parseSpace({
      ...tinySpace(data),
      recipe: { data, student: 'wrn depth=10 size=8 channels=1 classes=4', steps, batch: 32, validation: 32 },
      space: { seed: { choice: [0, 1, 2, 3] } },
      ...{ name, trials: 4, parallel: 4, sampler: { kind: 'grid' }, checkpointEvery: 1_000_000 },
    });
  const plain = async (space: Space, store: string): Promise<number> => {
    const began = performance.now();
    for (let trial = 0; trial < 4; trial++) {
      const values = { seed: trial };
      const costs = coster(undefined)(space, values);
      if (typeof costs === 'string') throw new Error(costs);
      const spec: TrialSpec = { base: space, trial, values, costs };
      await startTrial({ spec, store: join(folder, store) }).ended;
    }
    return (performance.now() - began) / 4000;
  };
  const queued = async (space: Space, store: string): Promise<number> => {
    const stop = new AbortController();
    const began = performance.now();
    const worker = work(db, { slots: 1, sweep: space.name, signal: stop.signal });
    await conduct(db, space, { store: join(folder, store) });
    const seconds = (performance.now() - began) / 4000;
    stop.abort();
    await worker;
    return seconds;
  };
  const [few, many] = [await plain(of(100, 'few'), 'few'), await plain(of(600, 'many'), 'many')];
  const steps = Math.max(200, Math.round(100 + ((Number(values.seconds) - few) * 500) / (many - few)));
  const [loops, queues]: number[][] = [[], []];
  for (let round = 0; round < Number(values.rounds); round++) {
    loops?.push(await plain(of(steps, `loop-${round}`), `loop-${round}`));
    queues?.push(await queued(of(steps, `queue-${round}`), `queue-${round}`));
    note(`round ${round + 1}: ${loops?.at(-1)?.toFixed(2)} s, ${queues?.at(-1)?.toFixed(2)} s`);
  }
  const [loop, through] = [median(loops ?? []), median(queues ?? [])];
  const more = `${(100 * (through / loop - 1)).toFixed(1)} %`;
  return [
    [
      `a trial of ${values.seconds} s, in a plain loop`,
      `${loop.toFixed(2)} s (median of ${values.rounds} rounds of 4)`,
    ],
    ['the same through PostgreSQL, interleaved', `${through.toFixed(2)} s: ${more} more`],
  ];
}

/** The controller's memory while many trials are chosen by TPE and come back at once. */
async function memory(db: Database, folder: string): Promise<readonly (readonly string[])[]> {
  const data = tinyData(join(folder, 'data-2'));
  const trials = Number(values.trials);
  const space = parseSpace({ ...tinySpace(data), name: 'memory', trials, parallel: 64, sampler: 'tpe' });
  const stop = new AbortController();
  const worker = work(db, {
    ...{ slots: 8, sweep: 'memory', pollMs: 5, signal: stop.signal },
    start: ({ spec: { costs, trial } }) => {
      const body = { ...costs, accuracy: (trial % 97) / 97, loss: 1, steps: 6 };
      const ended = Promise.resolve({ kind: 'outcome', outcome: { ok: true, body } } as const);
      return { pid: undefined, ended, stop: () => {}, kill: () => {} };
    },
  });
  const seen: number[] = [];
  const began = performance.now();
  await conduct(db, space, {
    ...{ store: folder, pollMs: 5 },
    onProgress: ({ results }) => {
      if (results < ((seen.length + 1) * trials) / 10) return;
      globalThis.gc?.();
      seen.push(process.memoryUsage().heapUsed / 2 ** 20);
    },
  });
  const seconds = (performance.now() - began) / 1000;
  stop.abort();
  await worker;
  const text = seen.map((m) => m.toFixed(0)).join(', ');
  return [
    [
      `heap of the controller at each tenth of ${trials} trials`,
      `${text} MiB${globalThis.gc ? '' : ' (without --expose-gc)'}`,
    ],
    ['trials a second through the queue, 8 slots, without training', `${(trials / seconds).toFixed(0)}`],
    ['rows of a trial', `${((await rowsOf(db)) / trials).toFixed(1)} in all tables`],
  ];
}
async function rowsOf(db: Database): Promise<number> {
  const { jobs, results } = await ledger(db).counts('memory');
  const [row] = await db.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM moonlet_queue.job WHERE name LIKE 'memory-%'",
  );
  return jobs + results + (row?.n ?? 0);
}

const folder = mkdtempSync(join(tmpdir(), 'moonlet-sweep-cost-'));
const wants = (part: string): boolean => values.only === '' || values.only === part;
const rows: (readonly string[])[] = wants('candidates') ? [...candidates()] : [];
if (wants('queue') || wants('memory')) {
  const server = await startPostgres(note);
  try {
    const db = await openPostgres(server.url);
    if (wants('queue')) rows.push(...(await queue(db, folder)));
    if (wants('memory')) rows.push(...(await memory(db, folder)));
    await db.close();
  } finally {
    server.end();
  }
}
rmSync(folder, { recursive: true, force: true });
const text = table([['what', 'measured'], ...rows], [0, 1]);
print(text);
if (values.write) {
  const page = 'docs/sweeps.md';
  const marksOf = marks('npm run experiment -- sweep-cost --write', 'costs');
  writeFileSync(page, remarked(readFileSync(page, 'utf8'), marksOf, text));
}
