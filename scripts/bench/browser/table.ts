/** @file The table of `npm run bench -- --browser`, for the terminal and docs/benchmarks.md. */
import { rounded } from '../../../src/bench/numbers.ts';
import type { Machine } from '../../../src/bench/types.ts';
import { marks, table } from '../../lib/markdown.ts';

export const native = 'moonlet, native';

export type BrowserRow = { readonly case: string; readonly engine: string } & (
  | { readonly medianMs: number; readonly leastMs: number; readonly steps: number }
  | { readonly missing: string }
);
interface BrowserReport {
  readonly quick: boolean;
  readonly machine: Machine;
  readonly rows: readonly BrowserRow[];
}

export const browserMarks = marks('npm run bench -- --browser --write', 'browser');

const order = [native, 'moonlet on wasm', 'tfjs-wasm', 'jax-js'];
const about: Readonly<Record<string, string>> = {
  [native]: 'onnxruntime-node 1.30.0, in Node',
  'moonlet on wasm': 'onnxruntime-web 1.30.0, traced',
  'tfjs-wasm':
    'tfjs 4.22.0, eager; the gradients of convs that its wasm backend lacks are ours, composed of its ops',
  'jax-js': '@jax-js/jax 0.1.25, wasm; gradient and SGD under its jit',
};

export function browserTable({ quick, machine: m, rows }: BrowserReport): string {
  const names = [...new Set(rows.map((row) => row.case))];
  const lines = names.flatMap((name) => {
    const mine = rows.filter((row) => row.case === name);
    const wasm = mine.find((row) => row.engine === 'moonlet on wasm');
    return order.map((engine) => {
      const row = mine.find((one) => one.engine === engine);
      if (!row || 'missing' in row)
        return [name, engine, row ? `not run: ${row.missing}` : '', '', '', about[engine] ?? ''];
      const ratio = (of: 'medianMs' | 'leastMs'): string =>
        wasm && 'medianMs' in wasm ? String(rounded(wasm[of] / row[of], 2)) : '';
      return [
        name,
        engine,
        String(row.medianMs),
        String(row.leastMs),
        `${ratio('medianMs')} (${ratio('leastMs')})`,
        about[engine] ?? '',
      ];
    });
  });
  const versions = Object.entries(m.versions).map(([name, version]) => `${name} ${version}`);
  const head = ['case', 'engine', 'median, ms', 'least, ms', 'ours on wasm / this: median (least)', ''];
  return [
    `${m.date.slice(0, 10)}, ${m.cpu}, ${m.cores} cores; load at the start ${m.load}; ${versions.join(', ')}.${quick ? ' A quick run: do not quote.' : ''}`,
    '',
    table([head, ...lines], [0, 1, 5]),
  ].join('\n');
}
