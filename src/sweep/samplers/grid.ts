/** @file Every combination of the dimensions' values, the last dimension fastest. */
import { levelsOf } from '../dimension.ts';
import { type Dimension, isActive, same, type Values } from '../space.ts';
import type { Dimensions, Sampler } from './sampler.ts';

/**
 * A grid. Dimensions that are not active have no value, so that no combination comes twice. Combinations that are refused (attempts)
 * are skipped.
 */
export function grid(dimensions: Dimensions, levels: number): Sampler {
  const rest = combinations(Object.entries(dimensions), {}, levels);
  const next = (): Values | undefined => rest.next().value;
  return {
    learns: false,
    draft: () => {
      const values = next();
      return values && { values };
    },
    passOver: (values) => {
      for (let found = next(); found && !same(found, values); ) found = next();
    },
  };
}

function* combinations(
  [first, ...others]: readonly (readonly [string, Dimension])[],
  values: Values,
  levels: number,
): Generator<Values, undefined> {
  if (!first) {
    yield values;
    return undefined;
  }
  const [key, d] = first;
  if (!isActive(d, values)) yield* combinations(others, values, levels);
  else
    for (const value of levelsOf(d, levels)) yield* combinations(others, { ...values, [key]: value }, levels);
  return undefined;
}
