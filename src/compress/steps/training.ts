/** @file Steps that train: `fit`, `distill`, `train-quantized`. Training keeps what the steps before it made. */
import * as z from 'zod';
import type { FitOptions, Form } from '../../learn/train/index.ts';
import type { Net } from '../../weights/index.ts';
import { quantizedKinds } from '../choices.ts';
import { bits, count, dataOf, type StepContext, stepKind, where, whereOf } from '../step-kind.ts';

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
type Training = z.output<z.ZodObject<typeof training>>;

/** Trains by the labels. */
export const fit = stepKind({
  schema: z.strictObject({ step: z.literal('fit'), ...training }),
  main: 'steps',
  needs: () => 'train',
  run: async (net, step, context) => ({ net: await trained(net, step, context) }),
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
    const { temperature, alpha } = step;
    const { crossEntropy } = await import('../../learn/loss/index.ts');
    const { softTargets } = await import('../../learn/distill/index.ts');
    const losses = [crossEntropy({ weight: 1 - alpha }), softTargets({ weight: alpha, temperature })];
    return { net: await trained(net, step, context, undefined, { losses, teacher: context.original }) };
  },
  contract: 'none',
});

/** Trains through rounding to few values, and stores the rounded kernels. */
export const trainQuantized = stepKind({
  schema: z.strictObject({
    step: z.literal('train-quantized'),
    kind: z.enum(quantizedKinds).default('integers'),
    bits: bits.default(4),
    ...training,
    ...where,
  }),
  main: 'steps',
  needs: () => 'train',
  run: async (net, step, context) => {
    const { quantizedForm } = await import('../quantized-form.ts');
    const form = quantizedForm(net, { kind: step.kind, bits: step.bits, ...whereOf(step) });
    return { net: await trained(net, step, context, form) };
  },
  contract: async (net, _, words) => (await import('../contracts.ts')).integerContract(net, words),
});

/** Train on the examples that are not held out, in a form that keeps the contracts. */
async function trained(
  net: Net,
  { steps, batch, rate, optimizer: requested, shift, flip }: Training,
  context: StepContext,
  form?: Form,
  more: Pick<FitOptions, 'losses' | 'teacher'> = {},
): Promise<Net> {
  const { cosine } = await import('../../learn/loss/index.ts');
  const { adam, fit: fitNet, inTurn, sgd } = await import('../../learn/train/index.ts');
  const { formOf } = await import('../contracts.ts');
  const { contracts, options } = context;
  const { seed = 0, engine, onTraining } = options;
  const { dataset, train } = dataOf(context);
  const kept = formOf(net, contracts);
  const forms = [...(kept ? [kept] : []), ...(form ? [form] : [])];
  // gradients of shared numbers are sums over many members, whose size Adam divides out
  const isShared = contracts.some((c) => c.what === 'sharing');
  const optimizer = requested ?? (isShared ? 'adam' : 'sgd');
  const peak = rate ?? (optimizer === 'adam' ? 3e-4 : 0.02);
  const result = await fitNet(net, train, dataset, {
    ...{ steps, batch, seed },
    rate: cosine({ steps, peak }),
    optimizer: optimizer === 'adam' ? adam() : sgd({ nesterov: true, weightDecay: 5e-4 }),
    augment: { shift, flip },
    ...(forms.length ? { form: inTurn(...forms) } : {}),
    ...(onTraining ? { onStep: onTraining } : {}),
    ...(engine ? { engine } : {}),
    ...more,
  });
  return result.net;
}
