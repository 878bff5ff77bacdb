/** @file Formats are told by structure: no byte of a sound file makes it another's. */
import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { strToU8, zipSync } from 'fflate';
import { readWeightFile } from '../../src/import/index.ts';
import { looksLikeSafetensors } from '../../src/weights/index.ts';
import { fileOf } from '../support/packed.ts';
import { pickle } from '../support/pickles.ts';
import { read, refusal } from '../support/weight-files.ts';

/** A sound file of one value whose header has this many bytes. */
function withHeader(size: number, name = 'a'): Uint8Array {
  const json = JSON.stringify({ [name]: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }).padEnd(size);
  const bytes = new Uint8Array(8 + size + 4);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(size), true);
  bytes.set(strToU8(json), 8);
  return bytes;
}

describe('a safetensors file', () => {
  it('is read whatever the low byte of its header length is', () => {
    for (let size = 256; size < 512; size++)
      expect([size, read(withHeader(size)).format]).to.deep.equal([size, 'safetensors']);
  });
  for (const [what, size] of [
    ['a zip ("PK")', 0x4b50],
    ['a pickle of protocol 2', 0x0280],
    ['gzip', 0x8b1f],
    ['HDF5', 0x4889],
    ['JSON with a line', 0x0a7b],
  ] as const)
    it(`is read when its length begins as ${what}`, () =>
      expect([...read(withHeader(size)).tensors.keys()]).to.deep.equal(['a']));
  it('is told by its first nine bytes even where the length is that of a local header of a zip', () => {
    const begin = withHeader(64);
    new DataView(begin.buffer).setBigUint64(0, 0x04034b50n, true);
    expect(looksLikeSafetensors(begin)).to.equal(true);
    expect(refusal(begin)).to.equal(
      'file: the header claims 67324752 bytes, and the file has 68 more; it is truncated or no safetensors file',
    );
  });
  it('is read when a name stands where tar has its mark', () => {
    const name = `${'a'.repeat(257 - 8 - 2)}ustar`;
    const bytes = withHeader(500, name);
    expect(new TextDecoder().decode(bytes.subarray(257, 262))).to.equal('ustar');
    expect([...read(bytes).tensors.keys()]).to.deep.equal([name]);
  });
  it('is what no file of another format looks like', () => {
    const names = readdirSync(new URL('files', import.meta.url)).filter((name) => name.endsWith('.gz'));
    for (const name of names) {
      const safetensors = name.includes('.safetensors');
      expect([name, looksLikeSafetensors(fileOf(name.slice(0, -3)))]).to.deep.equal([name, safetensors]);
    }
    expect(names.length).to.be.above(15);
  });
});

describe('a zip', () => {
  it("of PyTorch's stays one with a config.json beside", () => {
    const bytes = zipSync({ 'config.json': strToU8('{}'), 'a/data.pkl': pickle('}') });
    expect(refusal(bytes)).to.match(/^file: contains no dict of tensors/);
  });
  it('that only begins as one is refused as such', () =>
    expect(refusal(Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0))).to.match(/^file: (the zip has no end|damaged)/));
});

describe('a model.json', () => {
  it('is told after a byte order mark and white space', () =>
    expect(read(strToU8('\uFEFF \n{"modelTopology":{},"weightsManifest":[]}')).format).to.equal('tf-layers'));
});

describe('other files are refused:', () => {
  const tar = new Uint8Array(1024);
  tar.set(strToU8('ustar'), 257);
  const archive = 'file: an archive (gzip or tar); unpack it and import the file in it';
  for (const [what, bytes, message] of [
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0), archive],
    ['tar', tar, archive],
    [
      'a pickle of something else',
      pickle('}'),
      'file: a bare pickle, which torch.save never writes; load it in Python and save its state_dict with torch.save',
    ],
  ] as const)
    it(what, () => expect(refusal(bytes)).to.equal(message));
});

describe('a model.json', () => {
  it('needs the files beside it', () => {
    const weights = [{ name: 'a/kernel', shape: [1], dtype: 'float32' }];
    const bytes = strToU8(
      JSON.stringify({ modelTopology: {}, weightsManifest: [{ paths: ['b.bin'], weights }] }),
    );
    expect(() => readWeightFile(bytes, 'model.json')).to.throw(
      'model.json: needs the file "b.bin" in the same folder; pass a function that reads it',
    );
  });
});
