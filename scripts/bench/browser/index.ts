/**
 * @file `npm run bench -- --browser`: training steps in headless Chromium, on one thread, beside our native step on one thread in Node.
 * They take turns, round after round. All engines have the same weights and the same batch, and their first losses are compared
 * before anything is timed.
 *
 *   npm run bench -- --browser [--only T1,T4] [--quick] [--json] [--write]
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser } from 'playwright-core';
import { caseOf } from '../../../src/bench/cases.ts';
import { start } from '../../../src/bench/children.ts';
import { removeJob, writeJob } from '../../../src/bench/job.ts';
import { median, rounded } from '../../../src/bench/numbers.ts';
import { machine } from '../../../src/bench/run.ts';
import { note, print, printJson } from '../../../src/cli/say.ts';
import { UsageError } from '../../../src/errors.ts';
import { launched, type Site, served } from '../../lib/browser.ts';
import { bundle } from '../../lib/browser-bundle.ts';
import { remarked } from '../../lib/markdown.ts';
import type { BenchPage, PageEngine } from './page.ts';
import { type BrowserRow, browserMarks, browserTable, native } from './table.ts';

declare const bench: BenchPage; // in the browser

const { values: flags } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== 'bench'),
  options: {
    browser: { type: 'boolean' },
    only: { type: 'string', default: 'T1,T4' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const cases = flags.only.split(',').map((name) => {
  if (name === 'T1' || name === 'T2' || name === 'T4') return name;
  throw new UsageError(`bench --browser: no case "${name}"; known: T1, T2, T4`);
});
const limits = flags.quick
  ? { rounds: 2, roundMs: 1, firstSteps: 3 }
  : { rounds: 15, roundMs: 1500, firstSteps: 3 };
const inPage: readonly PageEngine[] = ['moonlet on wasm', 'tfjs-wasm', 'jax-js'];
/** How long one step and the first ones may take. */
const limitMs = 600_000;

interface Runner {
  readonly name: string;
  readonly losses: readonly number[];
  readonly stepMs: number;
  steps(count: number): Promise<readonly number[]>;
  end(): Promise<unknown>;
}

const packageFiles = [
  'onnxruntime-web/dist/ort-wasm-simd-threaded.wasm',
  '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm',
  '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm',
];

/** A page that is not isolated, so that every engine has one thread. */
async function site(folder: () => string): Promise<Site> {
  const built = await bundle({ entryPoints: ['scripts/bench/browser/page.ts'] });
  const files = new Map<string, Uint8Array | string>(
    built.outputFiles.map(({ path, contents }) => [`/${basename(path)}`, contents]),
  );
  files.set('/', '<!doctype html><title>bench</title><script type="module" src="/page.js"></script>');
  for (const file of packageFiles) files.set(`/${basename(file)}`, readFileSync(join('node_modules', file)));
  const read = (path: string): Uint8Array | string | undefined => {
    const part = /^\/case\/([\w.]+)$/.exec(path)?.[1];
    if (part === undefined) return files.get(path);
    const file = join(folder(), part);
    return existsSync(file) ? readFileSync(file) : undefined;
  };
  return served(read, () => {}, { isolated: false });
}

async function tabOf(browser: Browser, url: string, engine: PageEngine): Promise<Runner> {
  const tab = await browser.newPage();
  tab.setDefaultTimeout(limitMs);
  await tab.goto(url);
  await tab.waitForFunction(() => 'bench' in globalThis);
  const { losses, ms } = await tab.evaluate(([name, count]) => bench.open(name, '/case', count), [
    engine,
    limits.firstSteps,
  ] as const);
  return {
    name: engine,
    losses,
    stepMs: ms,
    steps: (count) => tab.evaluate((n) => bench.steps(n), count),
    end: () => tab.close(),
  };
}

async function nativeOf(folder: string): Promise<Runner> {
  process.env['MOONLET_THREADS'] = '1'; // the child inherits it
  const worker = await start('moonlet', folder, limitMs);
  if ('missing' in worker) throw new UsageError(`bench --browser: our native step: ${worker.missing}`);
  const { losses, stepMs } = worker.ready;
  const steps = async (count: number) => (await worker.steps(count, limitMs)) ?? [];
  return { name: native, losses: losses ?? [], stepMs, steps, end: () => worker.end() };
}

/** What keeps an engine's figures out of the table: losses that are not those of our native step, to 1e-3 of themselves. */
function differs({ losses }: Runner, { losses: wanted }: Runner): string | undefined {
  for (const [i, loss] of wanted.entries()) {
    const found = losses[i] ?? Number.NaN;
    if (!(Math.abs(found - loss) <= 1e-3 * Math.abs(loss)))
      return `loss ${i + 1} is ${rounded(found, 6)}, natively ${rounded(loss, 6)}`;
  }
  return undefined;
}

/** The steps of a round. A step of minutes is measured by the second of the first ones. */
async function turn(runner: Runner, round: number): Promise<readonly number[]> {
  if (runner.stepMs > 20_000) return round === 0 ? [runner.stepMs] : [];
  return runner.steps(Math.max(1, Math.min(50, Math.round(limits.roundMs / runner.stepMs))));
}

async function measured(name: (typeof cases)[number], browser: Browser): Promise<BrowserRow[]> {
  const folder = writeJob(caseOf(name), flags.quick);
  const at = await site(() => folder);
  const runners: Runner[] = [];
  const rows: BrowserRow[] = [];
  try {
    const first = await nativeOf(folder);
    runners.push(first);
    note(`${name} ${first.name}: losses ${first.losses.map((l) => l.toFixed(5)).join(', ')}`);
    for (const engine of inPage) {
      try {
        const runner = await tabOf(browser, at.url, engine);
        note(`${name} ${engine}: losses ${runner.losses.map((l) => l.toFixed(5)).join(', ')}`);
        const missing = differs(runner, first);
        if (missing !== undefined) rows.push({ case: name, engine, missing });
        else runners.push(runner);
      } catch (e) {
        const missing = String(e instanceof Error ? e.message : e).split('\n')[0] ?? '';
        note(`${name} ${engine}: ${missing}`);
        rows.push({ case: name, engine, missing });
      }
    }
    const times = new Map(runners.map((runner) => [runner, [] as number[]]));
    for (let round = 0; round < limits.rounds; round++)
      for (const [runner, all] of times) all.push(...(await turn(runner, round)));
    for (const [runner, all] of times)
      rows.push({
        case: name,
        engine: runner.name,
        ...{ medianMs: rounded(median(all)), leastMs: rounded(Math.min(...all)), steps: all.length },
      });
  } finally {
    for (const runner of runners) await runner.end();
    at.close();
    removeJob(folder);
  }
  return rows;
}

const before = machine();
const browser = await launched();
const rows: BrowserRow[] = [];
for (const name of cases) rows.push(...(await measured(name, browser)));
const versions = { chromium: browser.version() };
await browser.close();
const report = {
  quick: flags.quick,
  machine: { ...before, versions: { ...before.versions, ...versions } },
  rows,
};
if (flags.json) printJson(report);
else print(browserTable(report));
if (flags.write) {
  const page = join('docs', 'benchmarks.md');
  writeFileSync(page, remarked(readFileSync(page, 'utf8'), browserMarks, browserTable(report)));
  note(`wrote ${page}`);
}
process.exit(0);
