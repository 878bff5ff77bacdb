/** @file Folders and tables of pictures as datasets: classes, parts, the cache, and what is refused. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { prepared } from '../../../src/data/images/index.ts';
import {
  isPlainPictures,
  loadDataset,
  type PictureOptions,
  pictureSet,
  plainPictures,
  readPicture,
} from '../../../src/data/index.ts';
import { colours, writeClasses } from '../../support/pictures.ts';
import { line, usage } from '../../support/refused.ts';

describe('a folder of pictures', () => {
  const root = mkdtempSync(join(tmpdir(), 'folders-'));
  const at = (...path: readonly string[]): string => join(root, ...path);
  after(() => rmSync(root, { recursive: true, force: true }));
  const preparation = { size: 8, mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.5], crop: 1 };
  const options: PictureOptions = { preparation, cacheDir: at('cache') };
  before(async () => {
    await writeClasses(at('flat'), colours, 10);
    await writeClasses(at('parts', 'train'), colours, 3);
    await writeClasses(at('parts', 'val'), { green: colours.green, red: colours.red }, 2);
    writeFileSync(at('flat', 'red', 'notes.txt'), 'not a picture');
  });

  it('with train and val is two parts, whose bytes are the prepared pictures', async () => {
    const { classNames, shape, mean, std, train, test, note } = await loadDataset(at('parts'), {
      pictures: options,
    });
    expect([classNames, shape, mean, std, note]).to.deep.equal([
      ['blue', 'green', 'red'],
      [8, 8, 3],
      preparation.mean,
      preparation.std,
      undefined,
    ]);
    expect([...train.labels]).to.deep.equal([0, 0, 0, 1, 1, 1, 2, 2, 2]);
    expect([...test.labels]).to.deep.equal([1, 1, 2, 2]);
    const last = prepared(await readPicture(at('parts', 'val', 'red', '1.png')), preparation);
    expect([...test.pixels.slice(3 * 192)]).to.deep.equal([...last]);
  });

  it('without parts holds out a fifth of each class, always the same, and says so', async () => {
    const [one, two] = [await pictureSet(at('flat'), options), await pictureSet(at('flat'), options)];
    const [train, test] = [await one.train(), await one.test()];
    expect([train.count, test.count, [...test.labels]]).to.deep.equal([24, 6, [0, 0, 1, 1, 2, 2]]);
    expect((await two.test()).paths).to.deep.equal(test.paths);
    expect(train.paths.filter((path) => test.paths.includes(path))).to.deep.equal([]);
    expect(one.note).to.match(/6 of 30 are held out/);
  });

  it('says which pictures are of kinds that are not read', async () => {
    await writeClasses(at('mixed', 'train'), colours, 2);
    await writeClasses(at('mixed', 'val'), colours, 1);
    for (const [part, file] of [
      ['train', 'a.BMP'],
      ['train', 'b.gif'],
      ['val', 'c.bmp'],
    ] as const)
      writeFileSync(at('mixed', part, 'red', file), '');
    const { note, train } = await pictureSet(at('mixed'), options);
    expect(note).to.equal('3 pictures are left out (.bmp, .gif): only .png, .jpg, .jpeg, .webp are read');
    expect((await train()).count).to.equal(6);
  });

  it('is decoded once, and again only when a file changes', async () => {
    let decoded = 0;
    const counting = { ...options, onPicture: () => decoded++ };
    const read = async (): Promise<Uint8Array> => {
      const { count, read } = await (await pictureSet(at('parts'), counting)).train();
      return read(0, count);
    };
    const first = await read();
    decoded = 0;
    expect(await read()).to.deep.equal(first);
    expect(decoded).to.equal(0);
    utimesSync(at('parts', 'train', 'red', '0.png'), 1, 1);
    expect(await read()).to.deep.equal(first);
    expect(decoded).to.be.above(0);
    expect(readdirSync(at('cache')).every((name) => name.endsWith('.u8'))).to.equal(true);
  });

  it('takes numbers as classes of a net, and the names on its card', async () => {
    await writeClasses(at('numbers'), { 7: colours.red, 281: colours.blue }, 2);
    const numbered = await pictureSet(at('numbers'), { ...options, classes: 1000 });
    expect([numbered.classes, ...(await numbered.test()).labels]).to.deep.equal([1000, 281, 7]);
    const named = await pictureSet(at('parts'), {
      ...options,
      classNames: ['red', 'green', 'blue', 'black'],
    });
    expect([...(await named.test()).labels]).to.deep.equal([1, 1, 0, 0]);
    expect(await line(() => pictureSet(at('parts'), { ...options, classNames: ['red', 'green'] }))).to.match(
      /parts: the class "blue" of .*0\.png is none of the 2 classes of the net; rename it, or leave it out$/,
    );
  });

  it('takes class folders named by padded numbers', async () => {
    await writeClasses(at('padded'), { '00': colours.red, '01': colours.blue, '02': colours.green }, 2);
    const names = async (net: object) => (await pictureSet(at('padded'), { ...options, ...net })).classNames;
    expect(await names({})).to.deep.equal(['00', '01', '02']);
    expect(await names({ classes: 3 })).to.deep.equal(['00', '01', '02']);
    expect(await names({ classes: 4 })).to.deep.equal(['00', '01', '02', '3']);
  });

  it('finds parts whose names begin with a capital, also as Training and Testing', async () => {
    for (const [train, test] of [
      ['Train', 'Test'],
      ['Training', 'Testing'],
    ] as const) {
      await writeClasses(at(`of-${train}`, train), colours, 2);
      await writeClasses(at(`of-${train}`, test), colours, 1);
      const set = await pictureSet(at(`of-${train}`), options);
      expect([set.classNames, (await set.test()).count]).to.deep.equal([Object.keys(colours), 3]);
      expect((await plainPictures(at(`of-${train}`), options)).count).to.equal(6);
    }
  });

  it('never holds out the only picture of a class, however often a table names it', async () => {
    const rows = ['path,label', ...[1, 2, 3, 4, 5].map(() => 'flat/red/0.png,rot'), 'flat/blue/0.png,blau'];
    writeFileSync(at('often.csv'), [...rows, 'flat/blue/1.png,blau'].join('\n'));
    const set = await pictureSet(at('often.csv'), options);
    expect([...(await set.train()).labels].sort()).to.deep.equal([0, 1, 1, 1, 1, 1]);
    expect([...(await set.test()).labels]).to.deep.equal([0]);
  });

  it('comes as a CSV too', async () => {
    const rows = [
      'path,label,split',
      'flat/red/0.png,rot,train',
      '"flat/blue/1.png",blau,train',
      'flat/red/2.png,rot,Val',
    ];
    writeFileSync(at('list.csv'), `\uFEFF${rows.join('\r\n')}\r\n`);
    const { classNames, train, test } = await loadDataset(at('list.csv'), { pictures: options });
    expect([classNames, [...train.labels], [...test.labels]]).to.deep.equal([['blau', 'rot'], [1, 0], [1]]);
    const refused = async (text: string, reason: RegExp): Promise<void> => {
      writeFileSync(at('wrong.csv'), text);
      expect(await line(() => pictureSet(at('wrong.csv'), options))).to.match(reason);
    };
    await refused(
      'file,class\na,b\n',
      /wrong\.csv: its first line must name the columns path,label, got "file,class"$/,
    );
    await refused('path,label\na.png\n', /wrong\.csv: not a CSV \(.+\)$/);
    await refused('path,label\na.png,\n', /wrong\.csv: row 1: path and label must not be empty$/);
    await refused(
      'path,label,split\na.png,x,half\n',
      /wrong\.csv: row 1: split must be train, val, valid, validation, test, testing, got "half"$/,
    );
  });

  it('refuses a damaged picture by name, or skips it when told to', async () => {
    await writeClasses(at('damaged', 'train'), colours, 2);
    await writeClasses(at('damaged', 'val'), colours, 1);
    writeFileSync(at('damaged', 'train', 'green', '1.png'), '');
    expect(await line(() => loadDataset(at('damaged'), { pictures: options }))).to.match(
      /green.1\.png: the file is empty; remove it or fetch it again$/,
    );
    const skipped: string[] = [];
    const skipping = { ...options, damaged: 'skip', onSkip: (text: string) => skipped.push(text) } as const;
    const { train } = await loadDataset(at('damaged'), { pictures: skipping });
    expect([...train.labels]).to.deep.equal([0, 0, 1, 2, 2]);
    expect(skipped).to.have.length(1);
    expect(skipped[0]).to.match(/green.1\.png: skipped/);
    expect(await line(() => loadDataset(at('damaged'), { pictures: options }))).to.match(/the file is empty/);
  });

  it('needs no classes to calibrate: all pictures below a folder, or those of its part to train on', async () => {
    mkdirSync(at('plain', 'more', '.hidden'), { recursive: true });
    for (const file of ['b.PNG', 'a.png', 'more/c.png', 'more/.hidden/d.png'])
      cpSync(at('flat', 'red', '0.png'), at('plain', file));
    cpSync(at('flat', 'blue', '0.png'), at('plain', 'a.png'));
    const { name, shape, mean, std, count, pixels } = await plainPictures(at('plain'), options);
    expect([name, shape, mean, std, count]).to.deep.equal([
      ...['plain', [8, 8, 3], preparation.mean, preparation.std],
      3,
    ]);
    const [blue, red] = [at('flat', 'blue', '0.png'), at('flat', 'red', '0.png')];
    const bytes = async (path: string) => [...prepared(await readPicture(path), preparation)];
    expect([...pixels]).to.deep.equal([...(await bytes(blue)), ...(await bytes(red)), ...(await bytes(red))]);
    expect((await plainPictures(at('parts'), options)).count).to.equal(9);
    const some = await Promise.all(
      [0, 0, 1].map((seed) => plainPictures(at('flat'), { ...options, most: 5, seed })),
    );
    expect(some.map((s) => s.count)).to.deep.equal([5, 5, 5]);
    expect(some[0]?.pixels).to.deep.equal(some[1]?.pixels);
    expect(some[0]?.pixels).not.to.deep.equal(some[2]?.pixels);
    mkdirSync(at('nothing'));
    mkdirSync(at('unparted'));
    cpSync(red, at('unparted', '1.png'));
    expect(
      ['plain', 'unparted', 'nothing', 'flat', 'gone'].map((path) => isPlainPictures(at(path))),
    ).to.deep.equal([...[false, true, false, false, false]]);
    expect(await line(() => plainPictures(at('nothing'), options))).to.match(
      /nothing: no pictures; give a folder with PNG, JPEG or WebP files$/,
    );
    expect(await line(() => loadDataset(at('unparted'), { pictures: options }))).to.match(
      /unparted: its pictures have no classes; put them into a folder for each class \(CLASS\/picture\.jpg\), or name them in a CSV with the columns path,label$/,
    );
  });

  it('is refused in one line where something is missing', async () => {
    mkdirSync(at('hollow', 'cats'), { recursive: true });
    await writeClasses(at('hollow'), { dogs: colours.red }, 1);
    expect(await line(() => pictureSet(at('hollow'), options))).to.match(
      /hollow.cats: no pictures \(\.png, \.jpg, \.jpeg, \.webp\) in this class; add some, or remove the folder$/,
    );
    await writeClasses(at('alone'), { dogs: colours.red }, 3);
    expect(await line(() => pictureSet(at('alone'), options))).to.match(
      /only the class "dogs"; give at least two$/,
    );
    expect(await usage(() => loadDataset(at('flat')))).to.match(
      /flat: pictures need a size; give "pictures"/,
    );
    expect(await line(() => loadDataset(at('flat'), { pictures: { ...options, maxBytes: 1000 } }))).to.match(
      /flat: 30 pictures of 8 x 8 x 3 take .* and at most .* are taken; use a smaller size/,
    );
  });
});
