/** @file What keeps a file from being a net, in words. */
import { quote } from '../errors.ts';
import type { Imported } from './import.ts';

const count = (n: number): string => n.toLocaleString('en-US');
const holders = (n: number): string => (n === 1 ? '1 tensor has' : `${count(n)} tensors have`);

/** What is missing, misshapen, unexpected or unsound, with an example each, and the hint. */
export function wrong({ report, hint }: Imported): string {
  const { missing, unexpected, misshapen, unsound } = report;
  const parts = [
    misshapen.length ? `${count(misshapen.length)} tensors have another shape (${misshapen[0]})` : '',
    missing.length ? `${count(missing.length)} are missing (${quote(missing[0] ?? '')})` : '',
    unexpected.length ? `${count(unexpected.length)} are not expected (${quote(unexpected[0] ?? '')})` : '',
    unsound.length ? `${holders(unsound.length)} values that no weight should have (${unsound[0]})` : '',
  ].filter((part) => part);
  return `${parts.join(', ')}${hint ? `: ${hint}` : ''}`;
}
