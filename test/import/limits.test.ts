/** @file Sizes that a file claims are checked against a limit before memory is given; the limit is an option. */
import { expect } from 'chai';
import { strToU8, zipSync } from 'fflate';
import { UsageError } from '../../src/errors.ts';
import { type ReadOptions, readWeightFile } from '../../src/import/index.ts';
import { readSafetensors, writeSafetensors } from '../../src/weights/index.ts';
import { messageOf } from '../support/errors.ts';
import { fileOf } from '../support/packed.ts';
import { dict, legacy, pth, tensor } from '../support/pickles.ts';

const said = (
  bytes: Uint8Array,
  options: ReadOptions = {},
  shard = (): Uint8Array => new Uint8Array(),
): string => messageOf(() => readWeightFile(bytes, 'file', shard, options));
const reads = (bytes: Uint8Array, options: ReadOptions = {}): number =>
  readWeightFile(bytes, 'file', () => new Uint8Array(), options).tensors.size;

describe('a limit of memory', () => {
  it('holds for a model.json that names one file 9,999 times: it is read once', () => {
    const paths = Array(9999).fill('w.bin');
    const model = strToU8(JSON.stringify({ modelTopology: {}, weightsManifest: [{ paths, weights: [] }] }));
    let calls = 0;
    const message = said(model, {}, () => {
      calls++;
      return new Uint8Array(2 ** 20);
    });
    expect([message, calls]).to.deep.equal(['file: names the file "w.bin" twice', 1]);
  });
  it('holds for many files of a model.json together, which are read no further', () => {
    const paths = Array.from({ length: 9999 }, (_, i) => `${i}.bin`);
    const model = strToU8(JSON.stringify({ modelTopology: {}, weightsManifest: [{ paths, weights: [] }] }));
    let calls = 0;
    const shard = () => {
      calls++;
      return new Uint8Array(2 ** 10);
    };
    expect(said(model, { maxBytes: 10_000 }, shard)).to.equal(
      'file: "9.bin" would take more than 10000 bytes of memory; if that is meant, raise maxBytes',
    );
    expect(calls).to.equal(10);
  });
  it('holds for the header of safetensors', () => {
    const header = 9 * 2 ** 20;
    const bytes = new Uint8Array(8 + header).fill(0x20);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(header), true);
    bytes.set(strToU8('{}'), 8);
    const refused = `file: the header has ${header} bytes; at most ${2 ** 23} are read (maxHeader)`;
    expect(said(bytes)).to.equal(refused);
    expect(messageOf(() => readSafetensors(bytes, 'file'))).to.equal(refused);
    expect(readSafetensors(bytes, 'file', { maxHeader: header }).tensors.size).to.equal(0);
  });
  it('holds for views of one storage of a pickle, each of all of it', () => {
    const views = Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [`w${i}`, tensor('FloatStorage', '0', 1000, 0, [1000], [1])]),
    );
    const storage = { '0': new Uint8Array(4000) };
    for (const bytes of [pth(dict(views), storage), legacy(dict(views), storage)]) {
      expect(reads(bytes)).to.equal(100);
      expect(said(bytes, { maxBytes: 399_999 })).to.equal(
        'file: "w99" would take more than 399999 bytes of memory; if that is meant, raise maxBytes',
      );
      expect(reads(bytes, { maxBytes: 400_000 })).to.equal(100);
    }
  });
  it('holds for float8, whose values take four times their bytes', () =>
    expect(said(fileOf('float8.safetensors'), { maxBytes: 4095 })).to.match(
      /^file: "e\dm\d\.float|e\dm\d" would take more than 4095 bytes of memory; if that is meant, raise maxBytes$/,
    ));
  it('holds for what a zip unpacks to', () => {
    const bytes = zipSync({ 'a/data.pkl': [new Uint8Array(10_000), { level: 6 }] });
    expect(said(bytes, { maxBytes: 9999 })).to.equal(
      `file: the zip unpacks to more than 9999 bytes from ${bytes.length}; it is refused; if this size is intended, raise maxBytes`,
    );
  });
  it('holds for arrays of HDF5 that lie in each other', () => {
    // an array's place in the file of alone.h5, given to another: each claims the whole of what it may
    const bytes = new Uint8Array(fileOf('alone.h5'));
    const view = new DataView(bytes.buffer);
    for (let at = 0; at + 16 < bytes.length; at += 8)
      if (view.getBigUint64(at, true) === 2n && view.getBigUint64(at + 8, true) === 3n)
        view.setBigUint64(at, BigInt(Math.floor(bytes.length / 12)), true); // 3 floats each
    expect(said(bytes)).to.equal('file: damaged: its arrays overlap');
  });
  it('is a number of bytes', () => {
    const bytes = writeSafetensors({ tensors: new Map(), metadata: {} });
    for (const maxBytes of [0, -1, Number.NaN])
      expect(messageOf(() => readWeightFile(bytes, 'file', () => bytes, { maxBytes }), UsageError)).to.equal(
        `maxBytes must be a number above 0, got ${maxBytes}`,
      );
  });
});

describe('checksums of a zip', () => {
  const w = dict({ w: tensor('FloatStorage', '0', 4, 0, [4], [1]) });
  const sound = pth(w, { '0': new Uint8Array(16).fill(7) });
  const place = Buffer.from(sound).indexOf(Buffer.from(new Uint8Array(16).fill(7)));
  const flipped = new Uint8Array(sound);
  flipped[place + 5] = 6;

  it('show a flipped bit, in values and in the pickle, and can be left out', () => {
    expect(said(flipped)).to.equal(
      'file: the checksum of "archive/data/0" in the zip does not match; the file is damaged: download it again, or accept "checksums"',
    );
    expect(reads(flipped, { accept: ['checksums'] })).to.equal(1);
    const renamed = new Uint8Array(sound);
    renamed.set([0x77 ^ 1], Buffer.from(sound).indexOf('X\x01\0\0\0w', 0, 'latin1') + 5);
    expect(said(renamed)).to.match(/^file: the checksum of "archive\/data\.pkl" in the zip does not match;/);
  });
  it('show any flipped bit of what PyTorch and Keras wrote', () => {
    for (const name of ['mobilenet-v1.pth', 'keras-mobilenet-v2.keras']) {
      const bytes = new Uint8Array(fileOf(name));
      const at = Math.floor(bytes.length / 2);
      bytes[at] = (bytes[at] ?? 0) ^ 16;
      expect(said(bytes), name).to.contain('the checksum of ');
    }
  });
  it('are not looked for where PyTorch wrote none (set_crc32_options(False): all are 0)', () => {
    const without = new Uint8Array(sound);
    const view = new DataView(without.buffer);
    for (let at = 0; at + 4 <= without.length; at++) {
      const mark = view.getUint32(at, true);
      if (mark === 0x04034b50) view.setUint32(at + 14, 0, true);
      if (mark === 0x02014b50) view.setUint32(at + 16, 0, true);
    }
    expect(reads(without)).to.equal(1);
  });
});
