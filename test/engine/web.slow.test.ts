/** @file Where onnxruntime has no blocked convs: its build for browsers, which is WebAssembly, in Node. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';

/** What `test/support/on-web.ts` finds, in a process of its own. */
async function found(what: string): Promise<unknown> {
  const args = ['--import', 'tsx', 'test/support/on-web.ts', what];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

describe('onnxruntime without blocked convs (its build for browsers)', () => {
  it('says that it has none', async () => {
    expect(await found('block')).to.equal(null);
  });

  it('infers as the native one', async () => {
    expect(await found('inference')).to.be.below(1e-5);
  });

  it('trains the depthwise-separable net of the benchmark to the same losses', async () => {
    const [here, there] = (await found('losses')) as [number[], number[]];
    expect(new Set(here).size).to.equal(3);
    for (const [i, loss] of here.entries()) expect(there[i]).to.be.closeTo(loss, 1e-3 * loss);
  });

  it('computes depthwise convs and their gradients as tf does, those of small images as products', async () => {
    const rows = (await found('depthwise')) as [name: string, distance: number, convs: number][];
    expect(rows).to.have.length(8);
    for (const [name, distance] of rows) expect(distance, name).to.be.below(1e-5);
    const convs = new Map(rows.map(([name, , count]) => [name, count]));
    expect(convs.get('5x7')).to.equal(0);
    expect(convs.get('29x27')).to.be.above(0);
  });

  it('computes max pools and their gradients as tf does, without indices too, where maxima are equal and with padding', async () => {
    const { indices, rows } = (await found('pools')) as {
      readonly indices: readonly [web: boolean, withoutIndices: boolean];
      readonly rows: readonly (readonly [name: string, withTies: number, without: number])[];
    };
    expect(indices).to.deep.equal([true, false]);
    expect(rows).to.have.length(12);
    for (const [name, ...distances] of rows) expect(Math.max(...distances), name).to.be.below(1e-6);
  });

  it('makes the same step of it at a batch that fills no blocks (law 6)', async () => {
    expect(await found('steps')).to.equal('agree');
  });
});
