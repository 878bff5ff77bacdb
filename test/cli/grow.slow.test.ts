/** @file `moonlet grow`: every shipped student grows and computes the same; bad input is refused in one line. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadDataset, type Split } from '../../src/data/index.ts';
import { evaluate } from '../../src/learn/task/index.ts';
import type { Cost } from '../../src/read/index.ts';
import { loadStudent, readCard, studentNames } from '../../zoo/index.ts';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';

interface Grown {
  readonly maxAbsDiff: number;
  readonly scale: number;
  readonly preserves: string;
  readonly before: Cost;
  readonly after: Cost;
}
const student = 'mnist/wrn-16-1';
const part = ({ pixels, labels, count }: Split, n: number): Split => ({
  count: n,
  pixels: pixels.slice(0, (pixels.length / count) * n),
  labels: labels.slice(0, n),
});

describe('moonlet grow', () => {
  const at = scratch();

  for (const name of studentNames()) {
    it(`${name}: wider, with the same outputs and guesses`, async () => {
      const out = at(name.replace('/', '-'));
      const { code, stdout, stderr } = await moonlet(
        'grow',
        name,
        '--widen',
        'stage1=x1.5',
        '--out',
        out,
        '--json',
      );
      expect([code, stderr]).to.deep.equal([0, '']);
      const { maxAbsDiff, scale, before, after } = JSON.parse(stdout) as Grown;
      expect(after.params).to.be.above(before.params);
      expect(before.params).to.equal(readCard(name).params);
      expect(maxAbsDiff).to.be.at.most(1e-5 * scale);
      expect(JSON.parse(readFileSync(join(out, 'card.json'), 'utf8'))).to.deep.equal({
        from: name,
        data: readCard(name).data,
      });
      const data = await loadDataset(readCard(name).data);
      const some = part(data.test, 100);
      const [then, now] = [
        await evaluate(loadStudent(name), some, data),
        await evaluate(loadStudent(out), some, data),
      ];
      expect(now.accuracy).to.equal(then.accuracy);
      expect([...now.guesses]).to.deep.equal([...then.guesses]);
    }).timeout(60_000);
  }

  it('what comes out is evaluated on the data of what went in, and is right as often', async () => {
    const name = 'fashion-mnist/snn'; // of those for garments, the one that is evaluated the fastest
    await moonlet('grow', name, '--widen', 'stage1=x1.5', '--out', at('garments'));
    const { stdout } = await moonlet('eval', at('garments'), '--json');
    const { data, n, accuracy } = JSON.parse(stdout) as { data: string; n: number; accuracy: number };
    const { packaged, ...whole } = readCard(name);
    expect(data).to.equal('fashion-mnist');
    expect(accuracy).to.equal((n === whole.n ? whole : packaged)?.accuracy);
  }).timeout(60_000);

  it('widens several together, deepens and enlarges, and prints a table', async () => {
    const out = at('all');
    const words = [
      '--widen',
      'stage1=x1.5',
      '--widen',
      'stage2=40',
      '--deepen',
      'stage2=1',
      '--enlarge',
      'stem=5',
    ];
    const { code, stdout, stderr } = await moonlet('grow', student, ...words, '--out', out);
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(/^params +174,778 +[\d,]+$/m);
    expect(stdout).to.match(/^largest difference in inference \d\.\de-\d+ of outputs up to \d+\.\d\d$/m);
    expect(stdout).to.match(/^largest difference in training mode \d\.\de[-+]\d+$/m);
    expect(stdout).to.contain(`saved in ${out}`);
    expect(readdirSync(out).sort()).to.deep.equal(['card.json', 'graph.json', 'weights.safetensors']);
  }).timeout(60_000);

  it('a target of cost is met, and certified step by step', async () => {
    const { stdout } = await moonlet('grow', student, '--macs', '1.5', '--out', at('macs'), '--json');
    const { before, after, preserves } = JSON.parse(stdout) as Grown;
    expect(after.macs / before.macs).to.be.within(1.2, 1.501);
    expect(preserves).to.equal('both');
  }).timeout(60_000);

  it('a dirac from a plan preserves in inference only, and says so', async () => {
    writeFileSync(at('plan.json'), JSON.stringify([{ deepen: 'head/act', by: 1, kind: 'dirac' }]));
    const { code, stdout, stderr } = await moonlet(
      'grow',
      student,
      '--plan',
      at('plan.json'),
      '--out',
      at('dirac'),
    );
    expect(code).to.equal(0);
    expect(stderr).to.equal(
      'a step preserves the function in inference only: in training, batch statistics differ\n',
    );
    expect(stdout).not.to.contain('training mode');
  }).timeout(60_000);

  it('adds units for a new task and a skip, and says when a step changes the function', async () => {
    const words = ['--connect', 'stem=stage1', '--units', 'stage3=x1.5', '--json'];
    const { code, stdout } = await moonlet('grow', student, ...words, '--out', at('units'));
    expect(code).to.equal(0);
    const { maxAbsDiff, scale, before, after } = JSON.parse(stdout) as Grown;
    expect(after.params).to.be.above(before.params);
    expect(maxAbsDiff).to.be.at.most(1e-5 * scale);
    writeFileSync(at('mixed.json'), JSON.stringify([{ units: { stage3: 'x1.5' }, into: 'random' }]));
    const mixed = await moonlet('grow', student, '--plan', at('mixed.json'), '--out', at('mixed'));
    expect([mixed.code, mixed.stderr]).to.deep.equal([0, 'a step changes the function, as requested\n']);
  }).timeout(60_000);

  it('--dry-run shows each step and touches nothing', async () => {
    const words = ['grow', student, '--widen', 'stage1=24', '--deepen', 'stage3=2', '--dry-run'];
    const { code, stdout } = await moonlet(...words);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^\{"deepen":"stage3","by":2\} +[\d,]+ +[\d,]+ +both$/m);
    const json = JSON.parse((await moonlet(...words, '--json')).stdout) as {
      params: number;
      preserves: string;
    }[];
    expect(json.map((s) => s.preserves)).to.deep.equal(['both', 'both']);
    expect(json[1]?.params).to.be.above(json[0]?.params as number);
  });

  const wrong: readonly (readonly [words: readonly string[], line: string | RegExp])[] = [
    [['--out', 'x'], 'grow needs a step: --widen, --deepen, --enlarge, --connect, --units, --plan or --macs'],
    [
      ['--widen', 'stage1=x1.5'],
      'grow needs an output folder: --out <folder>, or --dry-run to see what it would do',
    ],
    [
      ['--widen', 'stage1', '--out', 'x'],
      '--widen "stage1" is not of the form where=value, such as stage1=x1.5',
    ],
    [
      ['--widen', 'stage1=wide', '--out', 'x'],
      '"wide" is no width; give a number of channels, or a factor from 1 up such as x1.5',
    ],
    [
      ['--widen', 'stage1=x0.5', '--out', 'x'],
      '"x0.5" is no width; give a number of channels, or a factor from 1 up such as x1.5',
    ],
    [
      ['--widen', 'stage1=x2', '--widen', 'stage1=x2', '--out', 'x'],
      '--widen names "stage1" twice; give it once',
    ],
    [
      ['--widen', 'stage1/0/frist=x2', '--out', 'x'],
      /^moonlet: .*: nothing to widen at "stage1\/0\/frist"\. Did you mean "stage1\/0\/first"\? There are /,
    ],
    [
      ['--deepen', 'stage1=much', '--out', 'x'],
      '--deepen "stage1=much": expected a whole number from 1 to 9999 after the "=", got "much"',
    ],
    [
      ['--enlarge', 'stage1=', '--out', 'x'],
      '--enlarge "stage1=": expected a whole number from 1 to 9999 after the "=", got ""',
    ],
    [['--macs', 'more', '--out', 'x'], '--macs must be a ratio above 1, got "more"'],
    [
      ['--macs', '2', '--deepen', 'stage1=1', '--out', 'x'],
      '--macs chooses the steps itself; remove all other steps and --plan',
    ],
    [
      ['--widen', 'stage1=x2', '--seed', 'luck', '--out', 'x'],
      '--seed must be a whole number from 0 up, got "luck"',
    ],
  ];
  for (const [words, line] of wrong) {
    it(`grow ${words.join(' ')}`, async () => {
      await expectRefusal(['grow', student, ...words.map((w) => (w === 'x' ? at('never') : w))], 2, line);
      expect(existsSync(at('never', 'graph.json'))).to.equal(false);
    });
  }
  it('an unknown student, a plan that is none', async () => {
    await expectRefusal(
      ['grow', 'mnist/wrn', '--widen', 'stage1=x2', '--dry-run'],
      2,
      /^moonlet: no student "mnist\/wrn"/,
    );
    await expectRefusal(
      ['grow', student, '--plan', at('none.json'), '--dry-run'],
      1,
      `${at('none.json')}: cannot be read (ENOENT)`,
    );
    writeFileSync(at('torn.json'), '[{');
    await expectRefusal(
      ['grow', student, '--plan', at('torn.json'), '--dry-run'],
      2,
      /torn\.json: not JSON \(/,
    );
    writeFileSync(at('odd.json'), '[{"widen":{"stage1":"wide"}}]');
    await expectRefusal(['grow', student, '--plan', at('odd.json'), '--dry-run'], 2, /^moonlet: plan: .*/);
  });

  const refused: readonly (readonly [words: readonly string[], line: string | RegExp])[] = [
    [['--widen', 'head=x2'], 'head: its width cannot change, since it is the output "head/dense"'],
    [['--widen', 'stage1=8'], 'stage1/width: it is 16 wide, and widening to 8 would lose channels'],
    [['--deepen', 'head=1'], 'head: it is an output, which does not change; deepen a stage before it'],
    [
      ['--enlarge', 'head=5'],
      'head: no conv there has a kernel above 1 that is smaller than 5 by an even number',
    ],
  ];
  for (const [words, line] of refused)
    it(`grow ${words.join(' ')}`, () => expectRefusal(['grow', student, ...words, '--dry-run'], 1, line));

  it('grow with a name that nothing has', () =>
    expectRefusal(
      ['grow', student, '--widen', 'stage7=x2', '--dry-run'],
      2,
      /nothing to widen at "stage7"\. Did you mean "stage1"\? There are /,
    ));

  it('a folder that is not empty is refused, and stays as it was', async () => {
    mkdirSync(at('full'));
    writeFileSync(at('full', 'thesis.txt'), 'mine');
    await expectRefusal(
      ['grow', student, '--widen', 'stage1=x2', '--out', at('full')],
      1,
      `${at('full')}: the folder is not empty; choose another, or replace its files with --force (in code, force: true)`,
    );
    expect(readdirSync(at('full'))).to.deep.equal(['thesis.txt']);
  });
});
