/** @file The losses of each way to distill that the page offers. */
import { losses } from '../../learn/index.ts';
import { type MethodId, methodNames } from './method-names.ts';

type Losses = readonly ReturnType<typeof losses.crossEntropy>[];
const soft = (): Losses => [
  losses.crossEntropy({ weight: 0.1 }),
  losses.softTargets({ weight: 0.9, temperature: 4 }),
];

const makers: Readonly<Record<MethodId, () => Losses>> = {
  'soft-targets': soft,
  attention: () => [losses.crossEntropy(), losses.attention({ weight: 500 })],
  'soft-attention': () => [...soft(), losses.attention({ weight: 500 })],
  logits: () => [losses.logits({ weight: 0.05 })],
  fsp: () => [losses.crossEntropy(), losses.fsp()],
  darkrank: () => [losses.crossEntropy(), losses.darkRank()],
};

/** @throws Error for an unknown id. */
export function lossesOf(id: string): Losses {
  const method = methodNames.find((m) => m.id === id);
  if (!method) throw new Error(`no method "${id}"; known: ${methodNames.map((m) => m.id).join(', ')}`);
  return makers[method.id]();
}
