/** @file A dataset of one's own: made of arrays, read from files or a module; what does not fit is refused in one line. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type DatasetInput, dataset, hold, loadDataset, subset, take } from '../../src/data/index.ts';
import { MoonletError } from '../../src/errors.ts';
import { type StoredTensor, writeSafetensors } from '../../src/weights/index.ts';
import { spectrograms } from '../support/own-data.ts';
import { line, usage } from '../support/refused.ts';

const small = { pixels: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), labels: [0, 1] };
/** Two images of [2, 3, 1]. */
const base: DatasetInput = { name: 'mine', shape: [2, 3, 1], classes: 2, train: small, test: small };

describe('a dataset of arrays', () => {
  it('has names of classes, counts, and mean and standard deviation of the training images', () => {
    const { classNames, mean, std, train } = dataset(base);
    expect(classNames).to.deep.equal(['0', '1']);
    expect([train.count, train.labels.constructor.name, ...train.labels]).to.deep.equal([
      2,
      'Uint8Array',
      0,
      1,
    ]);
    expect(mean).to.deep.equal([6.5]);
    expect(std).to.deep.equal([Math.sqrt(143 / 12)]);
  });

  it('measures bytes in units of 255, each channel by itself; what is given stays', () => {
    const train = { pixels: Uint8Array.of(0, 10, 51, 20, 102, 30, 255, 40), labels: [0, 1] };
    const made = dataset({ shape: [2, 1, 2], classNames: ['a', 'b'], std: [1, 2], train, test: train });
    expect(made.mean).to.deep.equal([0.4, 25 / 255]);
    expect([made.std, made.classes, made.name]).to.deep.equal([[1, 2], 2, 'dataset']);
  });

  it('takes labels of 64 bits, and more classes than a byte holds', () => {
    const train = { pixels: new Uint8Array(2), labels: BigInt64Array.of(299n, 70_000n) };
    const of = (classes: number, labels: BigInt64Array) =>
      dataset({ shape: [1, 1, 1], classes, mean: 0, std: 1, train: { ...train, labels }, test: train }).train
        .labels;
    const wide = of(100_000, train.labels);
    expect([wide.constructor.name, ...wide]).to.deep.equal(['Int32Array', 299, 70_000]);
  });

  it('keeps floats in parts of a split', () => {
    const { train } = dataset({
      ...base,
      train: spectrogramsOf(6),
      shape: [49, 10, 1],
      classes: 12,
      test: spectrogramsOf(2),
    });
    for (const part of [subset(train, [4, 1]), take(train, 2), hold(train, 2, 0).validation])
      expect([part.pixels.constructor.name, part.pixels.length]).to.deep.equal(['Float32Array', 980]);
    expect(subset(train, [4]).pixels).to.deep.equal(train.pixels.slice(4 * 490, 5 * 490));
  });

  it('refuses data that are not what they say', async () => {
    const bad = (train: object, more: object = {}) =>
      line(() => dataset({ ...base, ...more, train: { ...small, ...train } }));
    expect(await bad({ labels: [0, 2] })).to.equal(
      'mine: training data: label 2 of image 1 is not one of the 2 classes, 0 to 1; correct the label, or give more classes',
    );
    expect(await bad({ labels: [0, -1] })).to.match(/^mine: training data: label -1 of image 1 is not one /);
    expect(await bad({ labels: [0, 0.5] })).to.match(
      /^mine: training data: label 0.5 of image 1 is not one /,
    );
    expect(await bad({ labels: [0], count: 2 })).to.equal(
      'mine: training data: got 1 labels for 2 images; give one label an image',
    );
    expect(await bad({ pixels: small.pixels.subarray(1) })).to.equal(
      'mine: training data: 2 images of [2, 3, 1] have 12 values, got 11; check pixels, labels and shape',
    );
    expect(await bad({ pixels: [...small.pixels] })).to.equal(
      'mine: training data: pixels must be bytes (Uint8Array) or floats (Float32Array), got Array; convert them',
    );
    const holed = small.pixels.slice();
    holed[10] = Number.NaN;
    expect(await bad({ pixels: holed })).to.equal(
      'mine: training data: image 1 holds NaN at row 1, column 1, channel 0; correct or remove the image',
    );
    holed[10] = Number.NEGATIVE_INFINITY;
    expect(await bad({ pixels: holed })).to.match(/image 1 holds -Infinity at row 1, column 1, channel 0;/);
    expect(await line(() => dataset({ ...base, test: { ...small, labels: [] } }))).to.equal(
      'mine: test data: count must be a whole number from 1 up, got 0; give at least one image',
    );
  });

  it('refuses options that are out of range', async () => {
    const bad = (more: Partial<DatasetInput>) => usage(() => dataset({ ...base, ...more }));
    expect(await bad({ shape: [2, 3] as unknown as [2, 3, 1] })).to.equal(
      'mine: shape must be [height, width, channels], whole numbers from 1 up, got [2,3]',
    );
    expect(await bad({ classes: 1 })).to.equal('mine: classes must be a whole number from 2 up, got 1');
    expect(await bad({ classes: undefined })).to.equal('mine: give "classes", the number of classes');
    expect(await bad({ classNames: ['a'] })).to.equal(
      'mine: got 1 class names for 2 classes; give one for each',
    );
    expect(await bad({ mean: [1, 2] })).to.equal(
      'mean must be one number or one for each of 1 channels, got 2 numbers',
    );
    expect(await bad({ std: [0] })).to.equal('std must be a number above 0, got 0');
    expect(await bad({ train: { ...small, pixels: new Float32Array(12) } })).to.equal(
      'mine: all values of channel 0 are equal in the training images; give "mean" and "std"',
    );
    expect(await bad({ test: undefined as unknown as typeof small })).to.equal(
      'mine: give both splits, "train" and "test", each { pixels, labels }',
    );
  });
});
const spectrogramsOf = (count: number) => spectrograms(count, 1);

