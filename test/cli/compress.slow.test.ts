/** @file `moonlet compress`: rows as JSON, files that load, refusals in one line. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Row } from '../../src/compress/index.ts';
import { fromJson } from '../../src/graph/json.ts';
import { graph, input } from '../../src/index.ts';
import { bytesOf, init, unpackCompact } from '../../src/weights/index.ts';
import { loadStudent, saveNet } from '../../zoo/index.ts';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';

/** A net that tells nothing, but takes digits. */
const small = graph(
  'small',
  input(28, 28, 1)
    .pipe('stem', (x) => x.conv(8, { kernel: 3, stride: 4 }).norm().relu())
    .pipe('head', (x) => x.globalPool().dense(10)),
);

describe('moonlet compress', () => {
  const at = scratch();
  const student = at('small');
  before(() => saveNet(student, init(small)));

  it('says how far least squares is, how widths were rounded, and the time', async () => {
    const steps = 'channels=0.5,reconstruct=32';
    const done = await moonlet(
      ...['compress', student, '--data', 'mnist', '--runs', '3', '--out', at('fitted'), '--steps', steps],
    );
    expect(done.code).to.equal(0);
    expect(done.stderr).to.match(/^least squares, layers 1\/1$/m);
    // 8 channels have no smaller multiple of 8: they go one by one
    expect(done.stderr).to.match(
      /^channels=0\.5,roundTo=1,reconstruct=32: .* macs, .* bytes, \d+\.\d\d ms$/m,
    );
    expect(done.stdout).to.match(/^channels=0\.5,roundTo=1,reconstruct=32 /m);
  });

  it('prints a row for each step and saves a net that loads', async () => {
    const out = at('out');
    const done = await moonlet(
      'compress',
      student,
      '--data',
      'mnist',
      '--runs',
      '3',
      '--out',
      out,
      '--json',
      '--steps',
      'quantize=8 half',
    );
    expect(done.code).to.equal(0);
    const rows = JSON.parse(done.stdout) as Row[];
    expect(rows.map((r) => r.step)).to.deep.equal(['original', 'quantize=8', 'half']);
    for (const row of rows) {
      expect(Object.keys(row)).to.include.members([
        'step',
        'accuracy',
        'params',
        'macs',
        'bytes',
        'gzipBytes',
        'latencyMs',
      ]);
      expect(row.accuracy).to.be.within(0, 1);
    }
    expect(bytesOf(loadStudent(out))).to.equal(rows.at(-1)?.bytes);
    expect(JSON.parse(readFileSync(join(out, 'rows.json'), 'utf8'))).to.deep.equal(rows);
    // the steps that were taken are steps again
    const again = at('again');
    expect(
      (
        await moonlet(
          'compress',
          student,
          '--data',
          'mnist',
          '--runs',
          '0',
          '--out',
          again,
          '--json',
          '--steps',
          join(out, 'steps.json'),
        )
      ).code,
    ).to.equal(0);
    expect(loadStudent(again)).to.deep.equal(loadStudent(out));
  });

  it('writes the compact file beside the others', async () => {
    const out = at('compact');
    const done = await moonlet(
      'compress',
      student,
      '--runs',
      '0',
      '--out',
      out,
      '--steps',
      'prune=0.6 share=4 half huffman',
    );
    expect(done.code).to.equal(0);
    expect(done.stdout).to.match(/step +accuracy +params +not zero +macs +bytes +gzip bytes +ms\noriginal/);
    const g = fromJson(readFileSync(join(out, 'graph.json'), 'utf8'));
    expect(unpackCompact(g, readFileSync(join(out, 'weights.compact')))).to.deep.equal(loadStudent(out));
  });

  it('refuses in one line, and saves nothing', async () => {
    const args = (...more: readonly string[]): readonly string[] => [
      'compress',
      student,
      '--out',
      at('none'),
      ...more,
    ];
    await expectRefusal(
      args(),
      2,
      'compress needs --steps, or a budget: --max-bytes, --max-macs, --max-drop',
    );
    await expectRefusal(args('--steps', 'prun=0.5'), 2, /no step "prun"\. Did you mean "prune"\?/);
    await expectRefusal(
      args('--steps', 'half', '--max-drop', '7'),
      2,
      '--max-drop must be a fraction from 0 to 1, got "7"',
    );
    await expectRefusal(
      args('--steps', 'half', '--tune', '7'),
      2,
      '--tune is for the search of a budget; in --steps, say where to train: prune=0.5 fit=300',
    );
    await expectRefusal(
      args('--steps', 'half', '--max-drop', '0.1'),
      1,
      `${student}: --max-drop is about accuracy, which needs data with classes; give it with --data`,
    );
    await expectRefusal(
      args('--max-bytes', 'few'),
      2,
      '--max-bytes must be a whole number from 0 up, got "few"',
    );
    await expectRefusal(
      args('--steps', '[{"step":"prune","sparsity":2}]'),
      2,
      /^moonlet: --steps\[0\]: sparsity: /,
    );
    writeFileSync(at('bad.json'), '[{]');
    await expectRefusal(args('--steps', at('bad.json')), 2, /bad\.json: not JSON/);
    await expectRefusal(
      args('--steps', 'quantize=8', '--runs', '0'),
      1,
      /quantize=8 needs data, to calibrate values; say which dataset/,
    );
    await expectRefusal(args('--max-bytes', '10', '--runs', '0'), 1, /a search for a budget needs data/);
    expect(existsSync(join(at('none'), 'graph.json'))).to.equal(false);
  });

  it('refuses steps that end outside of a budget, and saves nothing', async () => {
    const out = at('over');
    const done = await moonlet(
      'compress',
      student,
      '--steps',
      'half',
      '--max-bytes',
      '100',
      '--runs',
      '0',
      '--out',
      out,
    );
    expect(done.code).to.equal(1);
    expect(done.stderr.trim().split('\n').at(-1)).to.match(
      /^moonlet: small: after all steps there are \d+ bytes, more than 100; nothing is saved\. Choose stronger steps or a larger limit$/,
    );
    expect(existsSync(join(out, 'graph.json'))).to.equal(false);
  });
});
