/** @file Training steps compared with PyTorch's best way. Processes differ by up to a third, so that each round starts new ones. */
import { againstPyTorch } from './cases.ts';
import type { RowKind } from './figure.ts';

export const steps: RowKind = {
  title: 'Training steps',
  about:
    'The cases T1 to D1 of the first table. Each round runs both in new processes, which take turns step by step; PyTorch tries eager, channels last, compiled and both, and the fastest of the round counts.',
  measure: (plan) =>
    againstPyTorch(plan, {
      unit: 'ms',
      valueOf: (row) => row.medianMs,
      goalOf: (name) => (name === 'T1' ? 0.45 : 0.6),
      quick: plan.quick,
    }),
};
