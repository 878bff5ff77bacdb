/** @file How many threads onnxruntime's build for browsers gets when it is loaded. */
import { expect } from 'chai';
import { defaultThreads, loadRuntime } from '../../src/jit/runtime.ts';

/** What `env.wasm.numThreads` is after loading, in a page that is isolated or not. */
async function threadsOf(isolated: boolean, own?: number): Promise<number | undefined> {
  const wasm: { numThreads?: number } = own === undefined ? {} : { numThreads: own };
  const before = Object.getOwnPropertyDescriptor(globalThis, 'crossOriginIsolated');
  Object.defineProperty(globalThis, 'crossOriginIsolated', { value: isolated, configurable: true });
  try {
    await loadRuntime(async () => ({ env: { wasm } }));
  } finally {
    if (before) Object.defineProperty(globalThis, 'crossOriginIsolated', before);
    else Reflect.deleteProperty(globalThis, 'crossOriginIsolated');
  }
  return wasm.numThreads;
}

describe('threads of WebAssembly', () => {
  it('are one for each core where the page is cross-origin isolated', async () => {
    expect(await threadsOf(true)).to.equal(defaultThreads());
  });

  it('are left to onnxruntime, which takes one, where it is not', async () => {
    expect(await threadsOf(false)).to.equal(undefined);
  });

  it('are those that the program has set', async () => {
    expect(await threadsOf(true, 3)).to.equal(3);
  });
});
