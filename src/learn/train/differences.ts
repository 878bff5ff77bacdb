/** @file Describes the differences between two runs in one line. */
import { hashMark } from '../digest.ts';

/** A text as the JSON that it is, or as itself. */
export const fromJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

/**
 * Where two runs differ, in words: `seed was 3, is 8; losses.soft-targets.temperature was 4, is 2`. What a recipe says goes
 * first, and alone where it explains the rest.
 */
export function differences(before: string, now: string): string {
  const [a, b] = [fromJson(before), fromJson(now)];
  if (!isRecord(a) || !isRecord(b)) return 'it is of another kind or version';
  const { recipe: was, ...restOfA } = a;
  const { recipe: is, ...restOfB } = b;
  const named = differing(was, is, '');
  const all = named.length ? named : differing(restOfA, restOfB, '');
  const shown = all.slice(0, mostShown).map(({ path, words }) => `${path || 'recipe'} ${words}`);
  return [...shown, ...(all.length > mostShown ? [`and ${all.length - mostShown} more`] : [])].join('; ');
}
const mostShown = 3;

interface Difference {
  readonly path: string;
  readonly words: string;
}
function differing(a: unknown, b: unknown, path: string): readonly Difference[] {
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length)
    return a.flatMap((v, i) => differing(v, b[i], `${path}[${i}]`));
  if (isRecord(a) && isRecord(b))
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
      differing(a[key], b[key], path ? `${path}.${key}` : key),
    );
  const [was, is] = [short(a), short(b)];
  return [
    { path, words: was === undefined || is === undefined || was === is ? 'differs' : `was ${was}, is ${is}` },
  ];
}

/** A value that a person can read in a line; none for a hash or a long one. */
function short(value: unknown): string | undefined {
  if (value === undefined) return 'not given';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.startsWith(hashMark) || text.length > 40 ? undefined : text;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
