/** @file Lines of checks, their count, and the table of nets by checks that docs/import.md has. */
import { print } from '../../../src/cli/say.ts';
import { readText, writeAtomically } from '../../../src/files/index.ts';
import { marks, remarked, table } from '../../lib/markdown.ts';

/** The columns of the table. */
export const columns = [
  'logits',
  'top 5 equal',
  'growth',
  'folding',
  'ONNX',
  'tf.layers',
  'safetensors',
  'int8 top 1 kept',
  'pruning 30 %',
] as const;
export type Column = (typeof columns)[number];

export interface Check {
  readonly net: string;
  /** What was checked, in words. */
  readonly what: string;
  readonly good: boolean;
  /** What was measured. */
  readonly figure: string;
}

/** Prints a line for each check, and keeps what the table needs. */
export function report() {
  const counts = { passed: 0, failed: 0 };
  const cells = new Map<string, Map<Column, string>>();
  return {
    counts,
    check: ({ net, what, good, figure }: Check): void => {
      counts[good ? 'passed' : 'failed']++;
      print(`${good ? 'ok   ' : 'WRONG'}  ${net}: ${what}: ${figure}`);
    },
    /** What stands in the table; nothing is checked. */
    cell: (net: string, column: Column, text: string): void => {
      const row = cells.get(net) ?? new Map<Column, string>();
      cells.set(net, row.set(column, text));
    },
    write: (page: string): void => {
      const rows = [...cells].map(([net, row]) => [net, ...columns.map((c) => row.get(c) ?? '')]);
      const place = marks('npm run test:pretrained -- --write', 'pretrained');
      writeAtomically(page, remarked(readText(page), place, table([['net', ...columns], ...rows])));
    },
  };
}
export type Report = ReturnType<typeof report>;

/** The largest of |a - b|, relative to the largest |b|; infinite where lengths differ or a value is not finite. */
export function deviation(
  got: Float32Array | readonly number[],
  wanted: Float32Array | readonly number[],
): number {
  if (got.length !== wanted.length) return Number.POSITIVE_INFINITY;
  let [far, size] = [0, 0];
  for (const [i, v] of wanted.entries()) {
    const apart = Math.abs((got[i] ?? Number.NaN) - v);
    if (!Number.isFinite(apart)) return Number.POSITIVE_INFINITY;
    far = Math.max(far, apart);
    size = Math.max(size, Math.abs(v));
  }
  return far / size;
}
export const small = (v: number): string => (v === 0 ? '0' : v.toExponential(1));
