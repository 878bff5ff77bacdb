/** @file WebGPU where it computes what WebAssembly computes, and WebAssembly elsewhere, with the reason. */
import type { Runtime } from '../jit/runtime.ts';
import { difference } from './web-gpu-check.ts';

/** The part of a WebGPU adapter that is read. */
interface Adapter {
  readonly info?: { readonly architecture?: string; readonly isFallbackAdapter?: boolean };
}
interface Gpu {
  requestAdapter(): Promise<Adapter | null>;
}

export interface GpuOptions {
  /** Whether an adapter that is software counts, which is slower than WebAssembly: for tests. By default it does not. */
  readonly software?: boolean;
  /** By default that of the browser, `navigator.gpu`. */
  readonly gpu?: Gpu | undefined;
}
export interface Provided {
  /** For the option `runtime` of `compile`, `prepare`, `fit` and `distill`. */
  readonly runtime: Runtime;
  readonly provider: 'webgpu' | 'wasm';
  /** Why it is not WebGPU. */
  readonly reason?: string;
}

/**
 * onnxruntime on WebGPU, after a check: of a small net with every kind of op, the loss and all gradients are computed on WebGPU and on
 * WebAssembly. Where they differ, an op is missing, or the browser has no adapter, WebAssembly computes, and `reason` says why.
 *
 * @param ort the module `onnxruntime-web/webgpu`, loaded by the program, so that others do not bundle it.
 *
 * @example
 * ```ts
 * import { gpuRuntime } from 'moonlet/engine';
 *
 * const { provider, reason } = await gpuRuntime(await import('onnxruntime-web/webgpu'));
 * // where WebAssembly takes over, the reason says why
 * console.log(provider === 'webgpu' || reason !== undefined); // true
 * ```
 */
export async function gpuRuntime(ort: Runtime, options: GpuOptions = {}): Promise<Provided> {
  const wasm = withProvider(ort, 'wasm');
  const elsewhere = (reason: string): Provided => ({ runtime: wasm, provider: 'wasm', reason });
  const { gpu = browserGpu(), software = false } = options;
  if (!gpu) return elsewhere('this browser has no WebGPU');
  const adapter = await gpu.requestAdapter();
  if (!adapter) return elsewhere('WebGPU found no adapter');
  const { architecture = '', isFallbackAdapter = false } = adapter.info ?? {};
  if (!software && (isFallbackAdapter || architecture === 'swiftshader'))
    return elsewhere('the WebGPU adapter is software, which is slower than WebAssembly');
  const runtime = withProvider(ort, 'webgpu');
  try {
    const found = await difference(runtime, wasm);
    return found === undefined ? { runtime, provider: 'webgpu' } : elsewhere(`on WebGPU ${found}`);
  } catch (e) {
    return elsewhere(`WebGPU failed the check: ${e instanceof Error ? e.message.split('\n')[0] : String(e)}`);
  }
}

const browserGpu = (): Gpu | undefined => (globalThis.navigator as { readonly gpu?: Gpu } | undefined)?.gpu;

/** The runtime, whose sessions run on a provider; what that lacks runs on the processor. */
function withProvider(ort: Runtime, provider: string): Runtime {
  const create = (model: Uint8Array, options: object) =>
    ort.InferenceSession.create(model, { ...options, executionProviders: [provider] });
  return { Tensor: ort.Tensor, InferenceSession: { create } } as unknown as Runtime;
}
