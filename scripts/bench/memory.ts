/**
 * @file Whether training leaks: 2,000 steps of T2 in one process. `npx tsx scripts/bench/memory.ts [STEPS]` prints the
 * resident memory after 200 steps and at the end, and fails when it grew by 5 % or a tensor stayed behind.
 */

import * as tf from '@tensorflow/tfjs-core';
import { caseOf } from '../../src/bench/cases.ts';
import { residentMiB } from '../../src/bench/memory-of.ts';
import { median } from '../../src/bench/numbers.ts';
import { prepare, useBackend } from '../../src/engine/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { firstState, sgd, step } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { init } from '../../src/weights/index.ts';

const steps = Number(process.argv[2] ?? 2000);
const settled = Math.min(200, steps >> 1);
const { graph, batch } = caseOf('T2');
const plan = step({
  graph,
  losses: [crossEntropy()({ student: graph })],
  optimizer: sgd({ nesterov: true }),
  batch,
});
await useBackend('cpu'); // tf counts its tensors only where it has a backend
const runner = await prepare(plan.fn, plan.specs);
let state = firstState(init(graph, { seed: 1 }), plan.specs.state);
const x = Float32Array.from({ length: batch * 784 }, random('memory').normal);
const labels = Int32Array.from({ length: batch }, (_, i) => i % 10);

/** Memory swings with the collector: the median of the last samples counts. */
const recent: number[] = [];
let [then, tensors] = [Number.NaN, Number.NaN];
for (let i = 1; i <= steps; i++) {
  const rate = Float32Array.of(1e-3);
  state = (await runner.run(state, { x, labels, rate, 'loss/cross-entropy': Float32Array.of(1) })).state;
  recent.push(residentMiB());
  if (recent.length > 100) recent.shift();
  if (i === settled) [then, tensors] = [median(recent), tf.memory().numTensors];
  if (i % 200 === 0)
    console.log(`step ${i}: ${Math.round(median(recent))} MiB, ${tf.memory().numTensors} tensors`);
}
await runner.release();
const growth = median(recent) / then - 1;
const left = tf.memory().numTensors - tensors;
console.log(
  `after ${settled} steps ${then.toFixed(1)} MiB, after ${steps} ${median(recent).toFixed(1)} MiB: ` +
    `${(100 * growth).toFixed(2)} %; tensors more: ${left}`,
);
if (growth >= 0.05 || left > 0) process.exitCode = 1;
