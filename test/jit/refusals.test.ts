/** @file What jit refuses, word for word, and that tf is left as it was. */

import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { expect } from 'chai';
import { MoonletError } from '../../src/errors.ts';
import { type Arrays, jit, type TracedFunction, trace } from '../../src/jit/index.ts';
import { loadRuntime } from '../../src/jit/runtime.ts';

const none = { state: {}, inputs: {} };
const x3 = { state: {}, inputs: { x: { shape: [3] } } };

/** A function of `x` alone, traced for its error. */
const tracing = (fn: (x: tf.Tensor) => tf.Tensor | Record<string, tf.Tensor>) => (): void => {
  trace((_, { x }) => {
    const y = fn(x as tf.Tensor);
    return { state: {}, outputs: y instanceof tf.Tensor ? { y } : y };
  }, x3);
};

describe('jit refuses', () => {
  let tensors = 0;
  beforeEach(async () => {
    await tf.setBackend('cpu');
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.getBackend()).to.equal('cpu');
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  const frozen =
    'its values would be frozen, the same at every step; draw them outside and pass them as an input';
  const cases: readonly [string, () => void, string][] = [
    [
      'reads',
      tracing((x) => tf.scalar(tf.exp(x).dataSync()[0] ?? 0)),
      'jit: dataSync() or arraySync() of the traced result of Exp (shape [3]): a trace has no numbers yet; compute with ' +
        'tensors (tf.where, tf.maximum, ...), or return what you want to see as an output',
    ],
    [
      'asynchronous reads',
      tracing((x) => {
        void x.data();
        return x;
      }),
      'jit: data() or array() of the traced result of inputs.x (shape [3]): a trace has no numbers yet',
    ],
    [
      'kernels without a rule',
      tracing((x) => tf.acosh(x)),
      'jit: tf kernel Acosh has no rule and cannot be traced; write it with ops that have one',
    ],
    ['unseeded random ops', tracing((x) => tf.add(x, tf.randomUniform([3]))), frozen],
    [
      'seeded random ops',
      tracing((x) => tf.add(x, tf.randomNormal([3], 0, 1, 'float32', 7))),
      `jit: tf.randomNormal inside the traced function: ${frozen}`,
    ],
    [
      'Math.random',
      tracing((x) => tf.mul(x, Math.random())),
      `jit: Math.random (or an unseeded random op of tf) inside the traced function: ${frozen}`,
    ],
    [
      'new variables',
      tracing((x) => tf.add(x, tf.variable(tf.zeros([3]), true, 'fresh'))),
      'jit: the traced function makes variable "fresh"; take it in as state instead',
    ],
    [
      'disposed tensors',
      tracing((x) => {
        let y = x;
        tf.tidy(() => {
          y = tf.exp(x);
        });
        return tf.log(y);
      }),
      'jit: a tensor of shape [3] is used after tf disposed it',
    ],
    [
      'disposed results',
      tracing((x) => {
        const y = tf.exp(x);
        y.dispose();
        return y;
      }),
      'jit: outputs.y is not a live tensor; return tensors that were not disposed',
    ],
    [
      'promises',
      () => {
        trace((async () => none) as unknown as TracedFunction, x3);
      },
      'jit: the traced function returned a promise; return { state, outputs } at once, without await',
    ],
    [
      'nesting',
      tracing((x) => {
        trace(() => ({ state: {}, outputs: {} }), none);
        return x;
      }),
      'jit: a traced function traces another; call jit outside of it',
    ],
    [
      'strings',
      tracing(() => tf.tensor(['a'])),
      'jit: a constant has dtype string, which cannot be traced; use float32, int32 or bool',
    ],
    [
      'a fault of the function',
      tracing(() => {
        throw new Error('mine');
      }),
      'mine',
    ],
  ];
  for (const [name, run, message] of cases) {
    it(name, () => {
      expect(run).to.throw(message);
    });
  }

  it('assignment to variables, which keep their values', () => {
    const start = tf.tensor1d([1, 2, 3]);
    const variable = tf.variable(start, true, 'weights/kernel');
    expect(
      tracing((x) => {
        variable.assign(tf.add(variable, x) as tf.Tensor1D);
        return x;
      }),
    ).to.throw(
      MoonletError,
      'jit: the traced function assigns variable "weights/kernel"; a trace writes no variables: take it in as state ' +
        'and return its new value',
    );
    expect([...variable.dataSync()]).to.deep.equal([1, 2, 3]);
    const later = tf.tensor1d([4, 5, 6]);
    variable.assign(later); // allowed again
    expect([...variable.dataSync()]).to.deep.equal([4, 5, 6]);
    tf.dispose([variable, start, later]);
  });

  it('a state that is not the one that went in', () => {
    const state = { w: { shape: [2] }, n: { shape: [], dtype: 'int32' as const } };
    const given = (change: (s: Record<string, tf.Tensor>) => Record<string, tf.Tensor>) => (): void => {
      trace((s) => ({ state: change({ ...s }), outputs: {} }), { state, inputs: {} });
    };
    expect(given(({ w }) => ({ w: w as tf.Tensor }))).to.throw(
      MoonletError,
      'jit: the returned state lacks "n"; return every key of the state',
    );
    expect(given((s) => ({ ...s, m: s['w'] as tf.Tensor }))).to.throw(
      MoonletError,
      'jit: the returned state has "m", which the state specs lack; add it to the specs',
    );
    expect(given((s) => ({ ...s, w: tf.sum(s['w'] as tf.Tensor) }))).to.throw(
      MoonletError,
      'jit: state "w" went in as float32 [2] and came back as float32 []; keep shape and dtype',
    );
    expect(given((s) => ({ ...s, n: tf.cast(s['n'] as tf.Tensor, 'float32') }))).to.throw(
      MoonletError,
      'jit: state "n" went in as int32 [] and came back as float32 []; keep shape and dtype',
    );
  });

  it('arrays that do not fit the specs', async () => {
    const step = await jit((state, { x }) => ({ state, outputs: { y: x as tf.Tensor } }), {
      state: { n: { shape: [], dtype: 'int32' } },
      inputs: { x: { shape: [2, 2] } },
    });
    const n = Int32Array.of(1);
    const x = new Float32Array(4);
    const refused = async (state: Arrays, inputs: Arrays, message: string): Promise<void> => {
      let error: unknown;
      await step.run(state, inputs).catch((reason: unknown) => {
        error = reason;
      });
      expect(error).to.be.instanceOf(MoonletError);
      expect((error as MoonletError).message).to.equal(message);
    };
    await refused({}, { x }, 'jit: run lacks state.n; give every name of the specs');
    await refused({ n }, { x, z: x }, 'jit: run got inputs.z, which the specs lack; known: x');
    await refused(
      { n },
      { x: new Float32Array(3) },
      'jit: inputs.x is float32 [2, 2], got Float32Array of 3; give a Float32Array of 4',
    );
    await refused(
      { n: new Float32Array(1) },
      { x },
      'jit: state.n is int32 [], got Float32Array of 1; give an Int32Array of 1',
    );
    await step.release();
    await step.release();
    await refused({ n }, { x }, 'jit: run after release; call jit again for a new session');
  });

  it('a graph that onnxruntime has no kernel for', async () => {
    let error: unknown;
    const leaky = jit((_, { x }) => ({ state: {}, outputs: { y: tf.leakyRelu(x as tf.Tensor, 0.1) } }), {
      state: {},
      inputs: { x: { shape: [3], dtype: 'int32' } },
    });
    await leaky.catch((reason: unknown) => {
      error = reason;
    });
    expect(error).to.be.instanceOf(MoonletError);
    expect((error as MoonletError).message).to.match(
      /^jit: onnxruntime refuses the traced graph \(.*LeakyRelu.*\); cast the operands of that op to float32, or write/,
    );
  });

  it('says how to install onnxruntime where it is missing', async () => {
    let error: unknown;
    const missing = (): Promise<unknown> =>
      Promise.reject(new Error("Cannot find package 'onnxruntime-node'\nimported from"));
    await loadRuntime(missing).catch((reason: unknown) => {
      error = reason;
    });
    expect(error).to.be.instanceOf(MoonletError);
    expect((error as MoonletError).message).to.equal(
      'onnxruntime-node is not installed; run: ' +
        'npm install --onnxruntime-node-install=skip onnxruntime-node@1.30.0',
    );
  });
});
