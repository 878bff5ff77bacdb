/** @file An architecture: a name, its paper, typed options, and the function that makes the graph. */
import { MoonletError, suggestion, UsageError } from '../errors.ts';
import type { Graph } from '../graph/index.ts';
import { type Flow, graph, type Rank } from './flow.ts';

export interface Option<T> {
  readonly doc: string;
  readonly default: T;
  /** What is allowed, as a person would say it. */
  readonly range: string;
  /** The value that a text means, or undefined when it means none. */
  parse(text: string): T | undefined;
  allows(value: T): boolean;
}
export interface Bounds<T> {
  readonly doc: string;
  readonly default: T;
  readonly min: number;
  readonly max: number;
}

const numeral = /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const numberOf = (text: string): number | undefined => (numeral.test(text) ? Number(text) : undefined);

export const whole = (o: Bounds<number>): Option<number> => ({
  ...o,
  range: `a whole number from ${o.min} to ${o.max}`,
  parse: numberOf,
  allows: (n) => Number.isInteger(n) && n >= o.min && n <= o.max,
});
export const real = (o: Bounds<number>): Option<number> => ({
  ...o,
  range: `a number from ${o.min} to ${o.max}`,
  parse: numberOf,
  allows: (n) => Number.isFinite(n) && n >= o.min && n <= o.max,
});
export const choice = <const T extends string>(
  names: readonly T[],
  o: { doc: string; default: T },
): Option<T> => ({
  ...o,
  range: `one of ${names.join(', ')}`,
  parse: (text) => names.find((n) => n === text),
  allows: (value) => names.includes(value),
});
export const flag = (o: { doc: string; default: boolean }): Option<boolean> => ({
  ...o,
  range: 'true or false',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  allows: (value) => typeof value === 'boolean',
});

/** The options that every architecture has. */
export const common = (o: { classes: number; size: number; channels?: number }) => ({
  classes: whole({ doc: 'outputs of the classifier', default: o.classes, min: 1, max: 1_000_000 }),
  size: whole({ doc: 'height and width of the input', default: o.size, min: 1, max: 4096 }),
  channels: whole({ doc: 'channels of the input', default: o.channels ?? 3, min: 1, max: 4096 }),
});
/** The option of nets with stochastic depth; zoo files scale it by how far along a block stands. */
export const dropPathOption = (o: { default: number } = { default: 0 }): Option<number> =>
  real({ doc: 'how often training leaves out the last residual body', ...o, min: 0, max: 0.9 });

/**
 * The option of nets that halve their maps five times: how many pixels of the input one place of the last map stands
 * for. Small images want less than 32; then the first reductions do not reduce (as common implementations for CIFAR do).
 */
export const strideOption: Option<number> = {
  doc: 'pixels of the input to a place of the last map; below 32 the first strides become 1',
  default: 32,
  range: '4, 8, 16 or 32',
  parse: numberOf,
  allows: (n) => [4, 8, 16, 32].includes(n),
};
/** The strides of a net whose table says five twos, asked in order: the first ones are 1 where `stride` is below 32. */
export const stridesFor = (stride: number): ((s: number) => number) => {
  let spared = Math.log2(32 / stride);
  return (s) => (s === 1 || spared-- <= 0 ? s : 1);
};

// biome-ignore lint/suspicious/noExplicitAny: options of any type stand in one table; the table's own type says which
type Table = Readonly<Record<string, Option<any>>>;
export type ValuesOf<T extends Table> = { readonly [K in keyof T]: T[K]['default'] };

export interface Paper {
  readonly title: string;
  readonly authors: string;
  readonly year: number;
  readonly arxiv?: string;
}
export interface Definition<T extends Table> {
  readonly name: string;
  readonly paper: Paper;
  readonly options: T;
  /** What is wrong with these values together, or nothing. */
  readonly problem?: (o: ValuesOf<T>) => string | undefined;
  /** Its end, or its ends in the order of the graph's outputs. */
  readonly net: (o: ValuesOf<T>) => Flow<Rank> | readonly Flow<Rank>[];
}
export interface Architecture<T extends Table = Table> {
  /** @throws UsageError for an unknown option or a value out of range, with the remedy. */
  (options?: Partial<ValuesOf<T>>): Graph;
  readonly paper: Paper;
  readonly options: T;
}

/** Make an architecture. The graph carries the name and the options that are not the usual ones. */
export function architecture<T extends Table>(d: Definition<T>): Architecture<T> {
  const make = (given: Partial<ValuesOf<T>> = {}): Graph => {
    for (const key of Object.keys(given)) optionOf(d.name, d.options, key);
    const values = Object.fromEntries(
      Object.entries(d.options).map(([key, option]) => {
        const value = given[key] ?? option.default;
        if (!option.allows(value))
          throw new UsageError(`${d.name}: ${key} must be ${option.range}, got ${String(value)}`);
        return [key, value];
      }),
    ) as ValuesOf<T>;
    const problem = d.problem?.(values);
    if (problem) throw new UsageError(`${d.name}: ${problem}`);
    const unusual = Object.entries(values).filter(([key, value]) => value !== d.options[key]?.default);
    const name = [d.name, ...unusual.map(([key, value]) => `${key}=${value}`)].join(' ');
    return graph(name, ...[d.net(values)].flat());
  };
  Object.defineProperty(make, 'name', { value: d.name });
  return Object.assign(make, { paper: d.paper, options: d.options });
}

function optionOf(name: string, options: Table, key: string): Option<unknown> {
  const option = Object.hasOwn(options, key) ? options[key] : undefined;
  if (option) return option;
  const names = Object.keys(options);
  throw new UsageError(`${name}: no option "${key}" (it has ${names.join(', ')}).${suggestion(key, names)}`);
}

/**
 * The options that words like `depth=40` say.
 * @throws UsageError for words of another form, unknown options, values out of range and options said twice.
 */
export function parseOptions<T extends Table>(
  arch: Architecture<T>,
  words: readonly string[],
): Partial<ValuesOf<T>> {
  const values: Record<string, unknown> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 1)
      throw new UsageError(`${arch.name}: "${word}" is not of the form option=value, such as classes=10`);
    const key = word.slice(0, at);
    const text = word.slice(at + 1);
    const option = optionOf(arch.name, arch.options, key);
    if (Object.hasOwn(values, key)) throw new UsageError(`${arch.name}: ${key} is given twice`);
    const value = option.parse(text);
    if (value === undefined || !option.allows(value)) {
      throw new UsageError(`${arch.name}: ${key} must be ${option.range}, got ${text || 'nothing'}`);
    }
    values[key] = value;
  }
  return values as Partial<ValuesOf<T>>;
}

/** Names to architectures. @throws MoonletError when two have one name. */
export function catalogue(all: readonly Architecture[]): ReadonlyMap<string, Architecture> {
  const byName = new Map(all.map((a) => [a.name, a]));
  if (byName.size !== all.length) throw new MoonletError('two architectures have the same name');
  return byName;
}
