/** @file The accuracy and the cost of a net: one row of a table. */
import type { Dataset } from '../data/in-memory.ts';
import { type EngineOptions, latency } from '../engine/index.ts';
import { evaluate } from '../learn/task/index.ts';
import { cost } from '../read/index.ts';
import { bytesOf, materialize, type Net, packWeights } from '../weights/index.ts';

export interface MeasureOptions extends EngineOptions {
  readonly data?: Dataset;
  /** Timed runs of one example; 30 by default, 0 measures no time. */
  readonly runs?: number;
}
export interface Measured {
  /** On the test split, as a fraction of 1; null without data. */
  readonly accuracy: number | null;
  readonly params: number;
  /** The number of weights that are not zero. */
  readonly nonzero: number;
  /** Multiply-adds of one example. */
  readonly macs: number;
  /** Of the weights as they are encoded, or of the compact file. */
  readonly bytes: number;
  /** Of weights.safetensors, or of the compact file, after gzip. */
  readonly gzipBytes: number;
  /** The median time of one example, in milliseconds; null when no time is measured. */
  readonly latencyMs: number | null;
}

/**
 * Measures a net. `file` is the compact file, if the weights are stored in one instead of weights.safetensors.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { measure } from 'moonlet/compress';
 * const net = init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(4)));
 * const { params, macs, bytes } = await measure(net, { runs: 0 });
 * [params, macs, bytes]; // [212, 9280, 848]
 */
export async function measure(net: Net, o: MeasureOptions, file?: Uint8Array): Promise<Measured> {
  const { data, runs = 30, ...engine } = o;
  const { params, macs } = cost(net.graph);
  let nonzero = 0;
  for (const [key, w] of net.weights) {
    if (!/:(mean|variance)$/.test(key)) for (const v of materialize(w)) if (v !== 0) nonzero++;
  }
  const options: EngineOptions = engine.engine ? { engine: engine.engine } : {};
  return {
    accuracy: data ? (await evaluate(net, data.test, data, options)).accuracy : null,
    params,
    nonzero,
    macs,
    bytes: file?.length ?? bytesOf(net),
    gzipBytes: await gzipped(file ?? packWeights(net.graph, net.weights)),
    latencyMs: runs ? await latency(net, { ...options, runs }) : null,
  };
}

/** The length after gzip, by the web's own stream. */
async function gzipped(bytes: Uint8Array): Promise<number> {
  const stream = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new CompressionStream('gzip'));
  return (await new Response(stream).arrayBuffer()).byteLength;
}
