/**
 * @file Measures all cases on every engine and peer, and writes docs/benchmarks.md and its plots: 40 minutes on an idle machine.
 * MOONLET_PYTHON names the Python with the peers.
 *
 *   npm run docs -- benchmarks
 */
import { benchmark } from '../../src/bench/bench.ts';
import { caseNames, engines } from '../../src/bench/types.ts';
import { note } from '../../src/cli/say.ts';
import { writeDocs } from '../lib/benchmarks.ts';

const report = await benchmark({ cases: caseNames, engines, quick: false, extras: true, say: note });
for (const file of await writeDocs(report)) note(`wrote ${file}`);
