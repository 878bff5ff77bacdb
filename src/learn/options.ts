/** @file Checks the numeric options of training and evaluation before any work, by name. */
import { suggestion, UsageError } from '../errors.ts';

/**
 * Checks an option that counts something.
 * @throws UsageError unless `value` is a whole number, `least` or more.
 */
export function checkCount(name: string, value: number, least = 1): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError(`${name} must be a whole number from ${least} up, got ${value}`);
}

/**
 * Checks a seed.
 * @throws UsageError unless `value` is a whole number of either sign.
 */
export function checkSeed(name: string, value: number): void {
  if (!Number.isSafeInteger(value)) throw new UsageError(`${name} must be a whole number, got ${value}`);
}

/** Bounds of a real number; without any it need only be finite. */
export interface Bounds {
  readonly least?: number;
  readonly most?: number;
  /** The number must be larger than this. */
  readonly above?: number;
  /** The number must be smaller than this. */
  readonly below?: number;
}

/**
 * Checks an option that is a real number.
 * @throws UsageError unless `value` is a finite number within the bounds.
 */
export function checkNumber(name: string, value: number, { least, most, above, below }: Bounds = {}): void {
  const inside =
    Number.isFinite(value) &&
    (least === undefined || value >= least) &&
    (most === undefined || value <= most) &&
    (above === undefined || value > above) &&
    (below === undefined || value < below);
  if (inside) return;
  const range = [
    ...(least === undefined
      ? []
      : [most === undefined && below === undefined ? `of ${least} or more` : `from ${least}`]),
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(most === undefined ? [] : [`${least === undefined ? 'up ' : ''}to ${most}`]),
    ...(below === undefined ? [] : [`${least === undefined ? '' : 'up and '}below ${below}`]),
  ].join(' ');
  throw new UsageError(
    `${name} must be a ${range ? 'number' : 'finite number'}${range && ` ${range}`}, got ${value}`,
  );
}

/** @throws UsageError for an option that is none of those known; its own names are `what` and the option. */
export function checkNames<Options extends object>(
  what: string,
  given: Options,
  known: Readonly<Record<keyof Options, true>>,
): void {
  const names = Object.keys(known);
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(known, name));
  if (unknown !== undefined)
    throw new UsageError(
      `${what}: no option "${unknown}".${suggestion(unknown, names)} Known: ${names.join(', ')}`,
    );
}
