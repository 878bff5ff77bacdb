/**
 * @file Moonlet's side of `npm run experiment -- fine-tune`: one run, in a process of its own, which prints its outcome as the last
 * line. `node --import tsx scripts/lib/fine-tune-moonlet.ts JOB.json`
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { item } from '../../src/access.ts';
import { peakMiB } from '../../src/bench/memory-of.ts';
import { median } from '../../src/bench/numbers.ts';
import { loadDataset } from '../../src/data/index.ts';
import { fit, sgd } from '../../src/learn/index.ts';
import { loadNet } from '../../zoo/index.ts';
import type { Job, Outcome } from './fine-tune-job.ts';

const seconds = (from: number): number => (performance.now() - from) / 1000;

async function run(job: Job): Promise<Outcome> {
  const { batch, epochs, stepsPerEpoch, threads, seed, shift, size, mean, std } = job;
  // pictures are decoded anew by each run
  const cacheDir = mkdtempSync(join(job.scratch, 'decoded-'));
  try {
    const begin = performance.now();
    const preparation = { size, mean, std, crop: 1 };
    const data = await loadDataset(job.pictures, { pictures: { preparation, cacheDir } });
    const times: number[] = [];
    const accuracies: number[] = [];
    let [last, readySeconds, evaluateSeconds, total] = [performance.now(), 0, 0, 0];
    const lap = (): number => {
      const took = seconds(last);
      last = performance.now();
      return took;
    };
    await fit(loadNet(job.start), data.train, data, {
      ...{ steps: epochs * stepsPerEpoch, batch, seed, threads },
      optimizer: sgd({ momentum: job.momentum, nesterov: true, weightDecay: job.weightDecay }),
      rate: (step) => item(job.rates, step),
      augment: { shift, flip: true },
      validation: data.test,
      evaluateEvery: stepsPerEpoch,
      onStep: ({ step, loss }) => {
        total += loss;
        if (step === 1) readySeconds = seconds(begin);
        else times.push(lap());
        last = performance.now();
      },
      onValidation: (step, accuracy) => {
        evaluateSeconds += lap();
        accuracies.push(accuracy);
        console.error(
          `  epoch ${step / stepsPerEpoch} of ${epochs}: loss ${(total / stepsPerEpoch).toFixed(3)}, accuracy ${accuracy.toFixed(3)}`,
        );
        total = 0;
      },
    });
    const { version } = JSON.parse(readFileSync('node_modules/onnxruntime-node/package.json', 'utf8'));
    return {
      ...{ accuracies, seconds: seconds(begin), readySeconds, evaluateSeconds },
      ...{ stepMs: 1000 * median(times), peakMiB: peakMiB(), versions: `onnxruntime-node ${version}` },
    };
  } finally {
    rmSync(cacheDir, { recursive: true, force: true });
  }
}

const job: Job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
console.log(JSON.stringify(await run(job)));
