/**
 * @file A program of its own that trains and infers on onnxruntime's build for browsers, in Node, and prints what came out as JSON.
 *
 * Its own, since `require` gives that build and the native one the same classes, and the same list of backends: in a process
 * that has loaded both in that way, sessions of the one run on the other. Imported, they are apart.
 */

import { expect } from 'chai';
import * as native from 'onnxruntime-node';
import * as web from 'onnxruntime-web';
import { sketch } from '../../src/bench/cases.ts';
import { compile } from '../../src/engine/index.ts';
import { onlyOutput } from '../../src/graph/index.ts';
import { blockOf } from '../../src/jit/runtime.ts';
import { wrn } from '../../zoo/architectures/index.ts';
import { expectStepsAgree, steps } from './agreement.ts';
import { largestDifference, noise, shaken } from './nets.ts';

expect(web.InferenceSession).not.to.equal(native.InferenceSession);
const graph = sketch();
const net = shaken(wrn({ depth: 10, size: 16 }));
const x = noise(2 * 768, 'web');
const logits = async (runtime?: typeof web): Promise<Float32Array> => {
  const runner = await compile(net, runtime ? { runtime } : {});
  const found = (await runner.run(x)).get(onlyOutput(net.graph)) as Float32Array;
  await runner.release();
  return found;
};
const losses = async (runner: 'onnxruntime' | 'web') =>
  (await steps(graph, runner, { count: 3, batch: 64 })).losses;

const results: Readonly<Record<string, () => Promise<unknown>>> = {
  block: async () => (await blockOf(web)) ?? null,
  inference: async () => largestDifference(await logits(web), await logits()),
  losses: async () => [await losses('onnxruntime'), await losses('web')],
  steps: async () => {
    await expectStepsAgree(graph, { batch: 13, engine: 'web', reference: 'onnxruntime' });
    return 'agree';
  },
};
const [, , name = ''] = process.argv;
process.stdout.write(`${JSON.stringify(await results[name]?.())}\n`);
process.exit(0); // its threads would keep the process
