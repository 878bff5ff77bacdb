/** @file A conv that adds its result to another image, which saves a pass over memory for the sum. */

import type { Value } from '../ir.ts';
import type { Emitter } from './emitter.ts';
import { blocks } from './layout.ts';

/**
 * Puts y, an image in blocks, or instead of it the sum that is its only reader (see `passes/elementwise.ts`). The other image must
 * lie in blocks already, which only lowering knows; elsewhere the sum is lowered at its own place.
 *
 * @param make makes y, added to an image in blocks where one is named.
 */
export function putSum(e: Emitter, y: Value, make: (more?: string) => string): void {
  const fused = e.fusions.sums.get(y);
  if (fused && e.has(fused.other, blocks)) e.put(fused.sum, make(e.get(fused.other, blocks)), blocks);
  else e.put(y, make(), blocks);
}
