/**
 * @file What jit promises beside speed: functional, nothing touched, inputs that change, lean graphs.
 */

import * as tf from '@tensorflow/tfjs-core';
import type { InferenceSession } from 'onnxruntime-common';
import '@tensorflow/tfjs-backend-cpu';
import { expect } from 'chai';
import { type Arrays, jit, type TracedFunction, trace } from '../../src/jit/index.ts';
import { blockOf, loadRuntime, type Runtime } from '../../src/jit/runtime.ts';
import { batchNorm, conv, maxPool } from '../../src/kernels/index.ts';
import { decodeModel } from '../../src/onnx/index.ts';
import { activate } from '../../src/read/tfjs/apply.ts';
import { expectAgreement, numbers } from './agree.ts';

const x3 = { state: {}, inputs: { x: { shape: [3] } } };
const same = {
  stride: [1, 1],
  dilation: [1, 1],
  pads: { top: 1, bottom: 1, left: 1, right: 1 },
  groups: 1,
} as const;

describe('jit', () => {
  let tensors = 0;
  beforeEach(async () => {
    await tf.setBackend('cpu');
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.getBackend()).to.equal('cpu');
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('opens its session with memory patterns, which hold the memory of a run twice, only where there are no blocks', async () => {
    const ort = await loadRuntime();
    const patterns = async (hasBlocks: boolean, optimize: boolean): Promise<unknown> => {
      const seen: (boolean | undefined)[] = [];
      const create = (model: Uint8Array, options?: InferenceSession.SessionOptions) => {
        const isProbe = Buffer.from(model).includes('probe');
        if (isProbe && !hasBlocks) throw new Error('no such kernel');
        if (!isProbe) seen.push(options?.enableMemPattern);
        return ort.InferenceSession.create(model, options);
      };
      const runtime = { Tensor: ort.Tensor, InferenceSession: { create } } as unknown as Runtime;
      const double = await jit((_, { x }) => ({ state: {}, outputs: { y: tf.mul(x as tf.Tensor, 2) } }), x3, {
        ...{ runtime, optimize },
      });
      await double.release();
      return seen;
    };
    expect(await patterns(true, true)).to.deep.equal([false]);
    expect(await patterns(false, true)).to.deep.equal([true]);
    expect(await patterns(false, false)).to.deep.equal([false]);
  });

  it('leaves onnxruntime to optimize graphs with constants, or without blocks', async () => {
    const ort = await loadRuntime();
    const levels = async (fn: TracedFunction, block: boolean): Promise<unknown> => {
      const seen: (string | undefined)[] = [];
      const create = (model: Uint8Array, options?: InferenceSession.SessionOptions) => {
        seen.push(options?.graphOptimizationLevel);
        if (!block && seen.length === 1) throw new Error('no blocks in this runtime');
        return ort.InferenceSession.create(model, options);
      };
      const runtime = { Tensor: ort.Tensor, InferenceSession: { create } } as unknown as Runtime;
      await (await jit(fn, x3, { runtime })).release();
      return seen.at(-1);
    };
    const small: TracedFunction = (_, { x }) => ({ state: {}, outputs: { y: tf.square(x as tf.Tensor) } });
    const table = tf.keep(tf.truncatedNormal([3, 30_000]));
    const large: TracedFunction = (_, { x }) => ({
      state: {},
      outputs: { y: tf.sum(tf.mul(tf.reshape(x as tf.Tensor, [3, 1]), table)) },
    });
    const hasBlocks = (await blockOf(ort)) !== undefined;
    expect(await levels(small, true)).to.equal(hasBlocks ? 'disabled' : 'all');
    expect(await levels(large, true)).to.equal('all');
    expect(await levels(small, false)).to.equal('all');
    table.dispose();
  });

  it('passes small tensors of the state in one vector, whatever memory they come in', async () => {
    const shapes = { a: [2, 3], b: [4], c: [1, 2, 2, 1], d: [5], still: [3], big: [9000] };
    const state = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape }]));
    const specs = { state, inputs: { rate: { shape: [] } } };
    const fn: TracedFunction = (before, { rate }) => {
      const moved = (name: string, by = tf.sin): tf.Tensor => {
        const x = before[name] as tf.Tensor;
        return tf.sub(x, tf.mul(rate as tf.Tensor, by(x)));
      };
      const after = {
        ...{ a: moved('a'), b: moved('b'), big: moved('big') },
        ...{ c: moved('c', tf.cos), d: moved('d', tf.cos) },
      };
      return {
        state: { ...after, still: before['still'] as tf.Tensor },
        // d goes out twice, so that it is not joined with c; a is read on the way
        outputs: { d: after.d, sum: tf.sum(before['a'] as tf.Tensor) },
      };
    };
    expect(trace(fn, specs, { join: true }).joined).to.deep.equal([['a', 'b']]);
    expect(trace(fn, specs).joined).to.deep.equal([]);
    const step = await jit(fn, specs);
    const plain = await jit(fn, specs, { optimize: false });
    const rate = Float32Array.of(0.5);
    const arrays = Object.fromEntries(
      Object.entries(shapes).map(([name, shape], i): [string, Float32Array] => {
        return [
          name,
          numbers(
            shape.reduce((n, dim) => n * dim),
            i + 1,
          ),
        ];
      }),
    );
    // b and a behind one another in one memory, in the other order
    const memory = Float32Array.of(...(arrays['b'] as Float32Array), ...(arrays['a'] as Float32Array));
    const swapped = { ...arrays, b: memory.subarray(0, 4), a: memory.subarray(4) };
    let [found, wanted]: [Arrays, Arrays] = [swapped, arrays];
    for (let i = 0; i < 3; i++) {
      const [mine, theirs] = [await step.run(found, { rate }), await plain.run(wanted, { rate })];
      expect(Object.keys(mine.state)).to.deep.equal(Object.keys(shapes));
      for (const name of Object.keys(shapes)) {
        const [x, y] = [mine.state[name] as Float32Array, theirs.state[name] as Float32Array];
        expect([...x], name).to.deep.equal([...y]);
      }
      expect(mine.outputs).to.deep.equal(theirs.outputs);
      [found, wanted] = [mine.state, theirs.state];
    }
    expect(found['a']?.buffer).to.equal(found['b']?.buffer);
    await step.release();
    await plain.release();
  });

  it('carries state, and takes what changes as inputs, without tracing again', async () => {
    let traces = 0;
    const fn: TracedFunction = (state, { target, rate }) => {
      traces++;
      const loss = (w: tf.Tensor): tf.Scalar => tf.sum(tf.squaredDifference(w, target as tf.Tensor));
      const { value, grad } = tf.valueAndGrad(loss)(state['w'] as tf.Tensor);
      const w = tf.sub(state['w'] as tf.Tensor, tf.mul(rate as tf.Tensor, grad));
      return {
        state: { w, count: tf.add(state['count'] as tf.Tensor, tf.scalar(1, 'int32')) },
        outputs: { loss: value },
      };
    };
    const step = await jit(fn, {
      state: { w: { shape: [2] }, count: { shape: [], dtype: 'int32' } },
      inputs: { target: { shape: [2] }, rate: { shape: [] } },
    });
    let state: Arrays = { w: Float32Array.of(0, 0), count: Int32Array.of(5) };
    const w: number[][] = [];
    for (const rate of [0.5, 0.25, 0]) {
      const target = Float32Array.of(1, rate === 0.25 ? 5 : 2);
      state = (await step.run(state, { target, rate: Float32Array.of(rate) })).state;
      w.push([...(state['w'] as Float32Array)]);
    }
    expect(w).to.deep.equal([
      [1, 2],
      [1, 3.5],
      [1, 3.5],
    ]);
    expect([...(state['count'] as Int32Array)]).to.deep.equal([8]);
    expect(traces).to.equal(1);
    await step.release();
  });

  it('reads captured tensors as constants and leaves them where they are', async () => {
    const captured = tf.tensor1d([1, 2, 3]);
    const two = tf.scalar(2);
    const variable = tf.variable(two, false, 'captured');
    const step = await jit(
      (_, { x }) => ({ state: {}, outputs: { y: tf.mul(tf.add(x as tf.Tensor, captured), variable) } }),
      x3,
    );
    captured.dispose();
    const { outputs } = await step.run({}, { x: Float32Array.of(1, 1, 1) });
    expect([...(outputs['y'] as Float32Array)]).to.deep.equal([4, 6, 8]);
    expect(variable.dataSync()[0]).to.equal(2);
    const other = tf.tensor1d([4]);
    trace((_, { x }) => ({ state: {}, outputs: { y: tf.add(x as tf.Tensor, other.clone()) } }), x3);
    expect([...other.dataSync()]).to.deep.equal([4]);
    tf.dispose([other, variable, two]);
    await step.release();
  });

  it('frees tensors that the function keeps', () => {
    trace((_, { x }) => {
      const kept: tf.Tensor[] = [];
      const grads = tf.grad((y) => {
        const z = tf.keep(tf.exp(y));
        kept.push(z);
        return tf.sum(z);
      })(x as tf.Tensor);
      return { state: {}, outputs: { grads, z: kept[0] as tf.Tensor } };
    }, x3);
  });

  it('gives inputs and constants back when they are the result', async () => {
    const specs = { state: { s: { shape: [2] } }, inputs: { x: { shape: [2], dtype: 'int32' } as const } };
    const step = await jit(
      (state, { x }) => ({ state, outputs: { x: x as tf.Tensor, y: x as tf.Tensor, one: tf.ones([2, 2]) } }),
      specs,
    );
    const result = await step.run({ s: Float32Array.of(1, 2) }, { x: Int32Array.of(3, 4) });
    expect([...(result.state['s'] as Float32Array)]).to.deep.equal([1, 2]);
    expect([...(result.outputs['y'] as Int32Array)]).to.deep.equal([3, 4]);
    expect([...(result.outputs['one'] as Float32Array)]).to.deep.equal([1, 1, 1, 1]);
    await step.release();
  });

  it('makes no megabytes of constants from zeros and ones', () => {
    const { model } = trace((_, { x }) => {
      const zeros = tf.zerosLike(tf.broadcastTo(x as tf.Tensor, [500, 200, 3]));
      return { state: {}, outputs: { y: tf.add(zeros, tf.ones([500, 200, 3])) } };
    }, x3);
    expect(model.length).to.be.below(2000);
  });

  it('computes the same thing once, and nothing that is not asked for', () => {
    const { counts } = trace((_, { x }) => {
      const a = tf.exp(x as tf.Tensor);
      tf.log(a);
      return { state: {}, outputs: { y: tf.mul(tf.add(a, tf.exp(x as tf.Tensor)), 1) } };
    }, x3);
    expect(counts).to.deep.equal({ Exp: 1, Add: 1 });
  });

  it('computes GELU as one op of onnxruntime, but where its gradient reads the parts', async () => {
    const specs = { state: {}, inputs: { x: { shape: [2, 3, 3, 8] } } };
    const gelu: TracedFunction = (_, { x }) => ({
      state: {},
      outputs: { y: activate(x as tf.Tensor, 'gelu') },
    });
    const both: TracedFunction = (_, { x }) => {
      const { value, grad } = tf.valueAndGrad((z) => tf.sum(activate(z, 'gelu')))(x as tf.Tensor);
      return { state: {}, outputs: { value, grad } };
    };
    expect(trace(gelu, specs, { block: 8 }).counts).to.deep.equal({ Gelu: 1 });
    expect(trace(both, specs, { block: 8 }).counts)
      .to.include({ Erf: 1 })
      .and.not.have.property('Gelu');
    const one = (x: tf.Tensor): tf.Tensor => activate(x, 'gelu');
    const x = tf.tensor(numbers(144), [2, 3, 3, 8]);
    await expectAgreement(one, [x]);
    x.dispose();
  });

  it('cancels transposes: a chain of conv, norm, relu has them at its edges alone', () => {
    const specs = {
      state: {},
      inputs: { x: { shape: [2, 8, 8, 4] }, k: { shape: [3, 3, 4, 4] }, g: { shape: [4] } },
    };
    const chain: TracedFunction = (_, { x, k, g }) => {
      let y = x as tf.Tensor4D;
      for (let i = 0; i < 3; i++) {
        const normed = batchNorm(conv(y, k as tf.Tensor4D, same), g as tf.Tensor1D, undefined, 1e-3).y;
        y = tf.add(tf.relu(normed), y) as tf.Tensor4D;
      }
      const pooled = maxPool(tf.concat([y, y], 3), {
        size: [2, 2],
        stride: [2, 2],
        pads: { top: 0, bottom: 0, left: 0, right: 0 },
      });
      return {
        state: {},
        outputs: { y: tf.mean(tf.mul(pooled, tf.sigmoid(tf.mean(pooled, [1, 2], true))), [1, 2]), image: y },
      };
    };
    // x in, the kernel once, the image out
    expect(trace(chain, specs).counts['Transpose']).to.equal(3);
    expect(trace(chain, specs, { optimize: false }).counts['Transpose']).to.be.above(5);
  });

  it('a channel shuffle costs one transpose', () => {
    const specs = { state: {}, inputs: { x: { shape: [2, 8, 8, 4] }, k: { shape: [3, 3, 4, 4] } } };
    const { counts } = trace((_, { x, k }) => {
      const y = conv(x as tf.Tensor4D, k as tf.Tensor4D, same);
      const shuffled = tf.reshape(
        tf.transpose(tf.reshape(y, [2, 8, 8, 2, 2]), [0, 1, 2, 4, 3]),
        [2, 8, 8, 4],
      );
      return {
        state: {},
        outputs: { y: tf.sum(tf.square(conv(shuffled as tf.Tensor4D, k as tf.Tensor4D, same))) },
      };
    }, specs);
    expect(counts['Transpose']).to.equal(3); // x, the kernel, the shuffle
  });

  it('differentiates twice', async () => {
    const inner = (x: tf.Tensor, k: tf.Tensor): tf.Scalar => {
      const y = conv(x as tf.Tensor4D, k as tf.Tensor4D, same);
      return tf.sum(tf.square(batchNorm(tf.tanh(y), undefined, undefined, 1e-3).y));
    };
    const outer = (x: tf.Tensor, k: tf.Tensor): tf.Scalar =>
      tf.sum(tf.square(tf.grad((a) => tf.sum(tf.mul(inner(a, k), tf.sum(tf.sin(a)))))(x)));
    const inputs = [tf.tensor(numbers(200), [2, 5, 5, 4]), tf.tensor(numbers(144, 2), [3, 3, 4, 4])];
    await expectAgreement((x, k) => tf.grads(outer)([x as tf.Tensor, k as tf.Tensor]), inputs, 1e-3);
    tf.dispose(inputs);
  });

  it('names inputs and outputs by room', () => {
    const { model, outputs } = trace(
      (state, { x }) => ({ state, outputs: { y: tf.greater(x as tf.Tensor, 0) } }),
      { state: { w: { shape: [] } }, inputs: { x: { shape: [3] } } },
    );
    const { inputs, outputs: named } = decodeModel(model);
    expect(inputs.map((value) => value.name)).to.deep.equal(['state/w', 'inputs/x']);
    expect(named.map((value) => value.name)).to.deep.equal(['newState/w', 'outputs/y']);
    expect(outputs).to.deep.equal({ y: { shape: [3], dtype: 'int32' } });
  });
});
