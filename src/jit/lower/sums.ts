/**
 * @file Sums over the rows of matrices as products with a row of equal numbers. For sums over images that is up to ten times as fast
 * as onnxruntime's reductions, and a factor costs nothing.
 */

import type { Emitter } from './emitter.ts';

/** The sums over the rows of [outer, rows, columns], times `share`: [outer, columns], or [columns] where `outer` is 1. */
export function rowSums(
  e: Emitter,
  name: string,
  [outer, rows, columns]: readonly [number, number, number],
  share = 1,
): string {
  if (rows === 1 && share === 1) return e.reshape(name, outer === 1 ? [columns] : [outer, columns]);
  const matrices = e.reshape(name, outer === 1 ? [rows, columns] : [outer, rows, columns]);
  const row = e.once(`row ${rows} ${share}`, () =>
    e.constant(new Float32Array(rows).fill(share), [rows], 'float32'),
  );
  return e.emit1('MatMul', [row, matrices]);
}
