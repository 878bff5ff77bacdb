/** @file Pictures by the command line: fit on a folder, eval and classify by the card that it wrote; refusals in one line. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';
import { colours, writeClasses } from '../support/pictures.ts';

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

  it('export --int8 calibrates on a folder', async () => {
    const words = [
      'export',
      at('net'),
      '--format',
      'onnx',
      '--int8',
      '--data',
      at('photos'),
      '--out',
      at('int8'),
    ];
    const { code, stderr } = await moonlet(...words);
    expect([code, stderr]).to.deep.equal([0, stderr]);
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
