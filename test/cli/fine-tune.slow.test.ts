/** @file Fine-tuning by the command line: a folder of pictures, a new head, frozen stages, averages, early ends, metrics, a log. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import sharp from 'sharp';
import { graph, init, input } from '../../src/index.ts';
import { saveNet } from '../../zoo/index.ts';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';
import { colours, writeClasses } from '../support/pictures.ts';

describe('fine-tuning by the command line', () => {
  const at = scratch();
  const trained = (labels: readonly string[], size = 40) => {
    const net = init(
      graph(
        'colour-net',
        input(size, size, 3)
          .pipe('stem', (x) => x.conv(8, { kernel: 3, stride: 2 }).norm().relu())
          .pipe('stage1', (x) => x.conv(8, { kernel: 3, stride: 2 }).norm().relu())
          .pipe('stage2', (x) => x.conv(8, { kernel: 3 }).norm().relu())
          .pipe('head', (x) => x.globalPool().dense(labels.length)),
      ),
      { seed: 1 },
    );
    return [
      net,
      {
        labels,
        license: 'apache-2.0',
        imported: { file: 'net.pth', source: 'timm', sha256: 'abc' },
        preprocessing: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4], crop: 1, interpolation: 'bicubic' },
      },
    ] as const;
  };
  before(async () => {
    await writeClasses(at('photos', 'train'), colours, 12);
    await writeClasses(at('photos', 'val'), colours, 4);
    saveNet(at('net'), ...trained(['cat', 'cup', 'rocket', 'dog']));
    saveNet(at('same'), ...trained(['red', 'green', 'blue', 'grey']));
  });
  const fit = (net: string, out: string, ...more: readonly string[]) =>
    moonlet(
      'fit',
      at(net),
      '--data',
      at('photos'),
      '--out',
      at(out),
      '--batch',
      '8',
      '--rate',
      '0.1',
      ...more,
    );

  it('fit NET --data FOLDER --classes from-folder replaces the head, and says it', async () => {
    const { code, stdout, stderr } = await fit(
      'net',
      'a',
      '--classes',
      'from-folder',
      '--steps',
      '30',
      '--freeze',
      'stem',
      '--json',
    );
    expect(code, stderr).to.equal(0);
    const { accuracy, notes, n } = JSON.parse(stdout);
    expect([accuracy, n]).to.deep.equal([1, 12]);
    expect(notes).to.deep.equal([
      `${at('net')}: a new head for the 3 classes of photos, in place of the one for 4`,
      '1,211 of 1,443 parameters are trained (frozen: stem)',
    ]);
    const card = JSON.parse(readFileSync(at('a', 'card.json'), 'utf8'));
    expect(card.labels).to.deep.equal(['blue', 'green', 'red']);
    expect(card.preprocessing.mean).to.deep.equal([0.5, 0.4, 0.3]);
    expect([card.from, card.license, card.source]).to.deep.equal([
      at('net'),
      'apache-2.0',
      'net.pth of timm, sha256 abc',
    ]);
  });

  it('does so by itself where the classes differ, and keeps the head where the labels are those of the net', async () => {
    const other = await fit('net', 'b', '--steps', '2');
    expect(other.stderr).to.include('a new head for the 3 classes of photos');
    const same = await fit('same', 'c', '--steps', '2');
    expect(same.code, same.stderr).to.equal(0);
    expect(same.stderr).not.to.include('a new head');
    expect(JSON.parse(readFileSync(at('c', 'card.json'), 'utf8')).labels).to.deep.equal([
      'red',
      'green',
      'blue',
      'grey',
    ]);
    const { red, blue } = colours;
    await writeClasses(at('numbers', 'train'), { 0: red, 1: blue }, 4);
    await writeClasses(at('numbers', 'val'), { 0: red, 1: blue }, 1);
    const { code, stderr } = await fit('net', 'of-numbers', '--data', at('numbers'), '--steps', '2');
    expect(code, stderr).to.equal(0);
    expect(stderr).to.include('a new head for the 2 classes of numbers');
    saveNet(at('typo'), ...trained(['redd', 'green', 'blue']));
    await expectRefusal(
      ['fit', at('typo'), '--data', at('photos'), '--out', at('d'), '--steps', '2'],
      1,
      'photos: 2 of its 3 classes are classes of colour-net, and "red" is not; rename it, or replace the head: --classes from-folder',
    );
  });

  it('takes pictures of one smaller size as they are, and other channels by flag; says both', async () => {
    for (const [name, background] of Object.entries({ red: '#c02010', blue: '#1020c0' }))
      for (const part of ['train', 'val']) {
        mkdirSync(at('small', part, name), { recursive: true });
        const create = { width: 36, height: 33, channels: 3, background } as const;
        for (let i = 0; i < 8; i++)
          await sharp({ create })
            .png()
            .toFile(at('small', part, name, `${i}.png`));
      }
    const run = (out: string, ...more: readonly string[]) =>
      moonlet(
        'fit',
        at('net'),
        '--data',
        at('small'),
        '--out',
        at(out),
        '--steps',
        '2',
        '--batch',
        '8',
        ...more,
      );
    const auto = await run('small-1');
    expect(auto.stderr).to.include(`${at('net')}: input 40 x 40 x 3 -> 33 x 36 x 3, for small\n`);
    expect(JSON.parse(readFileSync(at('small-1', 'card.json'), 'utf8')).preprocessing.size).to.deep.equal([
      33, 36, 3,
    ]);
    const grey = await run('small-2', '--channels', '1', '--size', '40');
    expect(grey.stderr).to.include(
      `${at('net')}: input 40 x 40 x 3 -> 40 x 40 x 1; the first kernels follow\n`,
    );
    const { preprocessing } = JSON.parse(readFileSync(at('small-2', 'card.json'), 'utf8'));
    expect([preprocessing.channels, preprocessing.size]).to.deep.equal(['gray', 40]);
    expect(preprocessing.mean[0]).to.be.closeTo(0.4, 1e-12);
    const measured = await moonlet('eval', at('small-2'), '--data', at('small'), '--json');
    expect(JSON.parse(measured.stdout).n).to.equal(16);
  });

  const early = [
    ...['--steps', '40', '--ema', '0.5', '--ema-warmup', '--layer-decay', '0.5', '--rates', 'stem=0.1'],
    ...[
      '--validation',
      '9',
      '--evaluate-every',
      '2',
      '--patience',
      '2',
      '--keep',
      'best',
      '--checkpoint-every',
      '3',
    ],
  ];
  it('ends early by patience, logs for TensorBoard, and does it again to the same numbers', async () => {
    const results = [];
    for (const out of ['e', 'f']) {
      const { code, stdout, stderr } = await fit(
        'net',
        out,
        ...early,
        '--tensorboard',
        at(`${out}-runs`),
        '--json',
      );
      expect(code, stderr).to.equal(0);
      const { out: _, ...result } = JSON.parse(stdout);
      results.push(result);
      expect(stderr).to.match(
        /ended early, at step \d+ of 40: not better in 2 evaluations than at step \d+ \(\d+\.\d\d %\), which is saved/,
      );
      expect(result.endedAt).to.be.within(6, 38);
      expect(readdirSync(at(`${out}-runs`))).to.have.length(1);
    }
    expect(results[0]).to.deep.equal(results[1]);
    expect(readFileSync(at('e', 'weights.safetensors'))).to.deep.equal(
      readFileSync(at('f', 'weights.safetensors')),
    );
    const recipe = JSON.parse(readFileSync(at('e', 'recipe.json'), 'utf8'));
    expect([recipe.ema, recipe.patience, recipe.rates]).to.deep.equal([
      { decay: 0.5, warmup: true },
      2,
      [{ paths: ['stem'], scale: 0.1 }],
    ]);
  });

  it('eval --metrics prints the classes and what is taken for what, and writes them', async () => {
    const { stdout, stderr } = await moonlet('eval', at('a'), '--metrics', '--out', at('metrics.csv'));
    expect(stderr).to.equal(`metrics of 3 classes written to ${at('metrics.csv')}\n`);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[2]?.split(/\s{2,}/)).to.deep.equal([
      'class',
      'count',
      'guessed',
      'precision',
      'recall',
      'F1',
    ]);
    expect(lines[3]?.trim().split(/\s{2,}/)).to.deep.equal([
      'blue',
      '4',
      '4',
      '100.00 %',
      '100.00 %',
      '100.00 %',
    ]);
    expect(
      lines
        .at(-1)
        ?.trim()
        .split(/\s{2,}/),
    ).to.deep.equal(['red', '0', '0', '4']);
    expect(readFileSync(at('metrics.csv'), 'utf8').split('\n').slice(0, 2)).to.deep.equal([
      'class,label,count,guessed,right,precision,recall,f1,as blue,as green,as red',
      '0,blue,4,4,4,1,1,1,4,0,0',
    ]);
    const json = await moonlet('eval', at('a'), '--metrics', '--json');
    const { metrics, accuracy } = JSON.parse(json.stdout);
    expect([accuracy, metrics.confusion, metrics.macroF1]).to.deep.equal([
      1,
      [
        [4, 0, 0],
        [0, 4, 0],
        [0, 0, 4],
      ],
      1,
    ]);
    await moonlet('eval', at('a'), '--out', at('metrics.json'));
    expect(JSON.parse(readFileSync(at('metrics.json'), 'utf8')).classes[1].label).to.equal('green');
  });

  it('refuses its flags where a recipe on scenes has no use for them', async () => {
    writeFileSync(
      at('scenes.json'),
      JSON.stringify({ task: 'detection', data: 'mnist', student: 'detector', steps: 1 }),
    );
    for (const [flag, value] of [
      ['--layer-decay', '0.5'],
      ['--tensorboard', at('runs')],
    ] as const)
      await expectRefusal(
        ['fit', at('scenes.json'), flag, value],
        2,
        `${flag}: recipes of the task "detection" do not have it; remove the flag`,
      );
  });

  it('refuses in one line what cannot be', async () => {
    const words = ['fit', at('net'), '--data', at('photos'), '--out', at('none'), '--steps', '2'];
    const refusals: readonly (readonly [readonly string[], 1 | 2, string | RegExp])[] = [
      [['--freeze', 'stem,,head'], 2, /^moonlet: --freeze: give paths with commas between them/],
      [['--freeze', 'stage9'], 1, 'colour-net: no node at "stage9". Did you mean "stage1"?'],
      [['--rates', 'stem'], 2, '--rates: each part is PATH=SHARE, such as stem=0.1, got "stem"'],
      [['--ema', '1'], 2, /^moonlet: --ema must be below 1/],
      [['--ema-warmup'], 2, '--ema-warmup needs --ema <decay>, such as --ema 0.999'],
      [['--patience', '2'], 2, /patience: needs "validation"/],
      [['--keep', 'first'], 2, '--keep must be last or best, got "first"'],
      [['--classes', '3'], 2, '--classes must be from-folder, from-data or from-net, got "3"'],
      [['--channels', '5'], 1, /takes \[40, 40, 5\]|pictures are \[height, width, 1 or 3\]/],
      [['--size', '0'], 2, '--size must be a whole number from 1 to 4096, got "0"'],
      [['--layer-decay', '2'], 2, '--layer-decay must be a number above 0 and up to 1, got "2"'],
    ];
    for (const [more, code, text] of refusals) await expectRefusal([...words, ...more], code, text);
    await expectRefusal(
      ['eval', at('a'), '--out', at('m.txt')],
      2,
      /--out must be a file that ends in \.csv or \.json/,
    );
  });
});
