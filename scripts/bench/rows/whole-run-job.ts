/** @file Moonlet's part of the whole run: `whole-run-job.ts STEPS EVALUATIONS` runs the recipe twice in one process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hold, loadDataset } from '../../../src/data/index.ts';
import { attention, softTargets } from '../../../src/learn/distill/index.ts';
import { crossEntropy, oneCycle } from '../../../src/learn/loss/index.ts';
import { evaluate } from '../../../src/learn/task/index.ts';
import { fit, memoryCache } from '../../../src/learn/train/index.ts';
import { checkpointFiles } from '../../../src/run/files.ts';
import { answer } from './figure.ts';
import { recipe, teacherAndStudent } from './whole-run-recipe.ts';

const [steps, evaluations] = [Number(process.argv[2]), Number(process.argv[3])];
const { batch, seed, peak, heldOut, shift, temperature } = recipe;
const data = await loadDataset('mnist');
const { teacher, student } = teacherAndStudent();
const cache = memoryCache();

/** One run, in seconds, and the accuracy of the student on the test images. */
async function run(teacherCache: typeof cache | undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'moonlet-whole-run-'));
  const start = performance.now();
  const parts = hold(data.train, heldOut, seed);
  const { net } = await fit(student, parts.train, data, {
    ...{ steps, batch, seed, teacher, augment: { shift }, validation: parts.validation },
    losses: [
      crossEntropy({ weight: recipe.crossEntropy }),
      softTargets({ weight: recipe.softTargets, temperature }),
      attention({ weight: recipe.attention }),
    ],
    rate: oneCycle({ steps, peak }),
    evaluateEvery: steps / evaluations,
    checkpointEvery: steps / evaluations,
    checkpoints: checkpointFiles(folder),
    ...(teacherCache ? { teacherCache } : {}),
  });
  const { accuracy } = await evaluate(net, data.test, data);
  const seconds = (performance.now() - start) / 1000;
  rmSync(folder, { recursive: true });
  return { seconds, accuracy };
}

const once = await run(undefined);
await run(cache); // fills the cache; not timed
const { hits, misses } = cache;
const again = await run(cache);
const kept = (cache.hits - hits) / (cache.hits - hits + cache.misses - misses);
answer({ ...once, againSeconds: again.seconds, againAccuracy: again.accuracy, kept });
process.exit(0); // onnxruntime keeps threads
