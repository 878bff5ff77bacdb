/**
 * @file Look-ups that throw an internal error if they fail, in place of casts. Where the value is missing they throw
 * an error that begins with `internal:`.
 */

/** The value, known to be defined. @throws Error `internal: ...` that says what is missing. */
export function defined<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`internal: no ${what}`);
  return value;
}

/** The value of a key that the map has. @throws Error `internal: ...` that names the key. */
export function get<K, V>(map: ReadonlyMap<K, V>, key: NoInfer<K>): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`internal: no value for "${String(key)}"`);
  return value;
}

/** The element at an index; a negative index counts from the end. @throws Error `internal: ...` out of bounds. */
export function item<T>(list: readonly T[], index: number): T {
  const value = list.at(index);
  if (value === undefined) throw new Error(`internal: no element ${index} in a list of ${list.length}`);
  return value;
}

/** The first element. @throws Error `internal: ...` for an empty list. */
export const first = <T>(list: readonly T[]): T => item(list, 0);

/** The last element. @throws Error `internal: ...` for an empty list. */
export const last = <T>(list: readonly T[]): T => item(list, -1);

/** The element of a list of one. @throws Error `internal: ...` for a list of another length. */
export function only<T>(list: readonly T[]): T {
  if (list.length !== 1) throw new Error(`internal: expected a list of 1, got ${list.length}`);
  return item(list, 0);
}

/** Both elements of a list of two, as a tuple. @throws Error `internal: ...` for a list of another length. */
export function pairOf<T>(list: readonly T[]): readonly [T, T] {
  if (list.length !== 2) throw new Error(`internal: expected a list of 2, got ${list.length}`);
  return [item(list, 0), item(list, 1)];
}
