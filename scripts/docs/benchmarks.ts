/**
 * @file Measures all cases on every engine and peer, and writes docs/benchmarks.md and its plots: 40 minutes on an idle machine.
 * MOONLET_PYTHON names the Python with the peers.
 *
 *   npm run docs -- benchmarks
 */
import { benchmark } from '../../src/bench/bench.ts';
import { caseNames, engines } from '../../src/bench/types.ts';
import { note } from '../../src/cli/say.ts';
import { MoonletError } from '../../src/errors.ts';
import { writeDocs } from '../lib/benchmarks.ts';

const report = await benchmark({ cases: caseNames, engines, quick: false, extras: true, say: note });
const absent = report.cases.filter((row) => row.engine === 'moonlet' && 'missing' in row);
if (absent.length)
  throw new MoonletError(`not written, since moonlet did not run ${absent.map((r) => r.case).join()}`);
for (const file of await writeDocs(report)) note(`wrote ${file}`);
