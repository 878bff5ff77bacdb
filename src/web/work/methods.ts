/** @file The losses of each way to distill that the page offers. */
import { losses } from '../../learn/index.ts';
import { type MethodId, methodNames } from './method-names.ts';

type Losses = readonly ReturnType<typeof losses.crossEntropy>[];
const soft = (): Losses => [
  losses.crossEntropy({ weight: 0.1 }),
  losses.softTargets({ weight: 0.9, temperature: 4 }),
];
/** Labels, and a loss that is used together with them. */
const labelsAnd = (loss: () => Losses[number]) => (): Losses => [losses.crossEntropy(), loss()];

const makers: Readonly<Record<MethodId, () => Losses>> = {
  'soft-targets': soft,
  attention: labelsAnd(() => losses.attention({ weight: 500 })),
  'soft-attention': () => [...soft(), losses.attention({ weight: 500 })],
  logits: () => [losses.logits({ weight: 0.05 })],
  hints: labelsAnd(() => losses.hints({ weight: 0.1 })),
  fsp: labelsAnd(() => losses.fsp({ weight: 0.0003 })),
  darkrank: labelsAnd(() => losses.darkRank()),
  sobolev: labelsAnd(() => losses.sobolev({ weight: 0.05 })),
  one: labelsAnd(() => losses.one()),
  rkd: labelsAnd(() => losses.rkd({ weight: 0.1 })),
  // the paper draws 16,384 negatives of 128 numbers, which a browser cannot compare in a second
  crd: labelsAnd(() => losses.crd({ count: 1024, length: 64 })),
  srd: labelsAnd(() => losses.srd({ weight: 0.1 })),
  'review-kd': labelsAnd(() => losses.reviewKd({ weight: 0.1 })),
  'token-distillation': labelsAnd(() => losses.tokenDistillation()),
  dkd: labelsAnd(() => losses.dkd()),
  dist: labelsAnd(() => losses.dist()),
  'logit-standardization': () => [
    losses.crossEntropy({ weight: 0.1 }),
    losses.logitStandardization({ weight: 1 }),
  ],
  features: labelsAnd(() => losses.features()),
};

/** @throws Error for an unknown id. */
export function lossesOf(id: string): Losses {
  const method = methodNames.find((m) => m.id === id);
  if (!method) throw new Error(`no method "${id}"; known: ${methodNames.map((m) => m.id).join(', ')}`);
  return makers[method.id]();
}
