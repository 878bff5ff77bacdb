/** @file Whether a browser has a WebGPU adapter that is worth using. Imports nothing, so that a page can ask before it loads an engine. */

/** The part of a WebGPU adapter that is read. */
interface Adapter {
  readonly info?: { readonly architecture?: string; readonly isFallbackAdapter?: boolean };
}
interface Gpu {
  requestAdapter(): Promise<Adapter | null>;
}
export interface AdapterOptions {
  /** Whether an adapter that is software counts, which is slower than WebAssembly: for tests. By default it does not. */
  readonly software?: boolean;
  /** By default that of the browser, `navigator.gpu`. */
  readonly gpu?: Gpu | undefined;
}

const browserGpu = (): Gpu | undefined => (globalThis.navigator as { readonly gpu?: Gpu } | undefined)?.gpu;

/** Why there is no adapter to use, in words; undefined where there is one. */
export async function adapterProblem({
  gpu = browserGpu(),
  software = false,
}: AdapterOptions = {}): Promise<string | undefined> {
  if (!gpu) return 'this browser has no WebGPU';
  const adapter = await gpu.requestAdapter();
  if (!adapter) return 'WebGPU found no adapter';
  const { architecture = '', isFallbackAdapter = false } = adapter.info ?? {};
  return !software && (isFallbackAdapter || architecture === 'swiftshader')
    ? 'the WebGPU adapter is software, which is slower than WebAssembly'
    : undefined;
}
