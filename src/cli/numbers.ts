/** @file Reads numeric options and checks their range before any work. */
import { UsageError } from '../errors.ts';

export interface Range {
  readonly min?: number;
  readonly max?: number;
  /** Whether `min` itself is too small. */
  readonly above?: boolean;
  /** What such a number is called. */
  readonly what?: string;
}
/** A share of one. */
export const fraction: Range = { min: 0, max: 1, what: 'a fraction' };
/** More training steps than any run takes. */
export const stepCount: Range = { min: 1, max: 100_000_000 };

/** The flag of an option: `crop-scale` of `cropScale`. */
export const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** @throws UsageError when the text of `--name` is no number, or out of range. */
export function numberFlag(name: string, text: string, range: Range = {}): number {
  const value = decimal.test(text.trim()) ? Number(text) : Number.NaN;
  const { what = 'a number' } = range;
  if (Number.isNaN(value) && range.what === undefined)
    throw new UsageError(`--${name} must be ${what}, got "${text}"`);
  if (holds(value, range)) return value;
  throw new UsageError(`--${name} must be ${what}${words(range)}, got "${text}"`);
}

/** The same for a whole number; from 0 up where no range is given. */
export function wholeFlag(name: string, text: string, range: Range = {}): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = range;
  const value = decimal.test(text.trim()) ? Number(text) : Number.NaN;
  if (Number.isInteger(value) && holds(value, { min, max })) return value;
  throw new UsageError(`--${name} must be a whole number${words({ ...range, min })}, got "${text}"`);
}

const holds = (value: number, { min = -Infinity, max = Number.MAX_VALUE, above = false }: Range): boolean =>
  (above ? value > min : value >= min) && value <= max;

function words({ min, max, above }: Range): string {
  if (min === undefined) return max === undefined ? '' : ` up to ${max}`;
  if (above) return ` above ${min}${max === undefined ? '' : ` and up to ${max}`}`;
  return max === undefined ? ` from ${min} up` : ` from ${min} to ${max}`;
}

/** What `--force` does, in every command's help. */
export const forceHelp =
  'replace files that an earlier command wrote to the folder, and keep other files (default: refuse a folder that is not empty)';
