/** @file Which kernels and values of a net lose most by rounding. */
import { get } from '../access.ts';
import { layersOf } from '../edit/quantize/index.ts';
import type { Net } from '../weights/index.ts';
import { engineOf, type PostTrainingOptions, roundedByData } from './post-training.ts';
import { errorsOf, type Sensitivity } from './sensitivity.ts';

export interface QuantizationSensitivity {
  /** By layer: only its kernel has codes. */
  readonly kernels: readonly Sensitivity[];
  /** By rounding node, `PATH/quantize`: only this value is rounded. */
  readonly values: readonly Sensitivity[];
}

/**
 * The error that each kernel and each value adds when it alone is quantized, the largest first: what to keep at more bits
 * (`weights` and `activations` as functions of the path) or in floats (`keep`, `unrounded`).
 *
 * @param batches examples that calibrate, each [n, ...input] flat; errors are measured on the first 8.
 * @throws UsageError for options out of range; MoonletError when there is no example; Refusal when values are already rounded.
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { quantizationSensitivity } from 'moonlet/compress';
 * const net = init(graph('tiny', input(8, 8, 8).conv(32, { kernel: 3 }).relu().globalPool().dense(4)));
 * const examples = Float32Array.from({ length: 16 * 8 * 8 * 8 }, (_, i) => Math.sin(i));
 * const { kernels } = await quantizationSensitivity(net, [examples], { weights: 4 });
 * kernels.map((k) => k.id).sort(); // ['conv', 'dense']
 */
export async function quantizationSensitivity(
  net: Net,
  batches: readonly Float32Array[],
  o: Omit<PostTrainingOptions, 'unrounded'> = {},
): Promise<QuantizationSensitivity> {
  const rounded = await roundedByData(net, batches, o);
  const { floats, x } = rounded;
  const alone = layersOf(floats.graph).map(({ id }) => {
    const key = `${id}:kernel` as const;
    const weights = new Map(floats.weights).set(key, get(rounded.net.weights, key));
    return { id, net: { graph: floats.graph, weights } };
  });
  return {
    kernels: await errorsOf(floats, alone, x, engineOf(o)),
    values: o.values === false ? [] : await rounded.ranked(),
  };
}
