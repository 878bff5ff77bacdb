/**
 * @file Measures the work before the first step: composing and counting an architecture, building and loading a net,
 * compiling it.
 */

import { spawnSync } from 'node:child_process';
import { compose } from '../../zoo/index.ts';
import { compile, prepare, useBackend } from '../engine/index.ts';
import { crossEntropy } from '../learn/loss/index.ts';
import { sgd, step } from '../learn/train/index.ts';
import { cost } from '../read/index.ts';
import { toLayers } from '../read/tfjs/index.ts';
import { init, pack, unpack } from '../weights/index.ts';
import { peer, python } from './children.ts';
import { median, rounded } from './numbers.ts';
import type { Plan } from './run.ts';
import type { Engine, Extra } from './types.ts';

const arch = 'mobilenet-v2';

/** Runs come first until they are warm: two, and as many as this time holds, in which the JavaScript engine has compiled them. */
const warmMs = 500;

/** Medians over warm runs. */
export async function extras({ engines, quick, say = () => {} }: Plan): Promise<readonly Extra[]> {
  say(`extras: ${arch}`);
  const times = quick ? 3 : 15;
  const found: Extra[] = [];
  const take = async (what: string, engine: string, run: () => unknown): Promise<void> => {
    const until = performance.now() + warmMs;
    for (let i = 0; i < 2 || performance.now() < until; i++) await run();
    const ms: number[] = [];
    for (let i = 0; i < times; i++) {
      const start = performance.now();
      await run();
      ms.push(performance.now() - start);
    }
    found.push({ what, engine, medianMs: rounded(median(ms)) });
  };
  if (engines.includes('moonlet')) {
    const graph = compose(arch);
    const net = init(graph, { seed: 1 });
    const stored = pack(net);
    const learning = compose(`${arch} width=0.35 size=96 dropout=0`);
    await take('compose', 'moonlet', () => compose(arch));
    await take('cost', 'moonlet', () => cost(graph));
    await take('compose and count', 'moonlet', () => cost(compose(arch)).params);
    await take('load weights', 'moonlet', () => unpack(stored));
    await useBackend('cpu');
    await take('build tf.layers with its weights', 'moonlet', () => toLayers(net).dispose());
    await take('compile for inference', 'moonlet', async () => (await compile(net)).release());
    await take('trace and compile a training step (T3)', 'moonlet', async () => {
      const losses = [crossEntropy()({ student: learning })];
      const plan = step({ graph: learning, losses, optimizer: sgd({ nesterov: true }), batch: 16 });
      await (await prepare(plan.fn, plan.specs)).release();
    });
  }
  for (const [engine, library] of [
    ['python-torch', 'torch'],
    ['python-keras', 'keras'],
  ] as const satisfies readonly (readonly [Engine, string])[]) {
    if (!engines.includes(engine)) continue;
    const medianMs = countInPython(library, times);
    if (medianMs !== undefined) found.push({ what: 'compose and count', engine, medianMs });
  }
  return found;
}

/** The library's own MobileNetV2, built and counted; undefined where the library is not there. */
function countInPython(library: string, times: number): number | undefined {
  const { stdout } = spawnSync(python(), [peer('count'), library, String(times)], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  const found = /^@(.+)$/m.exec(stdout ?? '')?.[1];
  return found === undefined ? undefined : rounded(Number(found));
}
