/** @file list, cost, show and cheapen: their figures, their JSON, their help. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { count, rounded } from '../../src/cli/say.ts';
import { cheapen } from '../../src/edit/cheapen.ts';
import { fromJson } from '../../src/graph/json.ts';
import { cost, countAs, countTools } from '../../src/read/index.ts';
import { detectionArchitectures, segmentationArchitectures } from '../../zoo/architectures/index.ts';
import { architectures, compose, loadStudent, studentFolder } from '../../zoo/index.ts';
import { expectRefusal, moonlet, spawned } from '../support/cli.ts';

/** The JSON that a command printed, and nothing else on either stream. */
async function json<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await moonlet(...args, '--json');
  expect([code, stderr]).to.deep.equal([0, '']);
  expect(stdout.endsWith('\n') && stdout.trimEnd().split('\n').length).to.be.greaterThan(0);
  return JSON.parse(stdout) as T;
}

describe('moonlet cost', () => {
  it('--json prints the whole cost, as the library counts it', async () => {
    const c = await json<ReturnType<typeof cost>>(
      'cost',
      'wrn',
      'depth=40',
      'width=2',
      'classes=10',
      'size=32',
    );
    expect([c.params, c.macs, c.normStats]).to.deep.equal([2_243_546, 327_599_360, 5408]);
    expect(Object.keys(c)).to.deep.equal([
      'name',
      'params',
      'normStats',
      'macs',
      'activationBytes',
      'peakBytes',
      'layers',
    ]);
    expect(c).to.deep.equal(JSON.parse(JSON.stringify(cost(compose('wrn depth=40 width=2')))));
  });

  it('prints the figures for people', async () => {
    const { code, stdout, stderr } = await moonlet('cost', 'mobilenet-v2');
    expect([code, stderr]).to.deep.equal([0, '']);
    const { activationBytes, peakBytes } = cost(compose('mobilenet-v2'));
    expect(stdout).to.equal(
      [
        'mobilenet-v2',
        'params              3,504,872  3.50 M',
        'norm statistics        34,112  34.1 k',
        'macs              300,774,272   301 M',
        `activation bytes   ${count(activationBytes)}  ${rounded(activationBytes)}`,
        `peak bytes          ${count(peakBytes)}  ${rounded(peakBytes)}`,
        '',
      ].join('\n'),
    );
  });

  it('--layers adds a table of every layer, with the bytes that are alive at each', async () => {
    const { code, stdout, stderr } = await moonlet('cost', 'lenet-5', '--layers');
    expect([code, stderr]).to.deep.equal([0, '']);
    const lines = stdout.trimEnd().split('\n');
    const head = lines.findIndex((line) => line.startsWith('path'));
    expect(lines[head]?.split(/ {2,}/)).to.deep.equal([
      ...['path', 'op', 'output', 'params', 'macs', 'activation bytes', 'alive bytes'],
    ]);
    const { layers, peakBytes } = cost(compose('lenet-5'));
    expect(lines.slice(head + 1).map((line) => line.split(' ')[0])).to.deep.equal(layers.map((l) => l.id));
    for (const [i, l] of layers.entries())
      expect(lines[head + 1 + i], l.id).to.match(
        new RegExp(` ${count(l.activationBytes)} +${count(l.aliveBytes)}$`),
      );
    expect(Math.max(...layers.map((l) => l.aliveBytes))).to.equal(peakBytes);
  });

  it('--as counts as another tool does, by kind of op, and by layer', async () => {
    const counted = countAs(compose('lenet-5'), 'ptflops');
    const { code, stdout, stderr } = await moonlet('cost', 'lenet-5', '--as', 'ptflops', '--layers');
    expect([code, stderr]).to.deep.equal([0, '']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).to.equal('lenet-5, as ptflops 0.7.5: get_model_complexity_info');
    expect(stdout).to.match(new RegExp(`^MACs +${count(counted.operations)} `, 'm'));
    expect(stdout).to.match(new RegExp(`^ {2}pool +${count(counted.byKind.pool ?? 0)} `, 'm'));
    expect(lines.slice(-counted.layers.length).map((line) => line.split(' ')[0])).to.deep.equal(
      counted.layers.map((l) => l.id),
    );
    expect(await json('cost', 'lenet-5', '--as', 'ptflops')).to.deep.equal(counted);
  });

  it('--as all compares all tools', async () => {
    const { code, stdout, stderr } = await moonlet('cost', 'lenet-5', '--as', 'all');
    expect([code, stderr]).to.deep.equal([0, '']);
    const counts = countTools.map((tool) => countAs(compose('lenet-5'), tool));
    for (const { as, params, operations } of counts)
      expect(stdout).to.match(new RegExp(`^${as} +${count(params)} +${count(operations)} `, 'm'));
    expect(await json('cost', 'lenet-5', '--as', 'all')).to.deep.equal(counts);
  });

  it('refuses a tool that it does not know', () =>
    expectRefusal(
      ['cost', 'lenet-5', '--as', 'fvcoer'],
      2,
      /^moonlet: no tool "fvcoer"; choose one of torch, .*keras\. Did you mean "fvcore"\?/,
    ));

  it('counts a student, by its name and by its folder', async () => {
    const [byName, byFolder] = [
      await moonlet('cost', 'mnist/wrn-16-1', '--json'),
      await moonlet('cost', studentFolder('mnist/wrn-16-1'), '--json'),
    ];
    expect(byName.stdout).to.equal(byFolder.stdout);
    const counted: object = JSON.parse(byName.stdout);
    expect(counted).to.have.property('params', cost(loadStudent('mnist/wrn-16-1').graph).params);
  });
});

