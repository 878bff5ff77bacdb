/** @file An architecture: a name, its paper, typed options, and the function that makes the graph. */
import { MoonletError, suggestion, UsageError } from '../errors.ts';
import { type Graph, ShapeError } from '../graph/index.ts';
import { type Flow, graph, type Rank } from './flow.ts';
import type { Given, Option, Table, ValuesOf } from './options.ts';

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
  /** Why these values do not fit together, or undefined when they do. */
  readonly problem?: (o: ValuesOf<T>) => string | undefined;
  /** Builds the network: its output, or its outputs in order. */
  readonly net: (o: ValuesOf<T>) => Flow<Rank> | readonly Flow<Rank>[];
}
export interface Architecture<T extends Table = Table> {
  /** @throws UsageError for an unknown option or a value out of range, with the remedy. */
  (options?: Given<T>): Graph;
  readonly paper: Paper;
  readonly options: T;
}

/**
 * Defines an architecture: a function of typed options that returns a graph. The graph's name is that of the architecture
 * with the options that differ from their defaults.
 *
 * @example
 * import { architecture, input, options } from 'moonlet';
 *
 * const tiny = architecture({
 *   name: 'tiny',
 *   paper: { title: 'Example', authors: 'Example', year: 2024 },
 *   options: {
 *     width: options.whole({ doc: 'channels of the conv', default: 8, min: 1, max: 64 }),
 *     ...options.common({ classes: 10, size: 32 }),
 *   },
 *   net: ({ width, classes, size, channels }) =>
 *     input(size, size, channels).conv(width, { kernel: 3 }).relu().globalPool().dense(classes),
 * });
 * tiny({ width: 16 }).name; // 'tiny width=16'
 */
export function architecture<T extends Table>(d: Definition<T>): Architecture<T> {
  const make = (given: Given<T> = {}): Graph => {
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
    try {
      return graph(name, ...[d.net(values)].flat());
    } catch (error) {
      // the only values by which a net of the zoo comes to shapes that its layers refuse are those of the input
      if (error instanceof ShapeError && 'size' in values)
        throw new UsageError(`${d.name}: the input of size ${values['size']} does not fit: ${error.message}`);
      throw error;
    }
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
 * The options of an architecture from words such as `depth=40`.
 * @throws UsageError for words of another form, unknown options, values out of range and options that are given twice.
 */
export function parseOptions<T extends Table>(
  arch: Architecture<T>,
  words: readonly string[],
): Partial<ValuesOf<T>> {
  const values: Record<string, unknown> = {};
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals < 1)
      throw new UsageError(`${arch.name}: "${word}" is not of the form option=value, such as classes=10`);
    const key = word.slice(0, equals);
    const text = word.slice(equals + 1);
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

/** Architectures by name. @throws MoonletError when two have the same name. */
export function catalogue(architectures: readonly Architecture[]): ReadonlyMap<string, Architecture> {
  const byName = new Map(architectures.map((a) => [a.name, a]));
  if (byName.size !== architectures.length) throw new MoonletError('two architectures have the same name');
  return byName;
}
