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

  it('makes the same step of it at a batch that fills no blocks (law 6)', async () => {
    expect(await found('steps')).to.equal('agree');
  });
});
