/** @file On what a worker trains: threads of WebAssembly, or WebGPU once it has passed its check there. */
import { gpuRuntime, type Provided } from '../../engine/index.ts';
import type { Runtime } from '../../jit/index.ts';
import { trainingThreads } from './threads.ts';

/** Which adapters of WebGPU may be tried: none, graphics cards, or software too, which is for tests. */
export type Tries = 'none' | 'hardware' | 'software';
/** What the page says of it. */
export type Engine = Pick<Provided, 'provider' | 'reason' | 'summary'>;

let runtime: Runtime | undefined;

/** The option `runtime` of a run; WebAssembly, where there is none. */
export const trainingRuntime = (): { readonly runtime?: Runtime } => (runtime ? { runtime } : {});

/** Chooses for the runs that follow. The module for WebGPU is loaded only where there is an adapter. */
export async function chooseEngine(tries: Tries): Promise<Engine> {
  runtime = undefined;
  if (tries === 'none') return { provider: 'wasm', summary: 'WebAssembly computes' };
  const load = async (): Promise<Runtime> => {
    const ort = await import('onnxruntime-web/webgpu');
    ort.env.wasm.numThreads = trainingThreads();
    return ort;
  };
  const { runtime: found, ...engine } = await gpuRuntime(load, { software: tries === 'software' });
  if (engine.provider === 'webgpu') runtime = found;
  return engine;
}
