/** @file How many threads of WebAssembly a worker uses; to be set before the first net runs. */

import { placeOf } from './places.ts';

/** More threads are not known to help nets as small as these. */
const most = 4;

/**
 * The threads of a run: half of the cores, since two runs train at once, up to four; one where the page is not cross-origin isolated.
 */
export const trainingThreads = (): number =>
  globalThis.crossOriginIsolated
    ? Math.max(1, Math.min(most, Math.floor(navigator.hardwareConcurrency / 2)))
    : 1;

/**
 * The runtime is a chunk of its own, which its threads load too: hence the dynamic import.
 * @throws Error with what the server says, where it has no WebAssembly.
 */
export async function useThreads(threads: number): Promise<void> {
  if (import.meta.env.PROD) await checkRuntime();
  const { env } = await import('onnxruntime-web/wasm');
  env.wasm.numThreads = threads;
}

async function checkRuntime(): Promise<void> {
  const response = await fetch(placeOf('wasm/ort-wasm-simd-threaded.wasm'));
  if (!response.ok)
    throw new Error(`nets cannot run: ${(await response.text()).trim() || response.statusText}`);
  await response.body?.cancel(); // the runtime reads it by itself
}
