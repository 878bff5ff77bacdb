/** @file Steps that train: `fit`, `distill`, `train-quantized`. Training keeps what the steps before it made. */
import * as z from 'zod';
import { quantizedKinds } from '../choices.ts';
import { integerContract } from '../contracts.ts';
import { bits, count, stepKind, where, whereOf } from '../step-kind.ts';

const training = {
  steps: count,
  batch: count.max(4096).default(64),
  /** The peak of the learning rate; 0.02 by default, and 3e-4 with Adam. */
  rate: z.number().positive().optional(),
  /** Adam by default when the net has shared weights, SGD otherwise. */
  optimizer: z.enum(['sgd', 'adam']).optional(),
  /** Augmentation: images are shifted by up to this many pixels, and mirrored. */
  shift: z.int().min(0).max(64).default(0),
  flip: z.boolean().default(false),
};
export type Training = z.output<z.ZodObject<typeof training>>;

/** What trains; it loads tensors. */
const trainer = () => import('../trained.ts');

/** Trains by the labels. */
export const fit = stepKind({
  schema: z.strictObject({ step: z.literal('fit'), ...training }),
  main: 'steps',
  needs: () => 'train',
  run: async (net, step, context) => ({ net: await (await trainer()).trained(net, step, context) }),
  contract: 'none',
});

/** Trains by the labels and the outputs of the uncompressed net. */
export const distill = stepKind({
  schema: z.strictObject({
    step: z.literal('distill'),
    ...training,
    temperature: z.number().positive().default(4),
    alpha: z.number().min(0).max(1).default(0.9),
  }),
  main: 'steps',
  needs: () => 'train',
  run: async (net, step, context) => {
    const { softLosses, trained } = await trainer();
    const more = { losses: softLosses(step), teacher: context.original };
    return { net: await trained(net, step, context, undefined, more) };
  },
  contract: 'none',
});

/** Trains through rounding to few values, by the labels or by the uncompressed net too, and stores the rounded kernels. */
export const trainQuantized = stepKind({
  schema: z.strictObject({
    step: z.literal('train-quantized'),
    kind: z.enum(quantizedKinds).default('integers'),
    bits: bits.default(4),
    ...training,
    /** The share of the loss that the outputs of the uncompressed net have, as in `distill`; 0, labels alone, by default. */
    alpha: z.number().min(0).max(1).default(0),
    temperature: z.number().positive().default(4),
    ...where,
  }),
  main: 'steps',
  needs: () => 'train',
  run: async (net, step, context) => {
    const { softLosses, trained } = await trainer();
    const { quantizedForm } = await import('../quantized-form.ts');
    const form = quantizedForm(net, { kind: step.kind, bits: step.bits, ...whereOf(step) });
    const more = step.alpha ? { losses: softLosses(step), teacher: context.original } : {};
    return { net: await trained(net, step, context, form, more) };
  },
  contract: (net, _, words) => integerContract(net, words),
});