describe('moonlet cheapen', () => {
  it('--json prints the costs before and after', async () => {
    type Both = Readonly<Record<'before' | 'after', ReturnType<typeof cost>>>;
    const { before, after } = await json<Both>(
      'cheapen',
      'wrn',
      'depth=40',
      'width=2',
      'classes=10',
      'size=32',
      '--block',
      'G(4)',
    );
    expect([before.params, after.params]).to.deep.equal([2_243_546, 814_650]);
    expect(after).to.deep.equal(
      JSON.parse(JSON.stringify(cost(cheapen(compose('wrn depth=40 width=2'), 'G(4)')))),
    );
  });

  it('prints both for people', async () => {
    const { code, stdout } = await moonlet('cheapen', 'resnet-34', '--block', 'G(N)');
    expect(code).to.equal(0);
    expect(stdout.split('\n')[1]).to.match(/^params +21,797,672 +3,132,520$/);
  });
});

describe('moonlet show', () => {
  it('prints a table, a mermaid chart, lines or the graph itself', async () => {
    const words = ['show', 'wrn', 'depth=10'];
    const table = await moonlet(...words);
    const chart = await moonlet(...words, '--mermaid');
    const lines = await moonlet(...words, '--text');
    const graph = await moonlet(...words, '--json');
    expect(table.stdout).to.match(/^wrn depth=10\n\npath +op +output +params +macs\n/);
    expect(table.stdout).to.match(/\ntotal +29 layers +77,850 +12,501,632\n$/);
    expect(chart.stdout).to.match(/^flowchart TD\n/);
    expect(lines.stdout).to.match(/\noutputs: head\/dense\n$/);
    expect(fromJson(graph.stdout)).to.deep.equal(compose('wrn depth=10'));
    for (const out of [table, chart, lines, graph]) expect([out.code, out.stderr]).to.deep.equal([0, '']);
  });
});

