/** @file Finds invalid weights: NaN and Infinity, negative variances, integers in place of floats. */

import { quote } from '../errors.ts';
import type { Slot } from '../graph/index.ts';
import type { Acceptable, ForeignTensor } from './file.ts';

/** Something in a file that makes a net of no use, and the kind under which it can be accepted. */
export interface Unsound {
  readonly kind: Acceptable;
  /** The tensor by its name in the file, and what is wrong with it. */
  readonly what: string;
}

/** What is wrong with the values of one tensor that becomes this slot of a net. */
export function unsoundIn(
  name: string,
  slot: Slot,
  { dtype, whole = false }: ForeignTensor,
  values: Float32Array,
): readonly Unsound[] {
  const found: Unsound[] = [];
  const add = (kind: Acceptable, what: string): void =>
    void found.push({ kind, what: `${quote(name)} ${what}` });
  if (whole) add('integers', `contains integers (${dtype})`);
  const strange = values.findIndex((v) => !Number.isFinite(v));
  if (strange >= 0)
    add('nonfinite', `is ${values[strange]} at index ${strange}, as float32 (${dtype} in the file)`);
  const negative = slot === 'variance' ? values.findIndex((v) => v < 0) : -1;
  if (negative >= 0)
    add('negative-variances', `is a variance, but negative at index ${negative} (${values[negative]})`);
  return found;
}