describe('a dataset of files', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'moonlet-own-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const json = (content: object, name = 'dataset.json'): string => write(name, JSON.stringify(content));
  const tensors = (name: string, entries: Readonly<Record<string, StoredTensor>>): string =>
    write(name, writeSafetensors({ tensors: new Map(Object.entries(entries)), metadata: {} }));
  /** A .npy file as NumPy 2 writes it. */
  const npy = (name: string, descr: string, shape: string, data: ArrayBufferView, order = 'False') => {
    const dict = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`;
    const header = `${dict.padEnd(117)}\n`;
    const begin = Uint8Array.of(
      0x93,
      ...Buffer.from('NUMPY'),
      1,
      0,
      header.length,
      0,
      ...Buffer.from(header),
    );
    return write(name, Buffer.concat([begin, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]));
  };
  const F32 = (shape: readonly number[], data: Float32Array): StoredTensor => ({ dtype: 'F32', shape, data });
  const I32 = (...labels: number[]): StoredTensor => ({
    dtype: 'I32',
    shape: [labels.length],
    data: Int32Array.from(labels),
  });
  const six = Float32Array.of(1, 2, 3, 4, 5, 6);

  it('is read from safetensors, by its path or that of its folder', async () => {
    tensors('train.safetensors', { images: F32([2, 3, 1, 1], six), labels: I32(0, 1) });
    tensors('test.safetensors', { images: F32([2, 3, 1, 1], six), labels: I32(1, 1) });
    const path = json({
      ...{ name: 'mine', shape: [3, 1, 1], classNames: ['yes', 'no'], mean: 3.5, std: [2], note: 'made up' },
      ...{ train: 'train.safetensors', test: 'test.safetensors' },
    });
    const mine = await loadDataset(path);
    expect(mine).to.deep.equal({
      ...{ name: 'mine', classes: 2, classNames: ['yes', 'no'], shape: [3, 1, 1], mean: 3.5, std: [2] },
      train: { count: 2, pixels: six, labels: Uint8Array.of(0, 1) },
      test: { count: 2, pixels: six, labels: Uint8Array.of(1, 1) },
      note: 'made up',
    });
    expect(await loadDataset(folder)).to.deep.equal(mine);
  });

  it('is read from .npy files and tensors of any name; shape and name are found', async () => {
    npy('x.npy', '<f8', '2, 3, 1', Float64Array.from(six));
    npy('y.npy', '<i8', '2,', BigInt64Array.of(1n, 0n));
    tensors('all.safetensors', {
      x_test: { dtype: 'U8', shape: [1, 3, 1, 1], data: Uint8Array.of(9, 8, 7) },
      y: I32(1),
    });
    const at = (tensor: string) => ({ file: 'all.safetensors', tensor });
    const files = {
      train: { images: 'x.npy', labels: 'y.npy' },
      test: { images: at('x_test'), labels: at('y') },
    };
    const { shape, train, test, name, mean } = await loadDataset(
      json({ classes: 2, ...files }, 'mixed.json'),
    );
    expect([shape, [...train.labels], [...train.pixels], test.pixels.constructor.name]).to.deep.equal([
      ...[[3, 1, 1], [1, 0], [...six], 'Uint8Array'],
    ]);
    expect(folder.endsWith(name)).to.equal(true);
    expect(mean).to.deep.equal([3.5]);
  });

  it('is exported by a module, as a value or by a function', async () => {
    const split = '{ pixels: Uint8Array.of(1, 2), labels: [0, 1] }';
    const text = `{ name: 'mine', shape: [1, 1, 1], classes: 2, train: ${split}, test: ${split} }`;
    for (const [name, code] of [
      ['value.mjs', `export default ${text};`],
      ['made.mjs', `export const dataset = async () => (${text});`],
    ] as const)
      expect((await loadDataset(write(name, code))).train.count).to.equal(2);
    const none = write('none.mjs', 'export default 3;');
    expect(await line(() => loadDataset(none))).to.equal(
      `${none}: exports no dataset; export by default what dataset({ shape, classes, train, test }) gives`,
    );
    const broken = write('broken.mjs', 'throw new Error("no microphone");');
    expect(await line(() => loadDataset(broken))).to.equal(`${broken}: cannot be loaded (no microphone)`);
  });

  it('is refused in one line that names the file', async () => {
    const said = async (content: object): Promise<string> => {
      const path = json(content, 'bad.json');
      return (await line(() => loadDataset(path), MoonletError)).replaceAll(folder, '.');
    };
    const images = F32([2, 3, 1, 1], six);
    const good = { classes: 2, train: 'train.safetensors', test: 'test.safetensors' };
    expect(await said({ ...good, clases: 2 })).to.equal(
      './bad.json: top level: Unrecognized key: "clases". Did you mean "classes"? Known: name, shape, classes, classNames, mean, std, train, test, note',
    );
    expect(await said({ ...good, shape: [1, 3, 1] })).to.equal(
      './train.safetensors: "images": images are [3, 1, 1], and "shape" says [1, 3, 1]; height and width are exchanged: turn the images',
    );
    tensors('first.safetensors', { images: F32([2, 1, 3, 1], six), labels: I32(0, 1) });
    expect(await said({ ...good, train: 'first.safetensors', shape: [3, 1, 1] })).to.match(
      /exchanged: turn the images$/,
    );
    tensors('first.safetensors', { images: F32([1, 1, 2, 3], six), labels: I32(0) });
    expect(await said({ ...good, train: 'first.safetensors', shape: [2, 3, 1] })).to.equal(
      './first.safetensors: "images": images are [1, 2, 3], and "shape" says [2, 3, 1]; the channels come first: save images.transpose(0, 2, 3, 1)',
    );
    tensors('labels.safetensors', { images, labels: I32(0, 2) });
    expect(await said({ ...good, train: 'labels.safetensors', name: 'mine' })).to.equal(
      './bad.json: mine: training data: label 2 of image 1 is not one of the 2 classes, 0 to 1; correct the label, or give more classes',
    );
    tensors('hot.safetensors', { images, labels: F32([2, 2], six.subarray(0, 4)) });
    expect(await said({ ...good, train: 'hot.safetensors' })).to.equal(
      './hot.safetensors: "labels": labels must be one class index for each image, [n], got [2, 2]; of one-hot rows take the argmax',
    );
    tensors('real.safetensors', { images, labels: F32([2], six.subarray(0, 2)) });
    expect(await said({ ...good, train: 'real.safetensors' })).to.match(
      /"labels": labels must be whole numbers, one of U8, .*, got F32; convert them$/,
    );
    tensors('named.safetensors', { image: images, labels: I32(0, 1) });
    expect(await said({ ...good, train: 'named.safetensors' })).to.equal(
      './named.safetensors: "images": the file has no such tensor. Did you mean "image"? It has "image", "labels"',
    );
    expect(await said({ ...good, train: 'absent.safetensors' })).to.equal(
      './absent.safetensors: "images": it cannot be read (ENOENT)',
    );
    expect(await said({ ...good, train: { images: 'test.safetensors', labels: 'y.npy' } })).to.equal(
      './test.safetensors: name a .npy or IDX file, or { "file", "tensor" } of a safetensors file',
    );
    npy('turned.npy', '<f4', '2, 3, 1', six, 'True');
    expect(await said({ ...good, train: { images: 'turned.npy', labels: 'y.npy' } })).to.equal(
      './turned.npy: it is in Fortran order; save numpy.ascontiguousarray(array)',
    );
    npy('short.npy', '<f4', '2, 4, 1', six);
    expect(await said({ ...good, train: { images: 'short.npy', labels: 'y.npy' } })).to.equal(
      './short.npy: shape [2, 4, 1] takes 32 bytes, and it holds 24',
    );
    npy('complex.npy', '<c8', '3,', six);
    expect(await said({ ...good, train: { images: 'complex.npy', labels: 'y.npy' } })).to.match(
      /^\.\/complex\.npy: its elements are "<c8"; save one of \|u1, /,
    );
    mkdirSync(join(folder, 'empty'));
    expect((await line(() => loadDataset(join(folder, 'empty')))).replaceAll(folder, '.')).to.equal(
      './empty: holds neither a dataset.json nor IDX files nor class folders of pictures; give a folder that does',
    );
    write('not.json', '{');
    expect(await line(() => loadDataset(join(folder, 'not.json')))).to.match(/not\.json: not JSON \(/);
  });
});
