/** @file What the page of `npm run test:web` can be asked: tasks of the battery, a recipe, and training in a worker. */

import { compile, gpuRuntime, type Provided } from '../../src/engine/index.ts';
import { loadRuntime, type Runtime } from '../../src/jit/runtime.ts';
import { fetchNet } from '../../zoo/web.ts';
import { perform } from '../processors/perform.ts';
import { packArrays, unpackTask } from '../processors/task-files.ts';
import { type Asked, ran } from './recipe.ts';

const bytesAt = async (url: string): Promise<Uint8Array> => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
};

/** WebGPU without the check, so that what it lacks is seen. */
async function webGpu(): Promise<Runtime> {
  const { InferenceSession, Tensor } = await import('onnxruntime-web/webgpu');
  const create = (model: Uint8Array, options: object) =>
    InferenceSession.create(model, { ...options, executionProviders: ['webgpu'] });
  return { Tensor, InferenceSession: { create } } as unknown as Runtime;
}

let chosen: Promise<Provided> | undefined;
const onGpu = (): Promise<Provided> => {
  chosen ??= import('onnxruntime-web/webgpu').then((ort) => gpuRuntime(ort, { software: true }));
  return chosen;
};

const page = {
  /** What `gpuRuntime` chooses here, software included, and why. */
  async gpu(): Promise<Pick<Provided, 'provider' | 'summary'>> {
    const { provider, summary } = await onGpu();
    return { provider, summary };
  },
  /** Performs the task under a URL, and posts what comes out beside it. */
  async perform(url: string, gpu = false): Promise<void> {
    const task = await unpackTask((file) => bytesAt(`${url}/${file}`));
    const runtime = gpu ? await webGpu() : await loadRuntime();
    const found = packArrays(await perform(task, runtime, undefined));
    await fetch(`${url}/result`, { method: 'POST', body: new Uint8Array(found) });
  },
  /** A shipped student, verified, and its outputs for a blank image. */
  async student(id: string): Promise<readonly number[]> {
    const { net } = await fetchNet(id, { from: '/nets' });
    const compiled = await compile(net);
    const [values] = [...(await compiled.run(new Float32Array(28 * 28))).values()];
    await compiled.release();
    return [...(values ?? [])];
  },
  /** A run on this thread. */
  recipe: (asked: Asked) => ran(asked),
  /** A run in a worker, which says each step; `stop` ends it after the step that runs. */
  worker(asked: Asked): {
    readonly steps: number[];
    readonly done: Promise<readonly number[]>;
    stop(): void;
  } {
    const worker = new Worker('/worker.js', { type: 'module' });
    const steps: number[] = [];
    const done = new Promise<readonly number[]>((resolve, reject) => {
      worker.onerror = (e) => reject(new Error(e.message));
      worker.onmessage = ({
        data,
      }: MessageEvent<{ step?: number; loss?: readonly number[]; error?: string }>) => {
        if (data.step !== undefined) steps.push(data.step);
        if (data.loss) resolve(data.loss);
        if (data.error !== undefined) reject(new Error(data.error));
      };
    });
    worker.postMessage(asked);
    return { steps, done, stop: () => worker.postMessage('stop') };
  },
};
export type Page = typeof page;
Object.assign(globalThis, { page });
