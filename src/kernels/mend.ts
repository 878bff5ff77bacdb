/** @file tf made right where it is wrong: gradients for all backends, and a kernel for the current one. */
import { registerSegmentSum } from './segment-sum.ts';
import { registerGradients } from './tf-gradients.ts';

/** Cheap to call again: what is in place stays. What runs tf functions for Moonlet calls it first. */
export function mendTf(): void {
  registerGradients();
  registerSegmentSum();
}
