/** @file The step `quantize`: kernels, and the values between layers, become integers. */
import * as z from 'zod';
import { get, item } from '../../access.ts';
import { integerForms } from '../../graph/index.ts';
import type { Net } from '../../weights/index.ts';
import { calibrationMethods, roundings } from '../choices.ts';
import { integerContract } from '../contracts.ts';
import { bits, count, exampleBatches, type StepContext, stepKind } from '../step-kind.ts';

/** Quantizes kernels, and the values between layers unless `activations` is 0. */
export const quantize = stepKind({
  schema: z.strictObject({
    step: z.literal('quantize'),
    weights: bits.default(8),
    activations: z.union([bits, z.literal(0)]).default(8),
    /** Bits at the first and the last layers; as elsewhere by default. */
    ends: bits.optional(),
    /** The mean bits of a kernel's weight: which kernels have 2, 4 or 8 bits is chosen by measured errors. */
    mixed: z.number().min(2).max(8).optional(),
    method: z.enum(calibrationMethods).default('min-max'),
    clip: z.enum(['max', 'mse']).default('max'),
    per: z.enum(['channel', 'tensor']).default('channel'),
    equalize: z.boolean().default(false),
    correct: z.boolean().default(true),
    outputs: z.boolean().default(false),
    even: z.boolean().default(false),
    round: z.enum(roundings).default('nearest'),
    unrounded: z.int().min(0).default(0),
    /** Kernels of 8 bits that are exact in u8 x s8 everywhere, or of all codes. */
    form: z.enum(integerForms).default('paired'),
    /** Examples that calibrate. */
    examples: count.default(256),
  }),
  main: 'weights',
  needs: ({ activations, mixed, round }) => {
    if (activations > 0) return 'calibrate values';
    return mixed || round !== 'nearest' ? 'measure errors' : undefined;
  },
  run: async (net, { step: _, examples, mixed, ...given }, context) => {
    const options = { ...given, ...(mixed ? { weights: await mixedBits(net, mixed, context) } : {}) };
    const { weights, activations, clip, per, form, ends, round } = options;
    const hasValues = activations > 0;
    if (!hasValues && round === 'nearest') {
      const edit = await import('../../edit/quantize/index.ts');
      return { net: edit.quantize(net, { weights, clip, per, form, ends }) };
    }
    const { engine } = context.options;
    const { quantizeByData } = await import('../post-training.ts');
    const batches = await exampleBatches(context, examples);
    return {
      net: await quantizeByData(net, batches, {
        ...options,
        ...(hasValues ? {} : { values: false, activations: 8 }),
        ...(engine ? { engine } : {}),
      }),
    };
  },
  contract: (net, _, words) => integerContract(net, words),
});

/** The bits of each kernel for a mean number of bits. */
async function mixedBits(net: Net, mean: number, context: StepContext): Promise<(path: string) => number> {
  const { layersOf } = await import('../../edit/quantize/index.ts');
  const { mixedPrecision } = await import('../mixed-precision.ts');
  const { engine } = context.options;
  const kernels = layersOf(net.graph).map(({ id }) => get(net.weights, `${id}:kernel`).shape);
  const bytes = kernels.reduce(
    (sum, s) => sum + 4 * item(s, -1) + (mean / 8) * s.reduce((n, d) => n * d, 1),
    0,
  );
  const [x = new Float32Array()] = await exampleBatches(context, 64);
  const { bits } = await mixedPrecision(net, x, { bytes, ...(engine ? { engine } : {}) });
  return (path) => get(bits, path);
}
