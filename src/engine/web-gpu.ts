/** @file WebGPU where it computes what WebAssembly computes, and WebAssembly elsewhere, with the reason. */
import { loadRuntime, type Runtime } from '../jit/runtime.ts';
import { type AdapterOptions, adapterProblem } from './web-gpu-adapter.ts';
import { difference } from './web-gpu-check.ts';

export interface GpuOptions extends AdapterOptions {}
export interface Provided {
  /** For the option `runtime` of `compile`, `prepare`, `fit` and `distill`. */
  readonly runtime: Runtime;
  readonly provider: 'webgpu' | 'wasm';
  /** Why it is not WebGPU. */
  readonly reason?: string;
  /** One line for users: which of both computes, and why. */
  readonly summary: string;
}

/**
 * onnxruntime on WebGPU, after a check: of a small net with every kind of op, the loss and all gradients are computed on WebGPU and on
 * WebAssembly. Where they differ, an op is missing, or the browser has no adapter, WebAssembly computes, and `reason` says why.
 *
 * @param ort the module `onnxruntime-web/webgpu`, loaded by the program, so that others do not bundle it; or a function that loads it,
 * which is called only where there is an adapter. Without one, the runtime is then that of `onnxruntime-web/wasm`.
 *
 * @example
 * ```ts
 * import { gpuRuntime } from 'moonlet/engine';
 *
 * const { provider, summary } = await gpuRuntime(() => import('onnxruntime-web/webgpu'));
 * console.log(summary.startsWith(provider === 'webgpu' ? 'WebGPU computes' : 'WebAssembly computes')); // true
 * ```
 */
export async function gpuRuntime(
  ort: Runtime | (() => Promise<Runtime>),
  options: GpuOptions = {},
): Promise<Provided> {
  const problem = await adapterProblem(options);
  if (problem !== undefined)
    return elsewhere(typeof ort === 'function' ? await loadRuntime() : withProvider(ort, 'wasm'), problem);
  const loaded = typeof ort === 'function' ? await ort() : ort;
  const [runtime, wasm] = [withProvider(loaded, 'webgpu'), withProvider(loaded, 'wasm')];
  const start = performance.now();
  try {
    const found = await difference(runtime, wasm);
    if (found !== undefined) return elsewhere(wasm, `on WebGPU ${found}`);
  } catch (e) {
    return elsewhere(
      wasm,
      `WebGPU failed the check: ${e instanceof Error ? e.message.split('\n')[0] : String(e)}`,
    );
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const summary = `WebGPU computes: a small net's loss and gradients are those of WebAssembly (checked in ${seconds} s)`;
  return { runtime, provider: 'webgpu', summary };
}

const elsewhere = (runtime: Runtime, reason: string): Provided => ({
  runtime,
  provider: 'wasm',
  reason,
  summary: `WebAssembly computes: ${reason}`,
});

/** The runtime, whose sessions run on a provider; what that lacks runs on the processor. */
function withProvider(ort: Runtime, provider: string): Runtime {
  const create = (model: Uint8Array, options: object) =>
    ort.InferenceSession.create(model, { ...options, executionProviders: [provider] });
  return { Tensor: ort.Tensor, InferenceSession: { create } } as unknown as Runtime;
}
