/**
 * @file Checks the arguments of edits. Types hold in TypeScript only, and comparisons with NaN are false, so that a
 * wrong value would pass unseen. Each edit has one table of its options; an option that the table does not name is
 * refused.
 */
import { quote, suggestion, UsageError } from '../errors.ts';
import type { Graph } from '../graph/index.ts';
import type { Net } from '../weights/index.ts';

/** What a value must be: in words, and as a predicate. */
export interface Check {
  readonly words: string;
  readonly holds: (value: unknown) => boolean;
  /** Of arrays and records: what each element must be, so that an error names the wrong one. */
  readonly each?: Check;
}
/** One check for each option of a type. */
export type Checks<Options> = { readonly [Key in keyof Options]-?: Check };

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map);

/** A whole number from `from` up, to `to` if there is one. */
export const whole = (from: number, to = Number.MAX_SAFE_INTEGER): Check => ({
  words: `a whole number from ${from} ${to === Number.MAX_SAFE_INTEGER ? 'up' : `to ${to}`}`,
  holds: (v) => typeof v === 'number' && Number.isSafeInteger(v) && v >= from && v <= to,
});
/** A finite number for which `within` holds; NaN never does. */
export const number = (words: string, within: (v: number) => boolean): Check => ({
  words,
  holds: (v) => typeof v === 'number' && Number.isFinite(v) && within(v),
});
export const fromZero = number('a number from 0 up', (v) => v >= 0);
export const aboveZero = number('a number above 0', (v) => v > 0);
export const share = number('a share above 0 and at most 1', (v) => v > 0 && v <= 1);
export const belowOne = number('a share from 0 up and below 1', (v) => v >= 0 && v < 1);
export const inside = number('a share above 0 and below 1', (v) => v > 0 && v < 1);

/** One of these texts. */
export const oneOf = (...values: readonly string[]): Check => ({
  words: `one of ${values.join(', ')}`,
  holds: (v) => values.some((known) => known === v),
});
export const flag: Check = { words: 'true or false', holds: (v) => typeof v === 'boolean' };
export const text: Check = { words: 'a text', holds: (v) => typeof v === 'string' };
export const callback: Check = { words: 'a function', holds: (v) => typeof v === 'function' };
export const map: Check = { words: 'a Map', holds: (v) => v instanceof Map };
/** An array of values of one kind, at least `least` of them. */
export const listOf = (each: Check, least = 1): Check => ({
  words: `an array${least ? ` of at least ${least}` : ''}, each ${each.words}`,
  holds: (v) => Array.isArray(v) && v.length >= least,
  each,
});
/** A value that one of several checks accepts. */
export const either = (...checks: readonly Check[]): Check => ({
  words: checks.map((c) => c.words).join(', or '),
  holds: (v) => checks.some((c) => c.holds(v)),
});
/** Numbers by name, such as a ratio for each layer. */
export const recordOf = (each: Check): Check => ({
  words: `an object with ${each.words} for each name`,
  holds: isRecord,
  each,
});

/** Seeds are whole numbers of any size and sign. */
export const seed: Check = { words: 'a whole number', holds: Number.isSafeInteger };
/** Names or globs of layers. */
export const names = listOf(text, 0);
/** Where weights are pruned, shared or hashed. */
export const whereChecks = { only: names, except: names } as const;

/**
 * Checks the options of an edit by its table; options that are missing or undefined are skipped.
 * @throws UsageError for a name that the table does not have, with the nearest, and for a value that its check refuses.
 */
export function checkOptions(edit: string, given: unknown, checks: Readonly<Record<string, Check>>): void {
  if (!isRecord(given))
    throw new UsageError(`${edit}: its options must be an object such as {}, got ${shown(given)}`);
  const known = Object.keys(checks);
  for (const [name, value] of Object.entries(given)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (!check)
      throw new UsageError(
        `${edit}: no option ${quote(name)}.${suggestion(name, known)} ${known.length ? `Known: ${known.join(', ')}` : 'It takes none'}`,
      );
    if (value !== undefined) checkValue(edit, name, value, check);
  }
}

/** Checks the options that a table names, where a caller may pass others too. @throws UsageError as `checkOptions` does. */
export function checkKnown(edit: string, given: unknown, checks: Readonly<Record<string, Check>>): void {
  if (!isRecord(given)) return checkOptions(edit, given, checks);
  const known = Object.entries(given).filter(([name]) => Object.hasOwn(checks, name));
  checkOptions(edit, Object.fromEntries(known), checks);
}

/** Checks one value. @throws UsageError when its check refuses it. */
export function checkValue(edit: string, name: string, value: unknown, { words, holds, each }: Check): void {
  if (!holds(value)) throw new UsageError(`${edit}: ${name} must be ${words}, got ${shown(value)}`);
  if (!each) return;
  if (Array.isArray(value))
    for (const [i, element] of value.entries()) checkValue(edit, `${name}[${i}]`, element, each);
  else if (isRecord(value))
    for (const [key, element] of Object.entries(value))
      checkValue(edit, `${name} of ${quote(key)}`, element, each);
}

/**
 * Checks an object with exactly one of several options, such as `{ macs }` or `{ params }`.
 * @throws UsageError when it has none, several or another, and for a value that its check refuses.
 */
export function checkChoice(edit: string, given: unknown, checks: Readonly<Record<string, Check>>): void {
  const known = Object.keys(checks);
  if (!isRecord(given))
    throw new UsageError(`${edit}: expects an amount such as { ${known[0]}: ... }, got ${shown(given)}`);
  checkOptions(edit, given, checks);
  const [name, ...others] = known.filter((key) => given[key] !== undefined);
  if (name && !others.length) return;
  throw new UsageError(
    `${edit}: expects one of ${known.join(', ')}, got ${name ? [name, ...others].join(' and ') : 'none'}`,
  );
}

/** @throws UsageError for what is no net, with what makes one. */
export function checkNet(edit: string, value: unknown): asserts value is Net {
  if (isRecord(value) && isGraph(value['graph']) && value['weights'] instanceof Map) return;
  const advice = isGraph(value) ? 'a graph without weights; init(graph) gives it some' : shown(value);
  throw new UsageError(`${edit}: the first argument must be a net { graph, weights }, got ${advice}`);
}

/** @throws UsageError for what is no graph, with what makes one. */
export function checkGraph(edit: string, value: unknown, which = 'first'): asserts value is Graph {
  if (isGraph(value)) return;
  const advice = isRecord(value) && isGraph(value['graph']) ? 'a net; pass its graph' : shown(value);
  throw new UsageError(`${edit}: the ${which} argument must be a graph, got ${advice}`);
}
const isGraph = (value: unknown): boolean =>
  isRecord(value) && Array.isArray(value['nodes']) && Array.isArray(value['outputs']);

/** A value in a few words, for errors. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value))
    return value.length > 4 ? `an array of ${value.length}` : `[${value.map(shown).join(', ')}]`;
  if (value instanceof Map) return 'a Map';
  if (isRecord(value))
    return value.constructor === Object
      ? `{ ${Object.keys(value).slice(0, 4).join(', ')} }`
      : 'an object of a class';
  return String(value);
}
