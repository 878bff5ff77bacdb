/** @file Fine-tuning by the command line: a folder of pictures, a new head, frozen stages, averages, early ends, metrics, a log. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
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
    saveNet(at('typo'), ...trained(['redd', 'green', 'blue']));
    await expectRefusal(
      ['fit', at('typo'), '--data', at('photos'), '--out', at('d'), '--steps', '2'],
      1,
      'photos: 2 of its 3 classes are classes of colour-net, and "red" is not; rename it, or replace the head: --classes from-folder',
    );
  });
});
