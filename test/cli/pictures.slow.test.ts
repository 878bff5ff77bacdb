/** @file Pictures by the command line: fit on a folder, eval and classify by the card that it wrote; refusals in one line. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Guess } from '../../src/run/index.ts';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';
import { colours, writeClasses } from '../support/pictures.ts';

/** The last line on stderr says what is wrong; lines before it may say what was assumed. */
async function expectRefused(words: readonly string[], line: RegExp): Promise<void> {
  const { code, stdout, stderr } = await moonlet(...words);
  expect([code, stdout]).to.deep.equal([1, '']);
  expect(stderr.trimEnd().split('\n').at(-1))
    .to.match(/^moonlet: /)
    .and.to.match(line);
}

describe('pictures by the command line', () => {
  const at = scratch();
  before(async () => {
    await writeClasses(at('photos', 'train'), colours, 16);
    await writeClasses(at('photos', 'val'), colours, 3);
    const { code, stderr } = await moonlet(
      ...[
        'fit',
        'wrn',
        'depth=10',
        'width=1',
        'size=8',
        'classes=3',
        '--data',
        at('photos'),
        '--out',
        at('net'),
      ],
      ...['--steps', '30', '--batch', '12'],
    );
    expect([code, stderr]).to.deep.equal([0, stderr]);
  });

  it('fit writes a card, by which eval measures and classify names', async () => {
    const card = JSON.parse(readFileSync(at('net', 'card.json'), 'utf8'));
    expect([card.labels, card.preprocessing.size]).to.deep.equal([['blue', 'green', 'red'], 8]);
    const measured = await moonlet('eval', at('net'), '--json');
    const { accuracy, n, data } = JSON.parse(measured.stdout);
    expect([accuracy, n, data, measured.stderr]).to.deep.equal([1, 9, 'photos', '']);
    const said = await moonlet(
      'classify',
      at('net'),
      at('photos/val/red/0.png'),
      at('photos/val/blue/1.png'),
      '--top',
      '2',
    );
    expect([said.code, said.stderr]).to.deep.equal([0, '']);
    const lines = said.stdout.trimEnd().split('\n');
    expect(lines).to.have.length(6);
    expect([lines[1], lines[4]].map((text) => text?.trim().split(/\s+/)[2])).to.deep.equal(['red', 'blue']);
    const json = await moonlet('classify', at('net'), at('photos/val/red/0.png'), '--json');
    const below = await moonlet('classify', at('net'), at('photos/val'), '--json');
    const named = JSON.parse(below.stdout).pictures.map(
      (p: { picture: string; guesses: readonly Guess[] }) => [...[p.picture, p.guesses[0]?.label]],
    );
    expect(named).to.have.length(9);
    expect(named[0]).to.deep.equal([at('photos/val/blue/0.png'), 'blue']);
    mkdirSync(at('hollow'));
    await expectRefusal(
      ['classify', at('net'), at('hollow')],
      1,
      /hollow: no pictures; give a folder with PNG, JPEG/,
    );
    const { id, pictures } = JSON.parse(json.stdout);
    expect([id, pictures[0].guesses.map((g: { index: number }) => g.index)]).to.have.deep.nested.property(
      '[1][0]',
      2,
    );
    const sum = pictures[0].guesses.reduce((a: number, g: { probability: number }) => a + g.probability, 0);
    expect(sum).to.be.closeTo(1, 1e-12);
  });

  it('fit varies them by the flags, the same with and without a cache', async () => {
    const words = ['fit', 'wrn', 'depth=10', 'width=1', 'size=8', 'classes=3', '--data', at('photos')];
    const more = [
      '--augment',
      'strong',
      '--no-flip',
      '--erase',
      '0.5',
      '--label-smoothing',
      '0.1',
      '--steps',
      '3',
    ];
    for (const [out, cache] of [
      ['kept', '1MB'],
      ['fresh', '0'],
    ] as const) {
      const { code } = await moonlet(...words, ...more, '--batch', '8', '--cache', cache, '--out', at(out));
      expect(code).to.equal(0);
    }
    const [kept, fresh] = ['kept', 'fresh'].map((name) => readFileSync(at(name, 'weights.safetensors')));
    expect(kept?.equals(fresh ?? Buffer.of())).to.equal(true);
    const { augment, losses } = JSON.parse(readFileSync(at('kept', 'recipe.json'), 'utf8'));
    expect([augment.flip, augment.erasing, augment.mix, losses]).to.deep.equal([
      ...[false, { probability: 0.5 }, { mixup: 0.2, cutmix: 1 }],
      [{ kind: 'cross-entropy', weight: 1, labelSmoothing: 0.1 }],
    ]);
    const net = ['fit', 'wrn', '--data', at('photos'), '--out', at('none')];
    await expectRefusal(
      [...net, '--augment', 'stong'],
      2,
      /--augment: no preset "stong"\. Did you mean "strong"/,
    );
    await expectRefusal([...net, '--cache', 'much'], 2, /--cache must be a number of bytes/);
  });

  it('grow and compress keep what the card says of pictures', async () => {
    for (const words of [
      ['grow', at('net'), '--deepen', 'stage1=1', '--out', at('grown')],
      ['compress', at('net'), '--steps', 'fold', '--data', at('photos'), '--out', at('folded')],
    ]) {
      const { code, stderr } = await moonlet(...words);
      expect([code, stderr]).to.deep.equal([0, stderr]);
      const said = await moonlet('classify', words.at(-1) ?? '', at('photos/val/green/0.png'), '--top', '1');
      expect(said.stdout).to.match(/ % {2}green\n$/);
      expect(said.stderr).to.equal('');
    }
  });

  it('export and compress calibrate on photographs of any kind', async () => {
    await writeClasses(at('any'), { '2025': colours.red, holidays: colours.green }, 3);
    for (const name of ['1.png', '2.png'])
      cpSync(at('any', 'holidays', name), at('plain', name), { recursive: true });
    for (const [folder, count] of [
      ['photos', 48],
      ['any', 6],
      ['plain', 2],
    ] as const) {
      const words = ['export', at('net'), '--format', 'onnx', '--int8', '--data', at(folder)];
      const { code, stderr } = await moonlet(...words, '--out', at(`int8-${folder}`));
      expect([code, stderr]).to.deep.equal([0, stderr]);
      expect(stderr).to.include(`calibrated on ${count} images of ${at(folder)}\n`);
    }
    const rounding = [
      'export',
      at('net'),
      '--format',
      'onnx',
      '--data',
      at('plain'),
      '--out',
      at('rounding'),
    ];
    const full = await moonlet(...rounding, '--int8', '--quantize', 'form=full,method=percentile', '--json');
    expect([full.code, JSON.parse(full.stdout).precision]).to.deep.equal([0, 'int8']);
    await expectRefusal(
      [...rounding, '--quantize', 'form=full'],
      2,
      '--quantize says how --int8 rounds; add --int8, or remove it',
    );
    await expectRefusal(
      [...rounding, '--force', '--int8', '--quantize', 'shape=full'],
      2,
      /--quantize\[0\]: .*shape/,
    );
    const words = ['compress', at('net'), '--data', at('plain'), '--runs', '0'];
    const done = await moonlet(...words, '--steps', 'quantize=8', '--out', at('quantized'), '--json');
    expect([done.code, done.stderr]).to.deep.equal([0, done.stderr]);
    expect(done.stderr).to.include(
      'plain: pictures without class folders calibrate; accuracy is not measured',
    );
    expect(JSON.parse(done.stdout).map((row: { accuracy: unknown }) => row.accuracy)).to.deep.equal([
      null,
      null,
    ]);
    const said = await moonlet('classify', at('quantized'), at('photos/val/green/0.png'), '--top', '1');
    expect([said.stderr, said.stdout.trim().split(/\s+/).at(-1)]).to.deep.equal(['', 'green']);
    await expectRefused(
      [...words, '--steps', 'fit=10', '--out', at('fitted')],
      /fit=10 needs images with labels, to train; put pictures into a folder for each class$/m,
    );
    await expectRefused(
      [...words, '--max-bytes', '1000', '--out', at('found')],
      /plain: its pictures have no classes, and a search measures accuracy; give --steps, or put them into a folder for each class$/m,
    );
    await expectRefused(
      ['eval', at('net'), '--data', at('plain')],
      /plain: its pictures have no classes; put them into a folder for each class/m,
    );
    writeFileSync(at('plain', '3.png'), 'no picture');
    const broken = ['export', at('net'), '--format', 'onnx', '--int8', '--data', at('plain')];
    await expectRefused([...broken, '--out', at('broken')], /3\.png: is no PNG, JPEG or WebP/m);
    const skipped = await moonlet(...broken, '--skip-damaged', '--out', at('broken'));
    expect([skipped.code, skipped.stderr]).to.deep.equal([0, skipped.stderr]);
    expect(skipped.stderr).to.match(/3\.png: skipped/);
  });

  it('refuses in one line, and skips when told to', async () => {
    const good = at('photos/val/red/0.png');
    writeFileSync(at('broken.jpg'), 'no picture');
    await expectRefusal(['classify', at('net'), at('broken.jpg')], 1, /broken\.jpg: is no PNG, JPEG or WebP/);
    const skipped = await moonlet('classify', at('net'), at('broken.jpg'), good, '--skip-damaged');
    expect([skipped.code, skipped.stdout.split('\n')[0]]).to.deep.equal([0, good]);
    expect(skipped.stderr).to.match(/^skipped: .*broken\.jpg: is no PNG/);
    await expectRefusal(
      ['classify', at('net'), good, '--top', '0'],
      2,
      '--top must be a whole number from 1 up, got "0"',
    );
    await expectRefusal(['classify', 'nowhere', good], 2, /no student "nowhere"/);
    await writeClasses(at('other'), { cat: colours.red, dog: colours.blue }, 2);
    await expectRefusal(
      ['eval', at('net'), '--data', at('other')],
      1,
      /the class "cat" of .* is none of the 3 classes of the net/,
    );
    const words = ['fit', 'wrn', 'depth=10', 'width=1', 'size=8', 'classes=4', '--data', at('photos')];
    await expectRefusal(
      [...words, '--out', at('four')],
      1,
      /has 4 classes, but photos has 3; compose it with classes=3/,
    );
  });
});
