/**
 * @file Runs one engine in a separate process, so that its memory can be measured: `worker.ts FOLDER ENGINE [FILE]`.
 *
 * It warms up, says that it is ready, and then answers each line of stdin, `{"do":"run","steps":3}` or `{"do":"end"}`,
 * with one line of stdout that begins with `@`. The peers in Python speak the same.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { oneLine } from '../errors.ts';
import { cost } from '../read/index.ts';
import { unpack } from '../weights/index.ts';
import { forgetPeak, peakMiB } from './memory-of.ts';
import { median } from './numbers.ts';
import { exportRunner, makers, type Step } from './steps.ts';
import type { Job, Ready } from './types.ts';

/** What a worker is asked, one line each. */
export type Question = { readonly do: 'run'; readonly steps: number } | { readonly do: 'end' };

const [folder = '', engine = '', exported] = process.argv.slice(2);
const say = (message: object): void => void process.stdout.write(`@${JSON.stringify(message)}\n`);

/** Times of single steps. */
async function timed({ run }: Step, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times;
}

/** The median of some steps after warm ones; slow steps are not taken often. */
async function warm(step: Step, first: number, { quick }: Job): Promise<number> {
  if (first > 20_000) return first;
  const count = Math.max(1, Math.min(quick ? 3 : 10, Math.floor(3000 / first)));
  await timed(step, count);
  return median(await timed(step, count));
}

async function main(): Promise<void> {
  const read = (name: string): Uint8Array => readFileSync(join(folder, name));
  const net = (name: string) =>
    unpack(
      { graphJson: new TextDecoder().decode(read(`${name}.json`)), weights: read(`${name}.safetensors`) },
      name,
    );
  const floats = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer;
  const job: Job = JSON.parse(new TextDecoder().decode(read('job.json')));
  const material = {
    job,
    net: net('net'),
    teacher: job.kind === 'distill' ? net('teacher') : undefined,
    x: new Float32Array(floats(read('x.bin'))),
    labels: new Int32Array(floats(read('labels.bin'))),
  };
  const found = exported === undefined ? makers(engine, material) : exportRunner(exported, material);
  const { counts, variants, versions } = found;
  const tried: string[] = [];
  let best: { step: Step; ready: Ready } | undefined;
  for (const [name, make] of variants) {
    const start = performance.now();
    const step = await make();
    const readyMs = performance.now() - start;
    const [first = 0] = await timed(step, 1);
    const losses = [step.loss()];
    if (first < 5000) {
      await step.run();
      losses.push(step.loss());
    }
    const stepMs = await warm(step, first, job);
    tried.push(`${name} ${stepMs.toFixed(1)} ms`);
    const better = !best || (counts === 'fastest' && stepMs < best.ready.stepMs);
    if (better) {
      await best?.step.release();
      best = {
        step,
        ready: {
          stepMs,
          readyMs,
          variant: name,
          versions,
          params: cost(material.net.graph).params,
          losses: losses.filter((l): l is number => l !== undefined),
        },
      };
    } else await step.release();
  }
  if (!best) throw new Error('no variant');
  const { step, ready } = best;
  forgetPeak();
  say({ ready: true, ...ready, note: tried.length > 1 ? tried.join('; ') : '' });
  for await (const line of createInterface({ input: process.stdin })) {
    const message: Question = JSON.parse(line);
    if (message.do === 'run') say({ ms: await timed(step, message.steps) });
    else break;
  }
  say({ peakMiB: peakMiB() });
  await step.release();
}

try {
  await main();
} catch (e) {
  say({ missing: oneLine(e instanceof Error ? e.message : String(e)) });
}
process.exit(0); // some engines keep threads
