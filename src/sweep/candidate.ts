/** @file From the values of a candidate to the recipe that trains it. */
import { architectures } from '../../zoo/architectures/index.ts';
import { parseSteps } from '../compress/parse-steps.ts';
import { MoonletError, UsageError } from '../errors.ts';
import { type Locate, parseRecipe, type Recipe } from '../run/recipe.ts';
import { countOf, valueAt } from './dimension.ts';
import { type Dimension, isActive, type Space, type Values } from './space.ts';

export interface Candidate {
  readonly recipe: Recipe;
  /** Compression steps behind training, as `parseSteps` reads them. */
  readonly compress?: string;
}

/**
 * The recipe of a candidate: each value is put at its place of the base recipe. `student.width` is an option of the architecture, and
 * null takes a field away.
 * @throws UsageError when the result is no recipe.
 */
export function candidateOf(
  base: Pick<Space, 'recipe' | 'compress'>,
  values: Values,
  name = 'recipe',
  locate: Locate = () => '',
): Candidate {
  const raw = structuredClone(base.recipe);
  const options: string[] = [];
  let compress: unknown = base.compress;
  for (const [place, value] of Object.entries(values)) {
    const keys = place.split('.');
    if (keys[0] === 'student' && keys.length > 1) options.push(`${keys.slice(1).join('.')}=${String(value)}`);
    else if (place === 'compress') compress = value;
    else put(raw, keys, value, place);
  }
  if (options.length) raw['student'] = withOptions(String(raw['student'] ?? ''), options);
  const recipe = parseRecipe(raw, name, locate);
  if (compress === undefined || compress === null || compress === '') return { recipe };
  parseSteps(compress, 'compress');
  return { recipe, compress: typeof compress === 'string' ? compress : JSON.stringify(compress) };
}

/** The words of a student with these options in place of those of the same names. */
function withOptions(student: string, options: readonly string[]): string {
  const replaced = new Set(options.map((o) => o.slice(0, o.indexOf('='))));
  const words = student
    .trim()
    .split(/\s+/)
    .filter((w) => !replaced.has(w.slice(0, w.indexOf('='))));
  return [...words, ...options].join(' ');
}

/** The fields of a recipe that decide which net it trains. */
export const netFields = ['student', 'block', 'size', 'channels', 'classes', 'grow', 'newHead'] as const;
export type NetFields = Readonly<Partial<Record<(typeof netFields)[number], unknown>>>;

/** These fields of a candidate: nothing else of it is made or checked, since most candidates are only counted. */
export function netFieldsOf({ recipe }: Pick<Space, 'recipe'>, values: Values): NetFields {
  const fields: Record<string, unknown> = {};
  for (const name of netFields) if (recipe[name] !== undefined) fields[name] = recipe[name];
  const options: string[] = [];
  for (const place in values) {
    const dot = place.indexOf('.');
    const name = dot < 0 ? place : place.slice(0, dot);
    if (!isNetField(name)) continue;
    const value = values[place];
    if (dot < 0) {
      if (value === null) delete fields[name];
      else fields[name] = value;
    } else if (name === 'student') options.push(`${place.slice(dot + 1)}=${String(value)}`);
    else return candidateOf({ recipe }, values).recipe; // a part of a plan
  }
  if (options.length) fields['student'] = withOptions(String(fields['student'] ?? ''), options);
  return fields;
}
const isNetField = (name: string): boolean => netFields.some((field) => field === name);

type Container = Record<string, unknown>;
const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;

function put(raw: Container, keys: readonly string[], value: unknown, place: string): void {
  let at = raw;
  for (const key of keys.slice(0, -1)) {
    at[key] ??= {};
    const next = at[key];
    if (!isContainer(next))
      throw new UsageError(`space: "${place}" leads into "${key}", which is ${JSON.stringify(next)}`);
    at = next;
  }
  const last = keys.at(-1) ?? '';
  if (value === null) delete at[last];
  else at[last] = value;
}

/**
 * Tries the ends of every dimension, so that a misspelt place is found before anything is trained. Each dimension is tried with the
 * first values of those that its condition asks for.
 * @throws UsageError with the place of the dimension.
 */
export function checkSpace(space: Space, file = 'sweep', locate: Locate = () => ''): void {
  const places = Object.entries(space.space);
  const inFile = (path: readonly PropertyKey[], of?: 'value' | 'key'): string => {
    const dimension = places.find(([key]) => key.split('.').every((k, i) => String(path[i]) === k));
    return dimension ? locate(['space', dimension[0]]) : locate(['recipe', ...path], of);
  };
  const first = valuesWith(space, {});
  const tries: [string | undefined, Values][] = [[undefined, first]];
  for (const [key, d] of places)
    for (const value of endsOf(d))
      tries.push([key, valuesWith(space, { ...wanted(space.space, d), [key]: value })]);
  for (const [key, values] of tries) {
    try {
      const { recipe } = candidateOf(space, values, file, inFile);
      checkStudentOptions(recipe, key);
    } catch (e) {
      if (key === undefined || !(e instanceof MoonletError)) throw e;
      const at = `${file}${locate(['space', key], 'key')}: `;
      const text = e.message.replace(new RegExp(`^${escaped(file)}(:\\d+:\\d+)?: `), '');
      throw new UsageError(`${at}"${key}" = ${JSON.stringify(values[key])}: ${text}`);
    }
  }
}
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** An option that the architecture does not have; values out of its range are refused candidate by candidate. */
function checkStudentOptions({ student }: Recipe, key: string | undefined): void {
  const option = key?.startsWith('student.') ? key.slice('student.'.length) : undefined;
  const arch = architectures.get(student.split(/\s+/)[0] ?? '');
  if (option === undefined || !arch) return;
  if (!Object.hasOwn(arch.options, option))
    throw new UsageError(
      `${arch.name} has no option "${option}"; it has ${Object.keys(arch.options).join(', ')}`,
    );
}

const endsOf = (d: Dimension): readonly unknown[] =>
  'choice' in d ? d.choice : countOf(d) > 1 ? [valueAt(d, 0), valueAt(d, 1)] : [valueAt(d, 0)];

/** What the condition of a dimension asks for, and what the conditions of these ask for. */
function wanted(space: Space['space'], d: Dimension): Values {
  let found: Values = {};
  for (const [key, value] of Object.entries(d.when ?? {})) {
    const other = space[key];
    found = { ...found, ...(other ? wanted(space, other) : {}), [key]: [value].flat()[0] };
  }
  return found;
}

/** These values, and the first of each other dimension that is then active. */
function valuesWith({ space }: Space, given: Values): Values {
  const values: Record<string, unknown> = {};
  for (const [key, d] of Object.entries(space)) {
    if (isActive(d, values)) values[key] = Object.hasOwn(given, key) ? given[key] : valueAt(d, 0);
  }
  return values;
}
