/** @file The latency of a net on this machine: the median of timed runs, after some runs that warm up. */

import { inputShape } from '../graph/index.ts';
import { random } from '../random.ts';
import type { Net } from '../weights/index.ts';
import { compile } from './compile.ts';
import type { EngineOptions } from './engine.ts';

export interface LatencyOptions extends EngineOptions {
  /** Examples in each run; by default 1. */
  readonly batch?: number;
  /** Timed runs; by default 30. A fifth as many run before them and are not timed. */
  readonly runs?: number;
}

/**
 * The median time of one run on this machine, in milliseconds. Deployment runs nets whose norms are folded, so that those should be
 * measured: see `foldNorms`.
 *
 * @example
 * ```ts
 * import { foldNorms, init } from 'moonlet';
 * import { mobilenetV2 } from 'moonlet/architectures';
 * import { latency } from 'moonlet/engine';
 *
 * const graph = mobilenetV2({ width: 0.35, classes: 10, size: 32 });
 * const ms = await latency(foldNorms({ graph, weights: init(graph, { seed: 1 }) }), { runs: 5, threads: 1 });
 * console.log(ms > 0); // true
 * ```
 *
 * @throws MoonletError when the engine is not installed.
 */
export async function latency(
  net: Net,
  { batch = 1, runs = 30, ...o }: LatencyOptions = {},
): Promise<number> {
  const compiled = await compile(net, o);
  const source = random('latency');
  const length = batch * inputShape(net.graph).reduce((n, d) => n * d, 1);
  const x = Float32Array.from({ length }, source.normal);
  const times: number[] = [];
  try {
    for (let i = -Math.ceil(runs / 5); i < runs; i++) {
      const start = performance.now();
      await compiled.run(x);
      if (i >= 0) times.push(performance.now() - start);
    }
  } finally {
    await compiled.release();
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}
