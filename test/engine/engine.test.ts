/** @file Engines by name, and nets made ready on them. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { inferenceEngine } from '../../src/engine/default-engine.ts';
import { compile, type EngineOptions, engineNamed, prepare, useBackend } from '../../src/engine/index.ts';
import { MoonletError, UsageError } from '../../src/errors.ts';
import { graph, input } from '../../src/index.ts';
import { defaultThreads } from '../../src/jit/runtime.ts';
import { wrn } from '../../zoo/architectures/index.ts';
import { largestDifference, noise, shaken } from '../support/nets.ts';
import { usage } from '../support/refused.ts';

const net = shaken(wrn({ depth: 10, size: 16 }));
const rejection = async (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => {
      throw new Error('expected a rejection');
    },
    (e: Error) => e,
  );

describe('engines', () => {
  it('are known by name; another is refused with the nearest', () => {
    expect(engineNamed('wasm')).to.equal('wasm');
    expect(() => engineNamed('onnx')).to.throw(
      UsageError,
      'no engine "onnx". Known: onnxruntime, tfjs-node, wasm, cpu',
    );
    expect(() => engineNamed('wsam')).to.throw(UsageError, 'Did you mean "wasm"?');
  });

  it('multiply by the same numbers in two shapes (wasm alone would not)', async () => {
    const products = async (engine: 'cpu' | 'wasm'): Promise<Float32Array> => {
      await useBackend(engine);
      return tf.tidy(() => {
        const b = tf.tensor2d(noise(48, 'b'), [6, 8]);
        const row = (n: number): tf.Tensor2D => tf.tensor2d(noise(n, 'a'), [1, n]);
        const all = [
          tf.matMul(row(6), b),
          tf.matMul(row(8), tf.reshape(b, [8, 6])),
          tf.matMul(row(8), b, false, true),
          tf.matMul(row(6), b),
        ];
        return Float32Array.from(all.flatMap((y) => [...y.dataSync()]));
      });
    };
    expect(largestDifference(await products('wasm'), await products('cpu'))).to.be.below(1e-6);
  });

  it('run one function alike: state in, state out', async () => {
    const specs = { state: { w: { shape: [2] } }, inputs: { rate: { shape: [] } } };
    for (const engine of ['cpu', 'wasm', 'onnxruntime'] as const) {
      const ready = await prepare(
        ({ w }, { rate }) => ({
          state: { w: tf.sub(w as tf.Tensor, rate as tf.Tensor) },
          outputs: { sum: tf.sum(w as tf.Tensor) },
        }),
        specs,
        { engine },
      );
      const first = await ready.run({ w: Float32Array.of(1, 2) }, { rate: Float32Array.of(0.5) });
      const second = await ready.run(first.state, { rate: Float32Array.of(1) });
      expect([...(second.state['w'] ?? [])], engine).to.deep.equal([-0.5, 0.5]);
      expect([...(second.outputs['sum'] ?? [])], engine).to.deep.equal([2]);
      await ready.release();
    }
  });

  it('say which input is missing', async () => {
    const specs = { state: {}, inputs: { x: { shape: [1] } } };
    const ready = await prepare((_, { x }) => ({ state: {}, outputs: { x: x as tf.Tensor } }), specs, {
      engine: 'cpu',
    });
    expect((await rejection(ready.run({}, {}))).message).to.equal(
      'the input "x" is missing; give an array for every name of the specs',
    );
  });

  it('leave no tensors behind on eager backends', async () => {
    await useBackend('cpu');
    const runner = await compile(net, { engine: 'cpu' });
    await runner.run(noise(2 * 768, 'a'));
    const before = tf.memory().numTensors;
    await runner.run(noise(2 * 768, 'b'));
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('give the values of any nodes, with their shapes', async () => {
    const runner = await compile(net, { values: ['stage1/0/add', 'head/dense'] });
    const values = await runner.run(noise(2 * 768, 'c'));
    expect([...runner.shapes]).to.deep.equal([
      ['stage1/0/add', [16, 16, 16]],
      ['head/dense', [10]],
    ]);
    expect(values.get('stage1/0/add')).to.have.length(2 * 16 * 16 * 16);
    expect(values.get('head/dense')).to.have.length(20);
    await runner.release();
  });

  it('are refused by name in code, as threads are that cannot be', async () => {
    const batch = { x: { shape: [1] } } as const;
    const calls = (o: EngineOptions): readonly (() => Promise<unknown>)[] => [
      () => compile(net, o),
      () => prepare((state) => ({ state, outputs: {} }), { state: {}, inputs: batch }, o),
    ];
    for (const [o, message] of [
      [{ engine: 'webgpu' }, 'no engine "webgpu". Known: onnxruntime, tfjs-node, wasm, cpu'],
      [{ engine: 'wasn' }, 'no engine "wasn". Did you mean "wasm"? Known: onnxruntime, tfjs-node, wasm, cpu'],
      [{ engine: {} }, 'engine must be a name, one of onnxruntime, tfjs-node, wasm, cpu, got object'],
      [{ threads: 0 }, 'threads must be a whole number from 1 to 1024, got 0'],
      [{ threads: '2' }, 'threads must be a whole number from 1 to 1024, got 2'],
    ] as const)
      for (const call of calls(o as EngineOptions)) expect(await usage(call)).to.equal(message);
    expect(await usage(() => useBackend('onnxruntime' as 'cpu'))).to.equal(
      'useBackend: onnxruntime is no backend of tf; known: tfjs-node, wasm, cpu',
    );
  });

  it('take as many threads as the environment says, and refuse what is no number', () => {
    const before = process.env['MOONLET_THREADS'];
    try {
      process.env['MOONLET_THREADS'] = '3';
      expect(defaultThreads()).to.equal(3);
      process.env['MOONLET_THREADS'] = 'many';
      expect(defaultThreads).to.throw(
        UsageError,
        'MOONLET_THREADS must be a whole number from 1 up, got "many"',
      );
      delete process.env['MOONLET_THREADS'];
      expect(defaultThreads()).to.be.within(1, 8);
    } finally {
      if (before === undefined) delete process.env['MOONLET_THREADS'];
      else process.env['MOONLET_THREADS'] = before;
    }
  });

  it('run any number of examples, alone, at once or in batches, in either layout', async () => {
    const x = noise(5 * 768, 'many');
    for (const engine of ['cpu', 'onnxruntime'] as const) {
      const runner = await compile(net, { engine });
      const once = (await runner.run(x)).get('head/dense') as Float32Array;
      const many = (await runner.runMany(x, 2)).get('head/dense') as Float32Array;
      const alone = (await runner.run(x.subarray(768, 1536))).get('head/dense') as Float32Array;
      expect(largestDifference(many, once), engine).to.be.below(1e-5);
      expect(largestDifference(alone, once.subarray(10, 20)), engine).to.be.below(1e-5);
      await runner.release();
      const turned = tf.tidy(
        () => tf.transpose(tf.tensor(x, [5, 16, 16, 3]), [0, 3, 1, 2]).dataSync() as Float32Array,
      );
      const first = await compile(net, { engine, layout: 'NCHW' });
      expect(
        largestDifference((await first.run(turned)).get('head/dense') as Float32Array, once),
        engine,
      ).to.be.below(1e-5);
      await first.release();
    }
  });

  it('count zeros around a map in the pool behind them, also more of them than the pool has rows', async () => {
    for (const fn of ['maxPool', 'avgPool'] as const)
      for (const size of [2, 3])
        for (const pads of [
          [1, 1, 1, 1],
          [0, 3, 2, 0],
        ] as const)
          for (const padding of ['valid', 'same'] as const) {
            const zeros = graph(
              'zeros',
              input(5, 4, 2)
                .pipe('pad', (x) => x.pad(pads))
                .pipe('drop', (x) => x.dropout(0.5))
                .pipe('pool', (x) => x[fn]({ size, stride: 1, padding })),
            );
            const x = noise(2 * 40, 5).map((v) => -1 - Math.abs(v));
            const [ort, cpu] = await Promise.all(
              (['onnxruntime', 'cpu'] as const).map(async (engine) => {
                const compiled = await compile({ graph: zeros, weights: new Map() }, { engine });
                const [y = new Float32Array()] = (await compiled.run(x)).values();
                await compiled.release();
                return y;
              }),
            );
            const what = `${fn} ${size} ${pads} ${padding}`;
            expect(largestDifference(ort ?? x, cpu ?? x), what).to.be.below(1e-6);
          }
  });

  it('refuse values that no node has, and batches of another length', async () => {
    expect((await rejection(compile(net, { values: ['stage9'] }))).message).to.equal(
      'wrn depth=10 size=16: no node "stage9" whose value could be had',
    );
    const runner = await compile(net);
    const error = await rejection(runner.run(new Float32Array(5)));
    expect(error).to.be.instanceOf(MoonletError);
    expect(error.message).to.equal(
      'wrn depth=10 size=16: expects whole examples of 16 x 16 x 3 = 768 values, got 5',
    );
    await runner.release();
  });
});

describe('an engine that nobody named', () => {
  const missing = async (): Promise<never> => {
    throw new MoonletError('onnxruntime-node is not installed; run: npm install onnxruntime-node');
  };

  it('is onnxruntime where it loads, and WebAssembly with one warning where it does not', async () => {
    const said: string[] = [];
    const choose = (load: () => Promise<unknown>) => inferenceEngine({}, load, (text) => said.push(text));
    expect(await choose(async () => {})).to.equal('onnxruntime');
    expect(said).to.deep.equal([]);
    expect([await choose(missing), await choose(missing)]).to.deep.equal(['wasm', 'wasm']);
    expect(said).to.deep.equal([
      'onnxruntime-node is not installed; run: npm install onnxruntime-node; until then nets run on WebAssembly, which is slower',
    ]);
  });

  it('is the one that was named, whatever loads', async () => {
    expect(await inferenceEngine({ engine: 'cpu' }, missing)).to.equal('cpu');
    const error = await inferenceEngine({}, async () => Promise.reject(new TypeError('other'))).catch(
      (e) => e,
    );
    expect(error).to.be.instanceOf(TypeError);
  });
});
