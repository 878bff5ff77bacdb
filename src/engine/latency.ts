/** @file How long a net takes here: the median of some timed runs, after some that warm it up. */

import { inputShape } from '../graph/index.ts';
import { random } from '../random.ts';
import type { Net } from '../weights/index.ts';
import { compile } from './compile.ts';
import type { EngineOptions } from './engine.ts';

export interface LatencyOptions extends EngineOptions {
  /** Examples a run; 1 unless told. */
  readonly batch?: number;
  /** Timed runs; 30 unless told, after a fifth as many that do not count. */
  readonly runs?: number;
}

/** Milliseconds of one run on this machine, the median. Folded nets are what deployment runs: see `foldNorms`. */
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
