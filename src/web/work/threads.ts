/** @file How many threads of WebAssembly a worker uses; to be set before the first net runs. */

/** The runtime is a chunk of its own, which its threads load too: hence the dynamic import. */
export async function useThreads(threads: number): Promise<void> {
  const { env } = await import('onnxruntime-web/wasm');
  env.wasm.numThreads = threads;
}
