/** @file The training of compression steps that train. */
import { softTargets } from '../learn/distill/index.ts';
import { cosine, crossEntropy, type LossMaker } from '../learn/loss/index.ts';
import { adam, type FitOptions, type Form, fit as fitNet, inTurn, sgd } from '../learn/train/index.ts';
import type { Net } from '../weights/index.ts';
import { formOf } from './contract-form.ts';
import { dataOf, type StepContext } from './step-kind.ts';
import type { Training } from './steps/training.ts';

/** Labels and the teacher's outputs, by the share of the latter. */
export const softLosses = (o: { readonly temperature: number; readonly alpha: number }): LossMaker[] => [
  crossEntropy({ weight: 1 - o.alpha }),
  softTargets({ weight: o.alpha, temperature: o.temperature }),
];

/** Train on the examples that are not held out, in a form that keeps the contracts. */
export async function trained(
  net: Net,
  { steps, batch, rate, optimizer: requested, shift, flip }: Training,
  context: StepContext,
  form?: Form,
  more: Pick<FitOptions, 'losses' | 'teacher'> = {},
): Promise<Net> {
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
