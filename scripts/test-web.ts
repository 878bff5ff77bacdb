/**
 * @file `npm run test:web`: nets and training in a real browser, headless Chromium on WebAssembly, held to what Node computes. The
 * page is bundled by esbuild as any page would be. Checks whose names begin with `page:` use the page of `npm run web`. `--only TEXT` runs the checks whose names contain the
 * text; `--short` runs a few, in less than a minute, which `.ci/run` does.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import type { BrowserContext, Page as Tab } from 'playwright-core';
import { print } from '../src/cli/say.ts';
import { compile } from '../src/engine/index.ts';
import type { Arrays } from '../src/jit/index.ts';
import { arbitraryGraph } from '../test/support/arbitrary-graph.ts';
import { inBrowsers, largestDifference, shaken, small } from '../test/support/nets.ts';
import { zooFolder } from '../zoo/folders.ts';
import { loadStudent } from '../zoo/index.ts';
import { launched, type Site, served, softwareGpu } from './lib/browser.ts';
import { bundle } from './lib/browser-bundle.ts';
import { pageChecks } from './page/checks.ts';
import { battery } from './processors/battery.ts';
import { inference, type Prepared, trainingStep } from './processors/laws.ts';
import { packTask, unpackArrays } from './processors/task-files.ts';
import type { Page } from './web/page.ts';
import { ran } from './web/recipe.ts';

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, short: { type: 'boolean', default: false } },
});
const isWanted = (name: string): boolean =>
  values.short
    ? name.startsWith('short: ') || name === 'training step of squeezenet (law 6)'
    : !name.startsWith('short: ') && name.includes(values.only);

declare const page: Page; // in the browser

const files = new Map<string, Uint8Array | string>();
const results = new Map<string, Arrays>();

async function site(): Promise<Site> {
  const built = await bundle({ entryPoints: ['scripts/web/page.ts', 'scripts/web/worker.ts'] });
  for (const { path, contents } of built.outputFiles) files.set(`/${basename(path)}`, contents);
  files.set('/', '<!doctype html><title>test</title><script type="module" src="/page.js"></script>');
  for (const wasm of ['ort-wasm-simd-threaded.wasm', 'ort-wasm-simd-threaded.asyncify.wasm'])
    files.set(`/${wasm}`, readFileSync(join('node_modules/onnxruntime-web/dist', wasm)));
  const read = (path: string): Uint8Array | string | undefined => {
    const student = /^\/nets\/([\w./-]+)$/.exec(path)?.[1];
    if (student === undefined || student.includes('..')) return files.get(path);
    const file = join(zooFolder('students'), student);
    return existsSync(file) ? readFileSync(file) : undefined;
  };
  return served(read, (path, bytes) => void results.set(path, unpackArrays(bytes)));
}

/** In one context, since each has a storage of its own. */
async function opened(browser: BrowserContext, { url }: Site): Promise<Tab> {
  const tab = await browser.newPage();
  await tab.goto(url);
  await tab.waitForFunction(() => 'page' in globalThis);
  return tab;
}

interface Verdict {
  readonly isRight: boolean;
  readonly said: string;
}
interface Check {
  readonly name: string;
  run(tab: Tab): Promise<Verdict>;
}

const inBrowser =
  (prepare: () => Promise<Prepared>, gpu = false) =>
  async (tab: Tab): Promise<Verdict> => {
    const { tasks, judge } = await prepare();
    const found: Arrays[] = [];
    for (const task of tasks) {
      const url = `/tasks/${results.size}`;
      for (const [file, content] of Object.entries(packTask(task))) files.set(`${url}/${file}`, content);
      await tab.evaluate(([at, onGpu]) => page.perform(at, onGpu), [url, gpu] as const);
      found.push(results.get(`${url}/result`) ?? {});
      for (const file of files.keys()) if (file.startsWith(`${url}/`)) files.delete(file);
    }
    const { isRight, difference, bound } = judge(found);
    return { isRight, said: `${difference} ${bound}` };
  };

async function student(tab: Tab): Promise<Verdict> {
  const id = 'mnist/wrn-16-1';
  const compiled = await compile(loadStudent(id));
  const [right = new Float32Array()] = [...(await compiled.run(new Float32Array(28 * 28))).values()];
  await compiled.release();
  const found = await tab.evaluate((name) => page.student(name), id);
  const far = largestDifference(Float32Array.from(found), right);
  return { isRight: far < 1e-4, said: `${far.toExponential(1)} < 1.0e-4` };
}

/** The self-check of WebGPU, on SwiftShader where there is no graphics card. */
async function selfCheck(tab: Tab): Promise<Verdict> {
  const { provider, summary } = await tab.evaluate(() => page.gpu());
  return { isRight: provider === 'webgpu', said: summary };
}

/** The largest relative difference of two runs' losses; NaN when they are not as long. */
const apart = (a: readonly number[], b: readonly number[]): number =>
  a.length === b.length
    ? Math.max(...a.map((v, i) => Math.abs(v - (b[i] ?? Number.NaN)) / Math.abs(v)))
    : Number.NaN;

