/** @file Widths: a number of channels, or a factor. */
import { UsageError } from '../../errors.ts';
import { shown } from '../options.ts';

/** A width: a number of channels, or a factor such as `x1.5`. */
export type Width = number | `x${number}`;

/** The width that a text such as `48` or `x1.5` means. @throws UsageError for text that is no width. */
export function parseWidth(text: string): Width {
  const factor = /^x(\d+(\.\d+)?)$/.exec(text);
  if (factor && Number(factor[1]) >= 1) return `x${Number(factor[1])}`;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError(
    `"${text}" is no width; give a number of channels, or a factor from 1 up such as x1.5`,
  );
}

/** @throws UsageError for what is no width, with the width that was probably meant. */
export function checkWidth(where: string, width: unknown): void {
  if (typeof width === 'number' && Number.isSafeInteger(width) && width >= 1) return;
  const factor = typeof width === 'string' ? /^x(\d+(\.\d+)?)$/.exec(width)?.[1] : undefined;
  if (factor !== undefined && Number(factor) > 0) return;
  const number = typeof width === 'string' ? /^(\d+(?:\.\d+)?)(x?)$/.exec(width.trim()) : undefined;
  const meant = number
    ? `; did you mean ${number[2] || number[1]?.includes('.') ? `"x${number[1]}"` : number[1]}?`
    : '';
  throw new UsageError(
    `${where}: a width is a whole number of channels, or a factor from 1 up such as "x1.5", got ${shown(width)}${meant}`,
  );
}
