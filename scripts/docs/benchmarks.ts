/**
 * @file Measures all cases on every engine and peer, and writes docs/benchmarks.md, its plots and its data: 25 minutes on an idle machine.
 * MOONLET_PYTHON names the Python with the peers; `npm run native` builds tfjs-node.
 *
 *   npm run docs -- benchmarks [--only D1]
 *
 * --only measures some cases anew, and keeps the other figures, which must be of the same day and processor.
 */
import { parseArgs } from 'node:util';
import { benchmark } from '../../src/bench/bench.ts';
import { machine, ratiosOf } from '../../src/bench/run.ts';
import { caseNames, engines, type Report } from '../../src/bench/types.ts';
import { note } from '../../src/cli/say.ts';
import { MoonletError, suggestion, UsageError } from '../../src/errors.ts';
import { readReport, writeDocs } from '../lib/benchmarks.ts';

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const cases = (values.only?.split(',') ?? caseNames).map((name) => {
  const found = caseNames.find((known) => known === name);
  if (found) return found;
  throw new UsageError(`no case "${name}".${suggestion(name, caseNames)}`);
});
const before = values.only === undefined ? undefined : keptReport();
const report = await benchmark({ cases, engines, quick: false, extras: !before, say: note });
const absent = report.cases.filter((row) => row.engine === 'moonlet' && 'missing' in row);
if (absent.length)
  throw new MoonletError(`not written, since moonlet did not run ${absent.map((r) => r.case).join()}`);
for (const file of await writeDocs(before ? renewed(before, report) : report)) note(`wrote ${file}`);

/** @throws MoonletError where there is no report, or one of another day or processor. */
function keptReport(): Report {
  const kept = readReport();
  const [now, then] = [machine(), kept?.machine];
  if (kept && then?.cpu === now.cpu && then.date.slice(0, 10) === now.date.slice(0, 10)) return kept;
  const what = then ? `the others are of ${then.date.slice(0, 10)} on ${then.cpu}` : 'there are no others';
  throw new MoonletError(`--only: ${what}; measure all`);
}

/** The earlier report with the cases of the later one in place of its own. */
function renewed(earlier: Report, { cases: later }: Report): Report {
  const rows = caseNames.flatMap((name) => {
    const own = later.filter((row) => row.case === name);
    return own.length ? own : earlier.cases.filter((row) => row.case === name);
  });
  return { ...earlier, cases: rows, ratios: ratiosOf(rows) };
}
