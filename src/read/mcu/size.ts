/** @file Sizes of memory as people write them. */
import { UsageError } from '../../errors.ts';

const units: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1000,
  KB: 1024,
  KiB: 1024,
  MB: 2 ** 20,
  MiB: 2 ** 20,
};

/**
 * The bytes of a text such as `256 KB`. KB and MB are 1024 and 1024 x 1024 bytes, as in the data sheets of microcontrollers; kB is 1000.
 * @throws UsageError for other texts.
 */
export function parseSize(text: string): number {
  const [, digits = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(text) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  const bytes = Math.floor(Number(digits) * (factor ?? Number.NaN));
  if (digits === '' || !(bytes > 0) || !Number.isSafeInteger(bytes))
    throw new UsageError(
      `"${text}" is no size of memory; write bytes, or 256 KB, 1 MB (1024 x 1024 bytes), 64 kB (1000)`,
    );
  return bytes;
}
