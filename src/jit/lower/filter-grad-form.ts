/** @file An implementation of the filter gradient: how it is computed, and when it is correct and fast. */

import type { ConvGeometry } from '../../kernels/index.ts';
import type { Value } from '../ir.ts';
import type { Sizes } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';

/** A filter gradient to be lowered: dk of the conv of x with that geometry. */
export interface FilterGrad {
  readonly geometry: ConvGeometry;
  readonly sizes: Sizes;
  readonly x: Value;
  readonly dy: Value;
  readonly dk: Value;
}

export interface FilterGradForm {
  /** Whether the form is right here, and faster than the forms that come later in the list. */
  readonly fits: (e: Emitter, grad: FilterGrad) => boolean;
  /** Puts dk. */
  readonly make: (e: Emitter, grad: FilterGrad) => void;
}
