/** @file What the page of `npm run bench -- --browser` can be asked: to prepare an engine for a case, and to time its steps. */

import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { type Material, type Step, training } from '../../../src/bench/training.ts';
import type { Job } from '../../../src/bench/types.ts';
import { unpack } from '../../../src/weights/index.ts';
import { jaxStep } from './jax.ts';

const engines = {
  'moonlet on wasm': (material: Material) => training(material, {}),
  'tfjs-wasm': (material: Material) => {
    setWasmPaths('/');
    return training(material, { engine: 'wasm' });
  },
  'jax-js': jaxStep,
} satisfies Record<string, (material: Material) => Promise<Step>>;
export type PageEngine = keyof typeof engines;

async function fetched(url: string): Promise<ArrayBuffer> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.arrayBuffer();
}
const text = (bytes: ArrayBuffer): string => new TextDecoder().decode(bytes);

let step: Step | undefined;

/** A longer step is run twice only. */
const slowMs = 20_000;

async function timed(count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await step?.run();
    times.push(performance.now() - start);
  }
  return times;
}

const bench = {
  /** Prepares the case under a URL. Gives the losses of its first steps, and milliseconds of the last of them. */
  async open(engine: PageEngine, url: string, steps: number) {
    const [job, graph, weights, x, labels] = await Promise.all(
      ['job.json', 'net.json', 'net.safetensors', 'x.bin', 'labels.bin'].map((file) =>
        fetched(`${url}/${file}`),
      ),
    );
    if (!job || !graph || !weights || !x || !labels) throw new Error('internal: no case');
    const settings: Job = JSON.parse(text(job));
    const net = unpack({ graphJson: text(graph), weights: new Uint8Array(weights) }, 'net');
    const [images, classes] = [new Float32Array(x), new Int32Array(labels)];
    step = await engines[engine]({ job: settings, net, teacher: undefined, x: images, labels: classes });
    const losses: number[] = [];
    let ms = 0;
    for (let i = 0; i < steps; i++) {
      [ms = 0] = await timed(1);
      losses.push(step.loss() ?? Number.NaN);
      if (i > 0 && ms > slowMs) break;
    }
    return { losses, ms };
  },
  steps: timed,
};
export type BenchPage = typeof bench;
Object.assign(globalThis, { bench });
