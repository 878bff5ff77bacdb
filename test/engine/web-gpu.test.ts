/** @file When WebGPU is used: only where an adapter is there and its results are WebAssembly's. The runtimes here are onnxruntime-node. */
import { expect } from 'chai';
import { gpuRuntime } from '../../src/engine/index.ts';
import { loadRuntime, type Runtime } from '../../src/jit/runtime.ts';

const hardware = { requestAdapter: async () => ({ info: { architecture: 'rdna-3' } }) };

/** onnxruntime-node, whose WebGPU adds `off` to every number of the outputs that end so. */
async function fake(ending: string, off: number): Promise<Runtime> {
  const ort = await loadRuntime();
  const create = async (model: Uint8Array, options: { executionProviders?: readonly string[] }) => {
    const { executionProviders = [], ...others } = options;
    const session = await ort.InferenceSession.create(model, others);
    if (executionProviders[0] !== 'webgpu') return session;
    if (Number.isNaN(off)) throw new Error('no kernel for Where');
    const run = async (feeds: Parameters<typeof session.run>[0]) => {
      const results = await session.run(feeds);
      for (const [name, { data }] of Object.entries(results))
        if (name.endsWith(ending) && data instanceof Float32Array) data.set(data.map((v) => v + off));
      return results;
    };
    return { run, release: () => session.release() };
  };
  return { Tensor: ort.Tensor, InferenceSession: { create } } as unknown as Runtime;
}

describe('gpuRuntime', () => {
  it('takes WebGPU where the loss and every gradient are those of WebAssembly', async () => {
    const { provider, reason, summary } = await gpuRuntime(() => fake('', 0), { gpu: hardware });
    expect([provider, reason]).to.deep.equal(['webgpu', undefined]);
    expect(summary).to.match(/^WebGPU computes: .* are those of WebAssembly \(checked in \d+\.\d s\)$/);
  });

  it('names the gradient that differs, and takes WebAssembly', async () => {
    const { provider, reason } = await gpuRuntime(await fake('of x', 0.1), { gpu: hardware });
    expect(provider).to.equal('wasm');
    expect(reason).to.match(/^on WebGPU the gradient of x differs by \d/);
  });

  it('says what WebGPU lacks', async () => {
    const { provider, reason } = await gpuRuntime(await fake('', Number.NaN), { gpu: hardware });
    expect(provider).to.equal('wasm');
    expect(reason).to.match(/^WebGPU failed the check: .*no kernel for Where/);
  });

  for (const [adapter, reason] of [
    [null, 'WebGPU found no adapter'],
    [
      { info: { architecture: 'swiftshader' } },
      'the WebGPU adapter is software, which is slower than WebAssembly',
    ],
  ] as const)
    it(`takes WebAssembly: ${reason}`, async () => {
      const found = await gpuRuntime(await fake('', 0), { gpu: { requestAdapter: async () => adapter } });
      expect([found.provider, found.reason]).to.deep.equal(['wasm', reason]);
      expect(found.summary).to.equal(`WebAssembly computes: ${reason}`);
    });

  it('does not load the module where there is no adapter', async () => {
    const { runtime } = await gpuRuntime(() => Promise.reject(new Error('loaded')), { gpu: undefined });
    expect(runtime).to.equal(await loadRuntime());
  });
});
