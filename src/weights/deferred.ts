/** @file Plain weights whose values are computed when they are first read, so that reading a file need not touch them all. */

/** A `FloatWeight` of encodings.ts, which imports this file. */
interface Plain {
  readonly encoding: 'float32';
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const deferredWeights = new WeakSet<Plain>();

/** Whether the values of a weight come from `deferred`, which checks their number when it computes them. */
export const isDeferred = (weight: Plain): boolean => deferredWeights.has(weight);

/**
 * A plain float32 weight whose values `make` gives when they are first read. `make` is called once, and dropped with all that it
 * holds.
 */
export function deferred(shape: readonly number[], make: () => Float32Array): Plain {
  let pending: (() => Float32Array) | undefined = make;
  let values: Float32Array = new Float32Array();
  const weight: Plain = {
    encoding: 'float32',
    shape,
    get data() {
      if (!pending) return values;
      values = pending();
      pending = undefined;
      const size = shape.reduce((n, dim) => n * dim, 1);
      if (values.length !== size)
        throw new Error(`internal: ${values.length} values for the shape ${shape.join(' x ')}`);
      return values;
    },
  };
  deferredWeights.add(weight);
  return weight;
}
