/** @file Training where onnxruntime has no blocked convs: its build for browsers, which is WebAssembly, in Node. */

import { expect } from 'chai';
import * as web from 'onnxruntime-web';
import { sketch } from '../../scripts/bench/cases.ts';
import { blockOf } from '../../src/jit/runtime.ts';
import { expectStepsAgree, steps } from '../support/agreement.ts';

describe('onnxruntime without blocked convs (its build for browsers)', () => {
  const graph = sketch();

  it('says that it has none', async () => {
    expect(await blockOf(web)).to.equal(undefined);
  });

  it('trains the depthwise-separable net of the benchmark to the same losses', async () => {
    const [here, there] = [
      await steps(graph, 'onnxruntime', { count: 3, batch: 64 }),
      await steps(graph, 'web', { count: 3, batch: 64 }),
    ];
    expect(new Set(here.losses).size).to.equal(3);
    for (const [i, loss] of here.losses.entries()) expect(there.losses[i]).to.be.closeTo(loss, 1e-3 * loss);
  });

  it('makes the same step of it (law 6)', () =>
    expectStepsAgree(graph, { batch: 16, engine: 'web', reference: 'onnxruntime' }));

  it('takes batches that fill no blocks', () =>
    expectStepsAgree(graph, { batch: 13, engine: 'web', reference: 'onnxruntime' }));
});
