/** @file Where onnxruntime refuses a graph in blocks, when it loads or when it runs, one without blocks takes over and says so. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { jit } from '../../src/jit/index.ts';
import { loadRuntime, type Runtime } from '../../src/jit/runtime.ts';
import { conv } from '../../src/kernels/index.ts';
import { takeRefusals } from '../support/without-blocks.ts';
import { numbers } from './agree.ts';
import { as4, geometry } from './wide.ts';

type Session = Awaited<ReturnType<Runtime['InferenceSession']['create']>>;

const isBlocked = (model: unknown): boolean =>
  Buffer.from(model as Uint8Array).includes('com.microsoft.nchwc');

/** A runtime that says that it has blocks of 16, and refuses graphs that use them when they load, at the first or the second run. */
async function stubborn(at: 'load' | 'run' | 'later'): Promise<{ runtime: Runtime; released: () => number }> {
  const ort = await loadRuntime();
  let released = 0;
  const release = async (): Promise<void> => void released++;
  const probed = { run: async () => ({ y: { dims: [1, 16, 1, 1] } }), release };
  let runs = at === 'later' ? 1 : 0;
  const run = async (): Promise<unknown> => {
    if (runs-- > 0) return { 'outputs/y': { data: Float32Array.of(7) } };
    throw new Error(at === 'later' ? 'out of memory' : 'condition was false\nat line 1');
  };
  const refusing = { run, release };
  const create = async (model: Uint8Array, options: object): Promise<Session> => {
    if (!isBlocked(model)) return ort.InferenceSession.create(model, options);
    if (Buffer.from(model).includes('probe')) return probed as unknown as Session;
    if (at === 'load') throw new Error('no such kernel');
    return refusing as unknown as Session;
  };
  const runtime = { Tensor: ort.Tensor, InferenceSession: { create } } as unknown as Runtime;
  return { runtime, released: () => released };
}

const fn = (x: tf.Tensor, k: tf.Tensor): tf.Tensor => tf.sum(tf.relu(conv(as4(x), as4(k), geometry)));
const [image, kernel] = [numbers(2 * 36 * 16, 1), numbers(9 * 16 * 16, 2)];
const make = (runtime?: Runtime) =>
  jit(
    (_, { x, k }) => ({ state: {}, outputs: { y: fn(x as tf.Tensor, k as tf.Tensor) } }),
    { state: {}, inputs: { x: { shape: [2, 6, 6, 16] }, k: { shape: [3, 3, 16, 16] } } },
    runtime ? { runtime } : {},
  );

describe('jit: a graph in blocks that onnxruntime refuses', () => {
  for (const at of ['load', 'run'] as const) {
    it(`when it ${at}s it, is replaced by one without blocks, with a warning`, async () => {
      const { runtime, released } = await stubborn(at);
      const [plain, step] = [await make(), await make(runtime)];
      expect(isBlocked(step.model)).to.equal(at === 'run');
      const [expected, found] = [
        await plain.run({}, { x: image, k: kernel }),
        await step.run({}, { x: image, k: kernel }),
      ];
      expect(isBlocked(step.model)).to.equal(false);
      expect(found.outputs['y']?.[0]).to.be.closeTo(expected.outputs['y']?.[0] ?? Number.NaN, 1e-2);
      expect(await takeRefusals()).to.deep.equal([
        `onnxruntime refuses a graph in blocks of channels (${at === 'load' ? 'no such kernel' : 'condition was false'}), ` +
          'so that a slower one without them runs; please report this with the net and the batch',
      ]);
      expect(released()).to.equal(at === 'load' ? 1 : 2);
      await Promise.all([plain.release(), step.release()]);
    });
  }

  it('is not replaced after a run that it did', async () => {
    const { runtime } = await stubborn('later');
    const step = await make(runtime);
    const { outputs } = await step.run({}, { x: image, k: kernel });
    expect(outputs['y']).to.deep.equal(Float32Array.of(7));
    const again = await step.run({}, { x: image, k: kernel }).catch((error: Error) => error.message);
    expect(again).to.equal('out of memory');
    expect(isBlocked(step.model)).to.equal(true);
    await step.release();
  });
});
