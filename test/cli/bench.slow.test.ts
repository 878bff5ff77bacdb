/** @file `moonlet bench`: its JSON, engines that are missing, ratios, and what it refuses. */
import { expect } from 'chai';
import { Command } from 'commander';
import { page } from '../../scripts/lib/benchmarks.ts';
import { benchmark } from '../../src/bench/bench.ts';
import { caseOf } from '../../src/bench/cases.ts';
import { comparedMaps } from '../../src/bench/job.ts';
import { median, quantile } from '../../src/bench/numbers.ts';
import { ratiosOf } from '../../src/bench/run.ts';
import { reportText } from '../../src/bench/text.ts';
import { caseNames, type Measured, type Report } from '../../src/bench/types.ts';
import { benchCommand } from '../../src/cli/bench.ts';
import { attention } from '../../src/learn/distill/index.ts';
import { cost } from '../../src/read/index.ts';

const row = (engine: Measured['engine'], medianMs: number, note?: string): Measured => ({
  case: 'T1',
  engine,
  medianMs,
  spread: [medianMs - 1, medianMs + 1],
  peakMiB: 100,
  steps: 9,
  readyMs: 5,
  ...(note ? { note } : {}),
});
const rows = [
  row('moonlet', 20, '1 thread 20 ms'),
  row('python-torch', 40),
  row('python-keras', 25),
  { case: 'T1', engine: 'tfjs-node', missing: 'it is not installed' } as const,
];
const report: Report = {
  quick: false,
  machine: {
    ...{ cpu: 'a processor', cores: 2, memoryGiB: 8, system: 'Linux 6', load: 0.1 },
    ...{ date: '2026-01-02T03:04:05.000Z', versions: { node: '20.20.0', torch: '2.15.0' } },
  },
  cases: rows,
  ratios: ratiosOf(rows),
  extras: [{ what: 'cost', engine: 'moonlet', medianMs: 1.5 }],
  growth: [{ what: 'batch', engine: 'moonlet', points: [[1, 2]] }],
};

describe('moonlet bench', () => {
  it('has the cases that it names: T1 with 39,914 numbers, D1 with the net of T2', () => {
    const { params, normStats } = cost(caseOf('T1').graph);
    expect([params, params + normStats]).to.deep.equal([38_314, 39_914]);
    expect(caseOf('D1').graph).to.deep.equal(caseOf('T2').graph);
    expect(caseOf('D1').teacher?.name).to.include('width=2');
    expect(caseNames.map((name) => caseOf(name).kind)).to.deep.equal([
      ...['train', 'train', 'train', 'train', 'distill', 'infer', 'infer', 'infer'],
    ]);
    const grouped = caseOf('I2').graph.nodes.some(({ op }) => op.kind === 'conv' && op.groups > 1);
    expect(grouped).to.equal(true);
  });

  it('names maps of both nets to the peers of D1, those that attention transfer compares', () => {
    const { graph, teacher = graph } = caseOf('D1');
    const pairs = comparedMaps(graph, teacher);
    const loss = attention()({ student: graph, teacher });
    expect(pairs.map(([id]) => id)).to.deep.equal(loss.student);
    for (const [mine, theirs] of pairs) {
      expect(graph.nodes.map(({ id }) => id)).to.include(mine);
      expect(teacher.nodes.map(({ id }) => id)).to.include(theirs);
    }
  });

  it('measures what is there and lists what is missing, with the reason', async () => {
    const was = process.env['MOONLET_PYTHON'];
    process.env['MOONLET_PYTHON'] = 'no-such-python';
    try {
      const found = await benchmark({
        ...{ cases: ['I3'], engines: ['moonlet', 'wasm', 'python-torch'], quick: true, extras: false },
      });
      const [moonlet, wasm, torch] = found.cases;
      for (const measured of [moonlet, wasm] as Measured[]) {
        expect(measured).to.have.keys(
          ...['case', 'engine', 'medianMs', 'spread', 'peakMiB', 'steps', 'readyMs'],
          ...(measured.note ? ['note'] : []),
        );
        expect(measured.medianMs).to.be.above(0);
        expect(measured.spread[0]).to.be.at.most(measured.medianMs);
        expect(measured.spread[1]).to.be.at.least(measured.medianMs);
        expect(measured.peakMiB).to.be.above(10);
        expect(measured.note ?? '').to.not.include('loss');
      }
      expect(torch).to.deep.equal({
        ...{ case: 'I3', engine: 'python-torch' },
        missing: 'no Python is found; set MOONLET_PYTHON',
      });
      expect(found.ratios.map((r) => [r.case, r.engine])).to.deep.equal([['I3', 'wasm']]);
      expect(found.machine).to.include.keys(
        'cpu',
        'cores',
        'memoryGiB',
        'system',
        'date',
        'load',
        'versions',
      );
      expect(JSON.parse(JSON.stringify(found))).to.deep.equal(found);
    } finally {
      if (was === undefined) delete process.env['MOONLET_PYTHON'];
      else process.env['MOONLET_PYTHON'] = was;
    }
  }).timeout(180_000);

  it('measures a distillation step', async () => {
    const found = await benchmark({ cases: ['D1'], engines: ['moonlet'], quick: true, extras: false });
    expect(found.cases[0]).to.have.property('medianMs').that.is.above(0);
  }).timeout(180_000);

  it('gives our median over each other engine, and over the faster Python peer', () => {
    expect(ratiosOf(rows)).to.deep.equal([
      { case: 'T1', engine: 'python-torch', ratio: 0.5 },
      { case: 'T1', engine: 'python-keras', ratio: 0.8 },
      { case: 'T1', engine: 'python-best', ratio: 0.8 },
    ]);
    expect(ratiosOf([row('python-torch', 40)])).to.deep.equal([]);
  });

  it('takes medians and quartiles between neighbours', () => {
    expect(median([4, 1, 3, 2])).to.equal(2.5);
    expect(quantile([0, 10, 20, 30, 40], 0.25)).to.equal(10);
    expect(quantile([1, 2], 0.75)).to.equal(1.75);
    expect(median([])).to.be.NaN;
  });

  it('writes a table for the terminal and a page that hides nothing', () => {
    const text = reportText(report);
    expect(text).to.include('T1: 0.80 times the best Python peer').and.include('it is not installed');
    const written = page(report, 'the rows');
    for (const part of [
      '2026-01-02, a processor',
      '| T1 | 20 (19-21) | 40 (39-41) | 25 (24-26) |',
      '| T1 | 0.80 | 0.50 | 0.80 |',
      '- T1, tfjs-node: it is not installed',
      '- T1, moonlet: 1 thread 20 ms',
      '| cost | moonlet | 1.5 |',
      'benchmarks/step-by-batch.svg',
      'the rows',
    ])
      expect(written).to.include(part);
  });

  it('refuses an unknown case or engine, with the nearest one', async () => {
    for (const [flags, text] of [
      [['--only', 'T9'], 'bench: no case "T9".'],
      [['--engines', 'moonlet,wsam'], 'bench: no engine "wsam". Did you mean "wasm"?'],
    ] as const) {
      const command = new Command('bench');
      benchCommand(command);
      const said = await command.parseAsync(flags, { from: 'user' }).then(
        () => '',
        (e: Error) => e.message,
      );
      expect(said).to.include(text);
    }
  });
});
