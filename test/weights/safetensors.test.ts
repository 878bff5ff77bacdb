/** @file Safetensors: written and read, and what is refused before a byte is believed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { MoonletError } from '../../src/errors.ts';
import {
  readSafetensors,
  type SafetensorsFile,
  type StoredTensor,
  writeSafetensors,
} from '../../src/weights/index.ts';
import { messageOf } from '../support/errors.ts';
import { fc } from '../support/property.ts';

const f32 = (shape: readonly number[], ...data: number[]): StoredTensor => ({
  dtype: 'F32',
  shape,
  data: Float32Array.from(data),
});
const file = (
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata: Record<string, string> = {},
): SafetensorsFile => ({
  tensors: new Map(Object.entries(tensors)),
  metadata,
});
/** A file of this header and so many bytes behind it. */
const raw = (header: unknown, bytes = 0, claimed?: bigint): Uint8Array => {
  const json = typeof header === 'string' ? header : JSON.stringify(header);
  const text = new TextEncoder().encode(json);
  const all = new Uint8Array(8 + text.length + bytes);
  new DataView(all.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
  all.set(text, 8);
  return all;
};
const entry = (shape: unknown, data_offsets: unknown, dtype: unknown = 'F32') => ({
  dtype,
  shape,
  data_offsets,
});
const full = file(
  {
    'stage1/0/conv:kernel': f32([2, 3], 1, -2, 3.5, Number.NaN, Infinity, -0),
    labels: { dtype: 'I32', shape: [2], data: Int32Array.of(-1, 2 ** 31 - 1) },
    bytes: { dtype: 'U8', shape: [3], data: Uint8Array.of(0, 7, 255) },
    scalar: f32([], 4),
    empty: f32([0, 5]),
    'größe \u{1f319} "quoted"\n': f32([1], 9),
    ['__proto__']: f32([1], 1),
  },
  { format: 'test', note: 'ü' },
);

describe('safetensors', () => {
  it('are read as they were written: values, shapes, types, names, metadata, empty tensors', () => {
    const proto = new Map([...full.tensors, ['__proto__', f32([1], 5)]]);
    const back = readSafetensors(writeSafetensors({ ...full, tensors: proto }));
    expect(back.metadata).to.deep.equal(full.metadata);
    expect([...back.tensors]).to.deep.equal([...proto]);
    expect(Object.is(back.tensors.get('stage1/0/conv:kernel')?.data[5], -0)).to.equal(true);
  });

  it('are read for random tensors, and written again to the same bytes', () => {
    const tensor = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }).chain((shape) => {
      const length = shape.reduce((n, d) => n * d, 1);
      return fc
        .float32Array({ minLength: length, maxLength: length })
        .map((data): StoredTensor => ({ dtype: 'F32', shape, data }));
    });
    const names = fc.string({ unit: 'grapheme' }).filter((s) => s !== '__metadata__');
    fc.assert(
      fc.property(fc.array(fc.tuple(names, tensor), { maxLength: 6 }), (list) => {
        const tensors = new Map(list);
        const bytes = writeSafetensors({ tensors, metadata: {} });
        const back = readSafetensors(bytes);
        expect(new Map([...back.tensors].sort())).to.deep.equal(new Map([...tensors].sort()));
        expect(bytes.length % 4).to.equal(0);
      }),
    );
  });

  it('are read from a disk: the bytes of a Buffer, wherever they lie in memory', () => {
    const folder = mkdtempSync(join(tmpdir(), 'moonlet-'));
    try {
      const path = join(folder, 'a.safetensors');
      writeFileSync(path, writeSafetensors(full));
      expect([...readSafetensors(readFileSync(path)).tensors]).to.deep.equal([...full.tensors]);
    } finally {
      rmSync(folder, { recursive: true });
    }
    const inner = new Uint8Array(1000);
    const bytes = writeSafetensors(full);
    inner.set(bytes, 13);
    expect([...readSafetensors(inner.subarray(13, 13 + bytes.length)).tensors]).to.deep.equal([
      ...full.tensors,
    ]);
  });

  it('hand out copies: changing the file changes no tensor', () => {
    const bytes = writeSafetensors(file({ a: f32([1], 3) }));
    const { tensors } = readSafetensors(bytes);
    bytes.fill(0xff);
    expect(tensors.get('a')?.data[0]).to.equal(3);
  });

  it('begin their data at a multiple of 8 bytes, behind a header filled up with spaces', () => {
    const bytes = writeSafetensors(file({ a: f32([1], 3) }));
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).to.equal(0);
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + length))).to.equal(
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.padEnd(length),
    );
    expect(bytes.length).to.equal(8 + length + 4);
  });

  it('of the Python package are read: metadata first, tensors by alignment and name, header padded by spaces', () => {
    const header =
      '{"__metadata__":{"format":"pt"},"b.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},' +
      '"a":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
    const bytes = raw(padded, 11);
    bytes.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), 8 + padded.length);
    bytes.set([1, 2, 3], 8 + padded.length + 8);
    const { tensors, metadata } = readSafetensors(bytes);
    expect(metadata).to.deep.equal({ format: 'pt' });
    expect(tensors.get('b.weight')).to.deep.equal(f32([2, 1], 1.5, -2));
    expect(tensors.get('a')?.data).to.deep.equal(Uint8Array.of(1, 2, 3));
  });

  it('are not written from what could not be read', () => {
    expect(messageOf(() => writeSafetensors(file({ __metadata__: f32([1], 1) })))).to.equal(
      'safetensors: a tensor cannot be called "__metadata__"; rename it',
    );
    expect(messageOf(() => writeSafetensors(file({ a: f32([3], 1, 2) })))).to.equal(
      'safetensors: "a" of shape [3] takes 3 F32 values; got 2 in Float32Array',
    );
    const wrong: StoredTensor = { dtype: 'F32', shape: [2], data: Int32Array.of(1, 2) };
    expect(messageOf(() => writeSafetensors(file({ a: wrong })))).to.equal(
      'safetensors: "a" of shape [2] takes 2 F32 values; got 2 in Int32Array',
    );
  });
});