async function sameRecipe(tab: Tab): Promise<Verdict> {
  const asked = { steps: 50 };
  const far = apart(await ran(asked), await tab.evaluate((a) => page.recipe(a), asked));
  return { isRight: far < 1e-3, said: `50 losses differ by ${far.toExponential(1)} < 1.0e-3 of themselves` };
}

async function inWorker(tab: Tab): Promise<Verdict> {
  const asked = { steps: 20 };
  const here = await tab.evaluate((a) => page.recipe(a), asked);
  const [loss, steps] = await tab.evaluate(async (a) => {
    const { done, steps: seen } = page.worker(a);
    return [await done, seen] as const;
  }, asked);
  const stopped = await tab.evaluate(async (a) => {
    const { done, steps: seen, stop } = page.worker(a);
    while (seen.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    stop();
    return (await done).length;
  }, asked);
  const isRight = apart(here, loss) === 0 && steps.length === 20 && stopped >= 3 && stopped < 20;
  return { isRight, said: `the page's losses, ${steps.length} steps said; stopped after ${stopped}` };
}

async function closed(tab: Tab, reopen: () => Promise<Tab>): Promise<Verdict> {
  const unbroken = await tab.evaluate((a) => page.worker(a).done, { steps: 40 });
  const asked = { steps: 40, keep: 'closed' };
  const first = await reopen();
  const seen = await first.evaluate(async (a) => {
    const { steps } = page.worker(a);
    while (steps.length < 12) await new Promise((resolve) => setTimeout(resolve, 5));
    return steps.length;
  }, asked);
  await first.close({ runBeforeUnload: false });
  const second = await reopen();
  const [loss, steps] = await second.evaluate(async (a) => {
    const { done, steps: after } = page.worker(a);
    return [await done, after] as const;
  }, asked);
  await second.close();
  const isRight = apart(unbroken, loss) === 0 && (steps[0] ?? 0) > 5;
  return {
    isRight,
    said: `closed after ${seen} steps, resumed with step ${steps[0]}: the losses of the unbroken run`,
  };
}

/** Checks on WebGPU run only when they are asked for by `--only webgpu`: on SwiftShader each takes minutes. */
const isGpu = values.only.startsWith('webgpu');
const chromium = await launched(isGpu ? softwareGpu : []).catch((e: Error) => {
  print(`test:web: ${e.message}`);
  process.exit(1);
});
const isOfPage = (name: string): boolean => isWanted(name) && name.startsWith('webgpu') === isGpu;
const ofPage = await pageChecks(chromium, isOfPage, values.short);
const browser = await chromium.newContext();
const at = await site();
let tab = await opened(browser, at);
/** Of sizes that fill no vectors, at batches of 3 to 6. */
const randomGraphs = isGpu ? fc.sample(arbitraryGraph({ classes: 10 }), { seed: 11, numRuns: 60 }) : [];
const randomMaps = isGpu ? fc.sample(arbitraryGraph({ outputs: 1 }), { seed: 77, numRuns: 60 }) : [];
const gpuChecks: readonly Check[] = [
  { name: 'webgpu: self-check', run: selfCheck },
  ...inBrowsers.map((name) => ({
    name: `webgpu: training step of ${name} (law 6)`,
    run: inBrowser(async () => trainingStep(shaken(small(name), 1, true), 4), true),
  })),
  ...randomGraphs.map((graph, i) => ({
    name: `webgpu: training step of random graph ${i} (law 6)`,
    run: inBrowser(async () => trainingStep(shaken(graph, 1, true), 3 + (i % 4)), true),
  })),
  ...randomMaps.map((graph, i) => ({
    name: `webgpu: outputs of random graph ${i}`,
    run: inBrowser(() => inference(shaken(graph)), true),
  })),
];
const checks: readonly Check[] = [
  { name: 'a shipped student, fetched and verified', run: student },
  ...battery
    .filter(({ kind }) => kind !== 'step')
    .map(({ name, prepare }) => ({ name: `outputs of ${name}`, run: inBrowser(prepare) })),
  ...inBrowsers.map((name) => ({
    name: `training step of ${name} (law 6)`,
    run: inBrowser(async () => trainingStep(shaken(small(name), 1, true), 4)),
  })),
  { name: 'the same recipe in Node and in the browser', run: sameRecipe },
  { name: 'training in a worker', run: inWorker },
  { name: 'a run whose page is closed', run: (open) => closed(open, () => opened(browser, at)) },
  ...ofPage.checks,
  ...(isGpu ? gpuChecks : []),
];
let [passed, failed] = [0, 0];
for (const { name, run } of checks.filter((check) => isWanted(check.name))) {
  const { isRight, said } = await run(tab).catch((e: Error) => ({ isRight: false, said: e.message }));
  if (isRight) passed++;
  else failed++;
  print(`${isRight ? 'ok    ' : 'FAILED'} ${name}: ${said}`);
  if (!isRight) tab = await opened(browser, at); // a page that crashed fails one check
}
ofPage.close();
await chromium.close();
at.close();
print(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
