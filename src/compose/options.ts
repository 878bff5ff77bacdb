/**
 * @file The options of architectures. An option is data: what it means, its range and its default. Each of these texts is
 * written once, where the option is made; the types carry them on, so that an editor shows them (see `Described`).
 */

/** One option of an architecture; the parameters after `T` are the texts, which TypeScript infers. */
export interface Option<
  T,
  Default extends T = T,
  Doc extends string = string,
  Range extends string = string,
> {
  /** What it means. */
  readonly doc: Doc;
  readonly default: Default;
  /** Which values are allowed, such as `a whole number from 1 to 64`. */
  readonly range: Range;
  /** The value that a text means, or undefined when it means none. */
  parse(text: string): T | undefined;
  allows(value: T): boolean;
}
/** What an option is made of: its meaning, its default and its bounds. */
export interface Bounds<Doc extends string, Default extends number, Min extends number, Max extends number> {
  readonly doc: Doc;
  readonly default: Default;
  readonly min: Min;
  readonly max: Max;
}

const numeral = /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const numberOf = (text: string): number | undefined => (numeral.test(text) ? Number(text) : undefined);

/** An option whose values are whole numbers from `min` to `max`. */
export const whole = <
  const Doc extends string,
  const Default extends number,
  const Min extends number,
  const Max extends number,
>(
  o: Bounds<Doc, Default, Min, Max>,
): Option<number, Default, Doc, `a whole number from ${Min} to ${Max}`> => ({
  ...o,
  range: `a whole number from ${o.min} to ${o.max}` as const,
  parse: numberOf,
  allows: (n) => Number.isInteger(n) && n >= o.min && n <= o.max,
});

/** An option whose values are numbers from `min` to `max`. */
export const real = <
  const Doc extends string,
  const Default extends number,
  const Min extends number,
  const Max extends number,
>(
  o: Bounds<Doc, Default, Min, Max>,
): Option<number, Default, Doc, `a number from ${Min} to ${Max}`> => ({
  ...o,
  range: `a number from ${o.min} to ${o.max}` as const,
  parse: numberOf,
  allows: (n) => Number.isFinite(n) && n >= o.min && n <= o.max,
});

/** Names as one text: `A, B, C`. */
type Joined<Names extends readonly string[]> = Names extends readonly [infer First extends string]
  ? First
  : Names extends readonly [infer First extends string, ...infer Rest extends readonly string[]]
    ? `${First}, ${Joined<Rest>}`
    : string;
const joined = <const Names extends readonly string[]>(names: Names): Joined<Names> =>
  names.join(', ') as Joined<Names>; // the type says what join computes

/** An option whose values are some names. */
export const choice = <
  const Names extends readonly string[],
  const Doc extends string,
  const Default extends Names[number],
>(
  names: Names,
  o: { readonly doc: Doc; readonly default: Default },
): Option<Names[number], Default, Doc, `one of ${Joined<Names>}`> => ({
  ...o,
  range: `one of ${joined(names)}` as const,
  parse: (text) => names.find((n) => n === text),
  allows: (value) => names.includes(value),
});

/** An option that is true or false. */
export const flag = <const Doc extends string, const Default extends boolean>(o: {
  readonly doc: Doc;
  readonly default: Default;
}): Option<boolean, Default, Doc, 'true or false'> => ({
  ...o,
  range: 'true or false',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  allows: (value) => typeof value === 'boolean',
});

/** Height and width that differ, as in `49x10`. */
export type Sides = `${number}x${number}`;
const sidesDoc = 'height and width of the input, in pixels: one number for both, or two as in 49x10';
const sidesRange = 'a whole number from 1 to 4096, or two such as 49x10';
const sidesIn = (value: number | string): readonly number[] => `${value}`.split('x').map(Number);
/** The option `size`: inputs need not be square. */
export const sidesOption = <const Default extends number | Sides>(o: {
  readonly default: Default;
}): Option<number | Sides, Default, typeof sidesDoc, typeof sidesRange> => ({
  ...o,
  doc: sidesDoc,
  range: sidesRange,
  parse: (text) => {
    const [, height, width] = /^(\d{1,4})x(\d{1,4})$/.exec(text) ?? [];
    if (height === undefined || width === undefined) return numberOf(text);
    return height === width ? Number(height) : `${Number(height)}x${Number(width)}`;
  },
  allows: (value) => {
    const sides = sidesIn(value);
    return sides.length <= 2 && sides.every((n) => Number.isInteger(n) && n >= 1 && n <= 4096);
  },
});
/** Height and width of such a size. */
export function sidesOf(size: number | Sides): readonly [height: number, width: number] {
  const [height = 1, width = height] = sidesIn(size);
  return [height, width];
}

