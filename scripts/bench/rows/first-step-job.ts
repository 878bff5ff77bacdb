/**
 * @file Traces and compiles T3's step: `first-step-job.ts REPETITIONS`, the first time, and the median of later ones. MOONLET_MODEL_CACHE
 * says whether the cache on disk is used, of the folder MOONLET_CACHE.
 */
import { caseOf } from '../../../src/bench/cases.ts';
import { median } from '../../../src/bench/numbers.ts';
import { prepare, useBackend } from '../../../src/engine/index.ts';
import { crossEntropy } from '../../../src/learn/loss/index.ts';
import { sgd, step } from '../../../src/learn/train/index.ts';
import { answer } from './figure.ts';

const repetitions = Number(process.argv[2] ?? 8);
const { graph, batch } = caseOf('T3');
await useBackend('cpu');

async function once(): Promise<number> {
  const start = performance.now();
  const losses = [crossEntropy()({ student: graph })];
  const plan = step({ graph, losses, optimizer: sgd({ nesterov: true }), batch });
  const runner = await prepare(plan.fn, plan.specs, { key: plan.key });
  const ms = performance.now() - start;
  await runner.release();
  return ms;
}

const first = await once();
for (let i = 0; i < 3; i++) await once();
const times: number[] = [];
for (let i = 0; i < repetitions; i++) times.push(await once());
answer({ first, warm: median(times) });
process.exit(0); // onnxruntime keeps threads
