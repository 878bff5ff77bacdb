/** @file Bits of kernels and of the values between layers. */
import type { Graph } from '../../graph/index.ts';
import { type Check, checkValue, whole } from '../options.ts';
import { endsOf } from './layers.ts';
import type { QuantizeOptions } from './quantize.ts';

/** Bits: one number, or a number for each layer or value by its path. */
export type Bits = number | ((path: string) => number);

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
  { weights = 8, activations = 8, ends }: Pick<QuantizeOptions, 'weights' | 'activations' | 'ends'>,
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