describe('moonlet list', () => {
  it('--json prints architectures with their options, students with their teachers, and pairs', async () => {
    interface Listed {
      readonly architectures: readonly {
        name: string;
        options: Record<string, { default: unknown }>;
        paper: object;
      }[];
      readonly students: readonly { id: string; teacher: string | null; card: { accuracy: number } }[];
      readonly pairs: readonly { student: string; teacher: string }[];
    }
    const all = await json<Listed>('list');
    expect(all.architectures.map((a) => a.name)).to.deep.equal([
      ...architectures.keys(),
      ...segmentationArchitectures.keys(),
      ...detectionArchitectures.keys(),
    ]);
    expect(all.architectures.find(({ name }) => name === 'wrn')?.options).to.have.keys(
      'depth',
      'width',
      'dropout',
      'dropPath',
      'classes',
      'size',
      'channels',
    );
    const ids = new Set(all.students.map((s) => s.id));
    for (const { teacher } of all.students) if (teacher) expect(ids).to.include(teacher);
    const taught = all.students.filter((s) => s.teacher !== null);
    expect(all.pairs.map((p) => [p.student, p.teacher])).to.include.deep.members(
      taught.map((s) => [s.id, s.teacher]),
    );
    for (const pair of all.pairs)
      expect(pair, pair.student).to.have.all.keys('student', 'teacher', 'stages', 'recipe');
  });

  it('prints the options of one architecture: default, range and meaning', async () => {
    const { code, stdout } = await moonlet('list', 'wrn');
    expect(code).to.equal(0);
    expect(stdout).to.match(/^option +default +range +meaning$/m);
    const cells = stdout.split('\n').map((line) => line.split(/ {2,}/));
    for (const [key, o] of Object.entries(architectures.get('wrn')?.options ?? {}))
      expect(cells).to.deep.include([key, String(o.default), o.range, o.doc]);
    const json: object = JSON.parse((await moonlet('list', 'wrn', '--json')).stdout);
    expect(json).to.have.all.keys('name', 'options', 'paper');
  });

  it('prints a row for each architecture', async () => {
    const { stdout } = await moonlet('list');
    for (const name of architectures.keys()) expect(stdout).to.match(new RegExp(`^${name} +`, 'm'));
  });
});

describe('a process of moonlet', () => {
  it('prints one JSON document on stdout and nothing else, and exits with 0', async () => {
    const { code, stdout, stderr } = await spawned('cost', 'wrn', '--json');
    expect([code, stderr]).to.deep.equal([0, '']);
    expect((JSON.parse(stdout) as { params: number }).params).to.equal(175_066);
  });

  it('ends in peace when its reader has seen enough', async () => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', 'src/cli/main.ts', 'cost', 'wrn', 'depth=1000', '--json'],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    child.stdout.once('data', () => child.stdout.destroy());
    let said = '';
    child.stderr.on('data', (part) => {
      said += String(part);
    });
    const [code] = (await once(child, 'close')) as [number];
    expect([code, said]).to.deep.equal([0, '']);
  });

  it('exits with 1 for what cannot be done', async () => {
    const refused = await spawned('cheapen', 'wrn', '--block', 'G(3)');
    expect(refused).to.deep.equal({
      code: 1,
      stdout: '',
      stderr:
        'moonlet: stage1/0/first/conv: N = 16 channels do not divide into 3 groups; choose a divisor of 16\n',
    });
  });

  it('exits with 2 for wrong usage', async () => {
    const wrong = await spawned('cost', 'wrn', 'width=0');
    expect(wrong).to.deep.equal({
      code: 2,
      stdout: '',
      stderr: 'moonlet: wrn: width must be a whole number from 1 to 64, got 0\n',
    });
  });
});

describe('moonlet --version', () => {
  it('and -v print the version of package.json', async () => {
    const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
    for (const word of ['-v', '--version'])
      expect(await moonlet(word)).to.deep.equal({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('moonlet --help', () => {
  it('says what there is and exits with 0, for the whole and for each command', async () => {
    const { code, stdout, stderr } = await moonlet('--help');
    expect([code, stderr]).to.deep.equal([0, '']);
    const commands = ['list', 'cost', 'show', 'cheapen', 'fit', 'distill', 'eval'];
    for (const command of commands) expect(stdout).to.match(new RegExp(`^  ${command} `, 'm'));
    const { code: one, stdout: help } = await moonlet('cheapen', '--help');
    expect(one).to.equal(0);
    expect(help).to.match(/^Usage: moonlet cheapen \[options\] <what\.\.\.>/);
  });

  it('is what a call without a command gets, on stderr, with exit 2', async () => {
    const { code, stdout, stderr } = await moonlet();
    expect([code, stdout]).to.deep.equal([2, '']);
    expect(stderr).to.match(/^Usage: moonlet /);
  });
});
