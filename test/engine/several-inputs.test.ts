/** @file Nets of several inputs, compiled: a batch for each input by its id, on onnxruntime and on a tf backend. */
import { expect } from 'chai';
import { compile } from '../../src/engine/index.ts';
import { MoonletError } from '../../src/errors.ts';
import { check, type Graph, init } from '../../src/index.ts';
import { noise } from '../support/nets.ts';

const two: Graph = check({
  name: 'two',
  nodes: [
    { id: 'a', op: { kind: 'input', shape: [4] }, inputs: [] },
    { id: 'b', op: { kind: 'input', shape: [3] }, inputs: [] },
    { id: 'both', op: { kind: 'concat' }, inputs: ['a', 'b'] },
    { id: 'dense', op: { kind: 'dense', out: 2, bias: true }, inputs: ['both'] },
  ],
  outputs: ['dense'],
});

describe('a net of several inputs', () => {
  const net = init(two);
  const [a, b] = [noise(5 * 4, 'a'), noise(5 * 3, 'b')];
  const inputs = new Map([
    ['a', a],
    ['b', b],
  ]);
  it('runs at once and in batches, on either engine', async () => {
    const runner = await compile(net);
    const eager = await compile(net, { engine: 'cpu' });
    const all = (await runner.run(inputs)).get('dense') as Float32Array;
    expect(all.length).to.equal(10);
    for (const other of [await runner.runMany(inputs, 2), await eager.run(inputs)])
      for (const [i, v] of (other.get('dense') as Float32Array).entries())
        expect(v).to.be.closeTo(all[i] as number, 1e-5);
    await runner.release();
    await eager.release();
  });
  it('refuses one array for all, and batches that differ', async () => {
    const runner = await compile(net);
    const message = async (x: Parameters<typeof runner.run>[0]): Promise<string> => {
      const error = await runner.run(x).catch((e: unknown) => e);
      expect(error).to.be.instanceOf(MoonletError);
      return (error as Error).message;
    };
    expect(await message(a)).to.equal('two: has 2 inputs; give a map with a batch for each, by its id');
    expect(await message(new Map([['a', a]]))).to.equal(
      'two: expects whole examples of 3 = 3 values for "b", got none',
    );
    expect(await message(new Map([...inputs, ['b', b.subarray(3)]]))).to.equal(
      'two: expects as many examples for each input, got 5 and 4',
    );
    await runner.release();
  });
});
