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
    expect(await found('block')).to.deep.equal([null, false]); // and its convs are right
  });

  it('infers as the native one', async () => {
    expect(await found('inference')).to.be.below(1e-5);
  });

  it('trains the depthwise-separable net of the benchmark to the same losses', async () => {
    const [here, there] = (await found('losses')) as [number[], number[]];
    expect(new Set(here).size).to.equal(3);
    for (const [i, loss] of here.entries()) expect(there[i]).to.be.closeTo(loss, 1e-4 * loss);
  });

  it('computes depthwise convs and their gradients as tf does, as products of places or rows where those are faster', async () => {
    const rows = (await found('depthwise')) as [name: string, distance: number, form: string][];
    expect(rows).to.have.length(14);
    for (const [name, distance] of rows) expect(distance, name).to.be.below(1e-5);
    const forms = new Map(rows.map(([name, , form]) => [name, form]));
    expect(forms.get('3x3, taps beyond')).to.equal('products');
    expect(forms.get('14x12, stride 2')).to.equal('rows');
    expect(forms.get('41x40')).to.equal('images');
  });

  it('computes convs of few channels and their filter gradients as tf does, as products', async () => {
    const rows = (await found('fewChannels')) as [name: string, distance: number, form: string][];
    expect(rows).to.have.length(5);
    for (const [name, distance, form] of rows) {
      expect(distance, name).to.be.below(1e-5);
      expect(form, name).to.equal('products');
    }
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
