/** @file Traced models on disk: what is found again, what is refused, and how much is kept. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type JitOptions, jit, type Tensors } from '../../src/jit/index.ts';

const specs = { state: { w: { shape: [4, 2] } }, inputs: { x: { shape: [3, 4] } } };
const w = Float32Array.from({ length: 8 }, (_, i) => Math.sin(i));
const x = Float32Array.from({ length: 12 }, (_, i) => Math.cos(i));

describe('traced models on disk', () => {
  let folder = '';
  const was = { ...process.env };
  const files = (): string[] => {
    try {
      return readdirSync(join(folder, 'models')).sort();
    } catch {
      return [];
    }
  };
  const only = (): string => join(folder, 'models', files()[0] ?? '');
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'moonlet-models-'));
    Object.assign(process.env, { MOONLET_CACHE: folder, MOONLET_MODEL_CACHE: '' });
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
    for (const name of ['MOONLET_CACHE', 'MOONLET_MODEL_CACHE']) {
      if (was[name] === undefined) delete process.env[name];
      else process.env[name] = was[name];
    }
  });

  /** The outputs of three steps of gradient descent, and how often the function was called. */
  async function run(options: JitOptions, rate = 0.1) {
    let calls = 0;
    const step = ({ w: k }: Tensors, { x: images }: Tensors) => {
      calls++;
      const loss = (kernel: tf.Tensor): tf.Scalar => tf.mean(tf.square(tf.matMul(images as never, kernel)));
      const { value, grad } = tf.valueAndGrad(loss)(k as tf.Tensor);
      return { state: { w: tf.sub(k as tf.Tensor, tf.mul(grad, rate)) }, outputs: { loss: value } };
    };
    const running = await jit(step, specs, options);
    const losses: (number | undefined)[] = [];
    let state: Parameters<typeof running.run>[0] = { w };
    for (let i = 0; i < 3; i++) {
      const done = await running.run(state, { x });
      state = done.state;
      losses.push(done.outputs['loss']?.[0]);
    }
    await running.release();
    return { calls, losses, model: running.model, nodes: running.nodes };
  }

  it('are found by their key, and compute the same to the digit', async () => {
    const fresh = await run({});
    const first = await run({ key: 'a' });
    const second = await run({ key: 'a' });
    expect([fresh.calls, first.calls, second.calls]).to.deep.equal([1, 1, 0]);
    expect(second.losses).to.deep.equal(fresh.losses);
    expect(Buffer.from(second.model).equals(Buffer.from(fresh.model))).to.equal(true);
    expect(second.nodes).to.equal(fresh.nodes);
    expect(files()).to.have.length(1);
  });

  it('are others for another key, other specs and without our passes', async () => {
    await run({ key: 'a' });
    expect((await run({ key: 'b' }, 0.2)).calls).to.equal(1);
    expect((await run({ key: 'a', optimize: false })).calls).to.equal(1);
    expect(files()).to.have.length(3);
  });

  it('are not kept without a key, or where they are turned off', async () => {
    await run({});
    await run({ key: 'a', modelCache: false });
    process.env['MOONLET_MODEL_CACHE'] = 'off';
    await run({ key: 'a' });
    expect(files()).to.deep.equal([]);
    process.env['MOONLET_MODEL_CACHE'] = 'many';
    let message = '';
    await run({ key: 'a' }).catch((e: Error) => {
      message = e.message;
    });
    expect(message).to.equal('MOONLET_MODEL_CACHE must be off, or a number of MiB, got "many"');
  });

  it('are traced anew where a file is damaged, cut, empty, or that of another key', async () => {
    await run({ key: 'b' });
    const other = readFileSync(only());
    rmSync(only());
    const { losses } = await run({ key: 'a' });
    const whole = readFileSync(only());
    for (const damage of [
      (bytes: Buffer) => bytes.fill(1, bytes.length - 20, bytes.length - 10),
      (bytes: Buffer) => bytes.fill(1, 70, 80),
      (bytes: Buffer) => bytes.subarray(0, 100),
      () => Buffer.alloc(0),
      () => other,
    ]) {
      writeFileSync(only(), damage(Buffer.from(whole)));
      const again = await run({ key: 'a' });
      expect(again.calls).to.equal(1);
      expect(again.losses).to.deep.equal(losses);
      expect(readFileSync(only()).equals(whole), 'the file is mended').to.equal(true);
    }
  });

  it('only cost time where the folder cannot be written', async () => {
    process.env['MOONLET_CACHE'] = join(folder, 'file');
    writeFileSync(join(folder, 'file'), '');
    expect((await run({ key: 'a' })).calls).to.equal(1);
  });

  it('stay within the limit: what was not used for longest is removed', async () => {
    await run({ key: 'a' });
    const first = files();
    const { size } = statSync(only());
    process.env['MOONLET_MODEL_CACHE'] = String((4.5 * size) / 2 ** 20);
    for (const key of ['b', 'c', 'd']) await run({ key });
    for (const name of files())
      utimesSync(join(folder, 'models', name), 1000, name === first[0] ? 1000 : 2000);
    await run({ key: 'a' }); // used, so that it stays
    const before = files();
    await run({ key: 'e' });
    expect(files()).to.have.length(4);
    expect(files()).to.include(first[0]);
    expect(before.filter((name) => !files().includes(name))).to.have.length(1);
  });
});