/** The options that every architecture has; `size` and `channels` are those of the input image. */
export const common = <
  const Classes extends number,
  const Size extends number | Sides,
  const Channels extends number = 3,
>(o: {
  readonly classes: Classes;
  readonly size: Size;
  readonly channels?: Channels;
}) => ({
  classes: whole({ doc: 'outputs of the classifier', default: o.classes, min: 1, max: 1_000_000 }),
  size: sidesOption({ default: o.size }),
  channels: whole({
    doc: 'channels of the input',
    default: (o.channels ?? 3) as Channels,
    min: 1,
    max: 4096,
  }),
});

/** The width multiplier of a mobile net; `min` is the least that leaves every layer channels. */
export const widthOption = <const Min extends number = 0.05>(o: { readonly min?: Min } = {}) =>
  real({ doc: 'width multiplier', default: 1, min: (o.min ?? 0.05) as Min, max: 8 });

/** Dropout before the classifier. */
export const dropoutOption = <const Default extends number>(o: { readonly default: Default }) =>
  real({ doc: 'dropout rate before the classifier', default: o.default, min: 0, max: 0.9 });

/** Stochastic depth: zoo files scale the rate by how deep a block is in the net. */
export const dropPathOption = real({
  doc: 'rate at which training skips the last residual block',
  default: 0,
  min: 0,
  max: 0.9,
});

const strideDoc = 'pixels of the input per position of the last map; below 32 the first strides become 1';
/**
 * The output stride of nets that halve their maps five times. Small images need less than 32; then the first reductions
 * do not reduce, as in common implementations for CIFAR.
 */
export const strideOption: Option<number, 32, typeof strideDoc, '4, 8, 16 or 32'> = {
  doc: strideDoc,
  default: 32,
  range: '4, 8, 16 or 32',
  parse: numberOf,
  allows: (n) => [4, 8, 16, 32].includes(n),
};
/** The strides of a net whose table has five twos, called in order: the first ones become 1 where `stride` is below 32. */
export const stridesFor = (stride: number): ((s: number) => number) => {
  let spared = Math.log2(32 / stride);
  return (s) => (s === 1 || spared-- <= 0 ? s : 1);
};

// biome-ignore lint/suspicious/noExplicitAny: options of any type stand in one table; the table's own type says which
type AnyOption = Option<any>;
/** The options of an architecture by name. */
export type Table = Readonly<Record<string, AnyOption>>;
/** The type of an option's values. */
export type ValueOf<O extends AnyOption> = NonNullable<ReturnType<O['parse']>>;
/** A value for every option. */
export type ValuesOf<T extends Table> = { readonly [K in keyof T]: ValueOf<T[K]> };

/** Meaning, range and default of an option as one sentence: `layers, 6n + 4: a whole number from 10 to 1000; default 16`. */
export const describeOption = (o: AnyOption): string => `${o.doc}: ${o.range}; default ${o.default}`;

/**
 * What an editor shows of an option: hovering `depth` in `wrn({ depth: 40 })` shows its type with the text of
 * `describeOption`. It is no value: nobody can make one.
 */
export interface Described<Text extends string> {
  readonly [described]: Text;
}
declare const described: unique symbol;

/** What a caller may give: a value for any of the options, each with its description for editors. */
export type Given<T extends Table> = {
  readonly [K in keyof T]?:
    | (T[K] extends { parse(text: string): infer Value | undefined } ? Value : never) // a name would hide the choices
    | Described<`${T[K]['doc']}: ${T[K]['range']}; default ${T[K]['default']}`>;
};
