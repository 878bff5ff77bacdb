/** @file The rows of `npm run docs -- bench-rows`, by name. */
import type { RowKind } from './figure.ts';
import { firstStep } from './first-step.ts';
import { integers } from './integers.ts';
import { peaks } from './peaks.ts';
import { steps } from './steps.ts';
import { surgery } from './surgery.ts';
import { threads } from './threads.ts';
import { wholeRun } from './whole-run.ts';

export const kinds: Readonly<Record<string, RowKind>> = {
  steps,
  'whole-run': wholeRun,
  'first-step': firstStep,
  surgery,
  integers,
  'peak-memory': peaks,
  threads,
};