describe('safetensors that are none', () => {
  const one = { a: entry([1], [0, 4]) };
  const notJson = 'the header is not JSON; the file is damaged or no safetensors file';
  const cases: readonly (readonly [title: string, bytes: Uint8Array, reason: string])[] = [
    ['no bytes', new Uint8Array(), "truncated: 0 bytes, and the header's length alone takes 8"],
    ['seven bytes', new Uint8Array(7), "truncated: 7 bytes, and the header's length alone takes 8"],
    [
      'a header of 2^60 bytes',
      raw({}, 0, 2n ** 60n),
      'the header claims 1152921504606846976 bytes, and the file has 2 more; it is truncated or no safetensors file',
    ],
    [
      'a header of 2^64 - 1 bytes',
      raw({}, 0, 2n ** 64n - 1n),
      'the header claims 18446744073709551615 bytes, and the file has 2 more; it is truncated or no safetensors file',
    ],
    ['no JSON', raw('{"a":'), notJson],
    ['an empty header', raw(''), notJson],
    ['bytes that are no UTF-8', raw('{"a":1}').map((b) => (b === 0x61 ? 0xff : b)), notJson],
    ['a list', raw([]), 'the header is not a JSON object'],
    ['null', raw('null'), 'the header is not a JSON object'],
    ['metadata that are no texts', raw({ __metadata__: { a: 1 } }), '__metadata__ is not text'],
    ['metadata in a list', raw({ __metadata__: ['a'] }), '__metadata__ is not text'],
    ['an entry that is no object', raw({ a: 3 }), '"a" is not described by an object'],
    [
      'an unknown dtype',
      raw({ a: entry([1], [0, 2], 'BF16') }, 2),
      '"a" has dtype "BF16"; expected F32, F16, I32, I8, U8',
    ],
    [
      'no dtype',
      raw({ a: { shape: [], data_offsets: [0, 4] } }, 4),
      '"a" has dtype undefined; expected F32, F16, I32, I8, U8',
    ],
    ['a negative size', raw({ a: entry([-1], [0, 4]) }, 4), '"a" has no valid shape'],
    ['a size of 1.5', raw({ a: entry([1.5], [0, 6]) }, 6), '"a" has no valid shape'],
    ['a shape past 2^53', raw({ a: entry([2 ** 60], [0, 4]) }, 4), '"a" has no valid shape'],
    ['no shape', raw({ a: entry(undefined, [0, 4]) }, 4), '"a" has no valid shape'],
    ['three offsets', raw({ a: entry([1], [0, 2, 4]) }, 4), '"a" has no valid data_offsets'],
    ['negative offsets', raw({ a: entry([1], [-4, 0]) }, 4), '"a" has no valid data_offsets'],
    [
      'a shape that needs more bytes',
      raw({ a: entry([2, 3], [0, 4]) }, 4),
      '"a" of shape [2, 3] needs 24 bytes and has 4',
    ],
    [
      'offsets that run backwards',
      raw({ a: entry([1], [4, 0]) }, 4),
      '"a" of shape [1] needs 4 bytes and has -4',
    ],
    ['data that end too early', raw(one, 3), 'truncated: "a" ends at byte 4 of 3'],
    ['bytes of no tensor', raw(one, 6), '2 bytes belong to no tensor; the file is damaged'],
    [
      'tensors that overlap',
      raw({ ...one, b: entry([1], [2, 6]) }, 6),
      'the tensors overlap or leave gaps; the file is damaged',
    ],
    [
      'one place for two',
      raw({ ...one, b: entry([1], [0, 4]) }, 4),
      'the tensors overlap or leave gaps; the file is damaged',
    ],
    [
      'a gap',
      raw({ ...one, b: entry([1], [6, 10]) }, 10),
      'the tensors overlap or leave gaps; the file is damaged',
    ],
  ];
  for (const [title, bytes, reason] of cases) {
    it(`are refused: ${title}`, () => {
      expect(messageOf(() => readSafetensors(bytes, 'w.safetensors'))).to.equal(`w.safetensors: ${reason}`);
    });
  }

  it('are refused wherever they are cut', () => {
    const bytes = writeSafetensors(full);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readSafetensors(bytes.subarray(0, length)), `${length} bytes`).to.throw(MoonletError);
    }
  });

  it('never throw anything but our errors, however the bytes are changed', () => {
    const bytes = writeSafetensors(full);
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const mutated = Uint8Array.from(bytes);
        for (const [at, value] of changes) mutated[at] = value;
        try {
          const { tensors } = readSafetensors(mutated);
          for (const { shape, data } of tensors.values())
            expect(data.length).to.equal(shape.reduce((n, d) => n * d, 1));
        } catch (e) {
          if (!(e instanceof MoonletError)) throw e;
        }
      }),
      { numRuns: 600 },
    );
  });
});
