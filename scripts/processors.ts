/**
 * @file `npm run test:processors`: training, inference and integer nets on this machine's processor and on those that QEMU
 * emulates, each held to its law, and what was seen written to docs/processors.md. Exit 0 only when everything passes.
 *
 *   -- --quick               the battery's quick part; nothing is written
 *   -- --only TEXT           only cases whose name or kind (step, infer, integers) has this in it; nothing is written
 *   -- --processors A,B      of native, avx2, sse4.2, arm64, arm64-max, wasm; nothing is written
 *   -- --qemu FOLDER         where QEMU's programs are looked for first
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { MoonletError, UsageError } from '../src/errors.ts';
import { battery, type Case } from './processors/battery.ts';
import { armFolder, chosen, type Processor, processors } from './processors/emulators.ts';
import type { Prepared } from './processors/laws.ts';
import { machineOf, machineText } from './processors/machine.ts';
import {
  blockText,
  type Column,
  failures,
  isAllRight,
  type Outcome,
  pageText,
  unseen,
} from './processors/page.ts';
import { type Result, runTasks } from './processors/run.ts';
import { writeTask } from './processors/tasks.ts';

const page = join('docs', 'processors.md');
const say = (text: string): void => console.log(text);

interface Options {
  readonly quick: boolean;
  readonly only: string | undefined;
  readonly names: readonly string[];
  readonly qemu: string | undefined;
}

function optionsOf(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string' },
        processors: { type: 'string' },
        qemu: { type: 'string' },
      },
    });
    const names = values.processors?.split(',').filter(Boolean) ?? [];
    return { quick: values.quick, only: values.only, names, qemu: values.qemu };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function casesOf({ quick, only }: Options): readonly Case[] {
  const found = battery.filter(
    ({ name, kind, isQuick }) =>
      (!quick || isQuick) && (only === undefined || name.includes(only) || kind === only),
  );
  if (found.length) return found;
  throw new UsageError(
    `--only ${only}: no case has this in its name; known: ${battery.map((c) => c.name).join('; ')}`,
  );
}

/** The worker as one file beside node_modules, so that emulated processes compile nothing. */
async function bundled(): Promise<string> {
  const outfile = join(armFolder, 'worker.mjs');
  await build({
    entryPoints: [join('scripts', 'processors', 'worker.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile,
    logLevel: 'warning',
  });
  return outfile;
}

interface Ready {
  readonly one: Case;
  readonly prepared: Prepared;
  /** Its tasks among all. */
  readonly from: number;
}

async function prepared(
  cases: readonly Case[],
  folder: string,
): Promise<{ ready: Ready[]; folders: string[] }> {
  const ready: Ready[] = [];
  const folders: string[] = [];
  for (const one of cases) {
    say(`  what is right: ${one.kind} of ${one.name}`);
    const made = await one.prepare();
    ready.push({ one, prepared: made, from: folders.length });
    for (const task of made.tasks) {
      const at = join(folder, 'tasks', String(folders.length));
      writeTask(at, task);
      folders.push(at);
    }
  }
  return { ready, folders };
}

function outcomeOf({ prepared, from }: Ready, results: readonly Result[]): Outcome {
  const own = prepared.tasks.map((_, i) => results[from + i] ?? { error: 'it was not run' });
  const failed = own.find((result): result is { error: string } => 'error' in result);
  if (failed) return { isRight: false, error: failed.error };
  return prepared.judge(own.map((result) => ('arrays' in result ? result.arrays : {})));
}

async function columnOf(
  processor: Processor,
  worker: string,
  { ready, folders }: { ready: readonly Ready[]; folders: readonly string[] },
  out: string,
): Promise<Column> {
  if (processor.missing !== undefined) {
    say(`\n${processor.name}: NOT RUN: ${processor.missing}`);
    return { processor, block: undefined, outcomes: new Map() };
  }
  say(`\n${processor.name}: ${processor.what} (${processor.how})`);
  const began = performance.now();
  const { block, results } = await runTasks(processor, worker, folders, out);
  const outcomes = new Map(ready.map((r): [string, Outcome] => [r.one.name, outcomeOf(r, results)]));
  for (const [name, outcome] of outcomes) {
    const text = 'error' in outcome ? outcome.error : `${outcome.difference} (${outcome.bound})`;
    say(`  ${outcome.isRight ? 'ok    ' : 'FAILED'} ${name}: ${text}`);
  }
  say(`  the probe found ${blockText(block)}; ${Math.round((performance.now() - began) / 1000)} s`);
  return { processor, block, outcomes };
}

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  const cases = casesOf(options);
  const all = chosen(processors(options.qemu), options.names);
  const machine = machineOf();
  say(`THIS MACHINE: ${machineText(machine)}`);
  const isNeeded = (p: Processor): boolean => p.isRequired || options.names.includes(p.name);
  const lacking = all.find((p) => isNeeded(p) && p.missing !== undefined);
  if (lacking) throw new MoonletError(`${lacking.name}: ${lacking.missing}`);
  const worker = await bundled();
  const folder = mkdtempSync(join(tmpdir(), 'moonlet-processors-'));
  try {
    const tasks = await prepared(cases, folder);
    const columns: Column[] = [];
    for (const processor of all) columns.push(await columnOf(processor, worker, tasks, folder));
    const version = (name: string): string => {
      const file = join('node_modules', name, 'package.json'); // not every package exports its own
      return `${name} ${(JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version}`;
    };
    const seen = {
      machine,
      date: new Date().toISOString().slice(0, 10),
      versions: `Node ${process.versions.node}, ${version('onnxruntime-node')}, ${version('onnxruntime-web')}`,
      cases: cases.map(({ name, kind }) => ({ name, kind })),
      columns,
    };
    const whole = !options.quick && options.only === undefined && options.names.length === 0;
    if (whole) writeFileSync(page, pageText(seen));
    say(`\nTHIS MACHINE: ${machineText(machine)}`);
    for (const line of unseen(seen)) say(`not seen here: ${line}`);
    const wrong = failures(seen);
    for (const line of wrong) say(`FAILED ${line}`);
    const right = columns.reduce((n, c) => n + [...c.outcomes.values()].filter((o) => o.isRight).length, 0);
    if (whole) say(`wrote ${page}`);
    say(`${right} passed, ${wrong.length} failed`);
    process.exitCode = isAllRight(seen) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  // not thrown on: with tf's wasm backend loaded, Node prints the whole of its source before the error
  const text = error instanceof MoonletError ? `moonlet: ${error.message}` : (error as Error).stack;
  process.stderr.write(`${text}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
