/**
 * @file Measures training steps, whole runs, first steps, surgery, integers, peak memory and threads, and writes them into
 * docs/benchmarks.md: two hours on an idle machine. A row that was measured is kept, so that the command can be stopped and run again.
 *
 *   npm run docs -- bench-rows [--rows whole-run,surgery] [--rounds 7] [--again] [--quick]
 *
 * --again measures rows anew; --quick tries everything with few steps in one round, and prints instead of writing.
 * MOONLET_PYTHON names the Python with PyTorch, MOONLET_PRUNING_PYTHON one that has torch-pruning as well.
 */
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { machine } from '../../src/bench/run.ts';
import { note, print } from '../../src/cli/say.ts';
import { suggestion } from '../../src/errors.ts';
import { kinds } from '../bench/rows/kinds.ts';
import { type Measured, readRows, rowText, writeRows } from '../lib/bench-rows.ts';

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: Object.keys(kinds).join() },
    rounds: { type: 'string', default: '7' },
    again: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
});
const rounds = flags.quick ? 1 : Number(flags.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  wrong(`--rounds must be a whole number from 1 up, got "${flags.rounds}"`);
const { version }: { readonly version: string } = createRequire(import.meta.url)(
  'onnxruntime-node/package.json',
);
for (const name of flags.rows.split(',')) {
  const kind = kinds[name];
  if (!kind) wrong(`no row "${name}".${suggestion(name, Object.keys(kinds))}`);
  const known = readRows()[name];
  if (known && known.rounds >= rounds && !flags.again && !flags.quick) {
    note(`${name}: measured on ${known.machine.date.slice(0, 10)}; --again measures it anew`);
    continue;
  }
  const before = machine({ 'onnxruntime-node': version }); // the load of others, not ours
  const figures = await kind.measure({ rounds, quick: flags.quick, say: note });
  const row: Measured = { machine: before, rounds, figures };
  if (!flags.quick) writeRows(kinds, { ...readRows(), [name]: row });
  print([`## ${kind.title}`, ...rowText(row), ...(kind.more?.(figures) ?? [])].join('\n\n'));
}

/** Ends the program as for wrong usage. */
function wrong(text: string): never {
  note(`bench-rows: ${text}`);
  process.exit(2);
}
