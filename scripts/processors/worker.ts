/**
 * @file Runs tasks on whatever processor this process sees: `worker.mjs RUNTIME OUT TASK...`, each task a folder. Says one
 * line of JSON behind an `@` for the processor, and one for each task when it is done.
 */
import { join } from 'node:path';
import type { Runtime } from '../../src/jit/index.ts';
import { blockOf, loadRuntime } from '../../src/jit/runtime.ts';
import { perform } from './perform.ts';
import { readTask, writeArrays } from './tasks.ts';

const [runtimeName = 'onnxruntime-node', out = '.', ...tasks] = process.argv.slice(2);
const say = (message: object): void => void process.stdout.write(`@${JSON.stringify(message)}\n`);

const runtime: Runtime = await loadRuntime(() =>
  runtimeName === 'onnxruntime-web' ? import('onnxruntime-web') : import('onnxruntime-node'),
);
const block = await blockOf(runtime);
say({ processor: process.arch, block: block ?? null });
for (const [i, folder] of tasks.entries()) {
  const began = performance.now();
  try {
    writeArrays(join(out, `${i}.safetensors`), await perform(await readTask(folder), runtime, block));
    say({ task: i, ms: Math.round(performance.now() - began) });
  } catch (error) {
    say({
      task: i,
      error: (error instanceof Error ? error.message : String(error)).split('\n')[0]?.slice(0, 300),
    });
  }
}
process.exit(0); // threads of a wasm runtime would keep it
