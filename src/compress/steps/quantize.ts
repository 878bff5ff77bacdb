/** @file The step `quantize`: kernels, and the values between layers, become integers. */
import * as z from 'zod';
import { integerForms } from '../../graph/index.ts';
import { calibrationMethods, roundings } from '../choices.ts';
import { integerContract } from '../contracts.ts';
import { bits, count, exampleBatches, stepKind } from '../step-kind.ts';

/** Quantizes kernels, and the values between layers unless `activations` is 0. */
export const quantize = stepKind({
  schema: z.strictObject({
    step: z.literal('quantize'),
    weights: bits.default(8),
    activations: z.union([bits, z.literal(0)]).default(8),
    /** Bits at the first and the last layers; as elsewhere by default. */
    ends: bits.optional(),
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
  needs: ({ activations }) => (activations > 0 ? 'calibrate values' : undefined),
  run: async (net, { step: _, examples, ...options }, context) => {
    const { weights, activations, clip, per, form, ends } = options;
    if (activations === 0) {
      const edit = await import('../../edit/quantize/index.ts');
      return { net: edit.quantize(net, { weights, clip, per, form, ends }) };
    }
    const { engine } = context.options;
    const { quantizeByData } = await import('../post-training.ts');
    const batches = await exampleBatches(context, examples);
    return {
      net: await quantizeByData(net, batches, {
        ...options,
        ...(engine ? { engine } : {}),
      }),
    };
  },
  contract: (net, _, words) => integerContract(net, words),
});
