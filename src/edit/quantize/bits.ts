/** @file Bits of kernels and of the values between layers. */
import type { Graph } from '../../graph/index.ts';
import { type Check, checkValue, whole } from '../options.ts';
import { endsOf } from './layers.ts';

/** Bits: one number, or a number for each layer or value by its path. */
export type Bits = number | ((path: string) => number);

export interface BitsOptions {
  /** Bits of a kernel: codes of 2 to 8, 16 for half precision, 32 for the float kernel as it is; 8 by default. */
  readonly weights?: Bits;
  /** Bits of the values between layers, 2 to 8; 8 by default. */
  readonly activations?: Bits;
  /** Bits of the kernels of the first and the last layers and of the values that they read; as the others by default. */
  readonly ends?: number | undefined;
}

/** Bits of a kernel: of its codes, of half precision, or of floats. */
export const kernelBits: Check = {
  words: 'a number of bits: 2 to 8, 16 or 32',
  holds: (v) => whole(2, 8).holds(v) || v === 16 || v === 32,
};
/** Whether a kernel of so many bits has integer codes. */
export const isCoded = (bits: number): boolean => bits <= 8;

/** The bits of each kernel and value of a graph. @throws UsageError when a function gives no number of bits. */
export function bitsIn(
  graph: Graph,
  { weights = 8, activations = 8, ends }: BitsOptions,
): { readonly weights: (layer: string) => number; readonly activations: (value: string) => number } {
  const at = ends === undefined ? undefined : endsOf(graph);
  const by =
    (bits: Bits, name: string, check: Check, atEnd: ReadonlySet<string> | undefined) =>
    (path: string): number => {
      if (ends !== undefined && atEnd?.has(path)) return ends;
      const chosen = typeof bits === 'number' ? bits : bits(path);
      checkValue('quantize', `${name} of "${path}"`, chosen, check);
      return chosen;
    };
  return {
    weights: by(weights, 'weights', kernelBits, at?.layers),
    activations: by(activations, 'activations', whole(2, 8), at?.values),
  };
}
