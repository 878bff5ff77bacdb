/** @file HDF5 and tf.layers files: what is read, and what is refused; some odd ones are written by h5py itself. */

import { expect } from 'chai';
import { strToU8 } from 'fflate';
import { messageOf } from '../support/errors.ts';
import { fileOf } from '../support/packed.ts';
import { read, refusal, shown } from '../support/weight-files.ts';

describe('HDF5 files', () => {
  it('of weights alone, as Keras 2 has them, are read: types, names, depthwise kernels', () => {
    expect(shown(read(fileOf('alone.h5')))).to.deep.equal({
      'dense/bias': [[3], 'f16', 0, 1, 2],
      'dense/kernel': [[2, 3], 'f32', 0, 1, 2, 3, 4, 5],
      'depthwise/kernel': [[2, 2, 1, 1], 'f64', 0, 1, 2, 3],
    });
  });
  it('of weights that do not say the names of their layers are refused', () => {
    const bytes = new Uint8Array(fileOf('keras-mobilenet-v2.weights.h5'));
    expect(refusal(renamed(bytes, 'name\0', 'nope\0'))).to.equal(
      'file: does not contain the names of its layers, since it was written by Keras before 3.8; save the whole model as .keras or .h5: model.save("model.keras")',
    );
  });
  it('cut anywhere are refused, or were longer than their values', () => {
    const whole = new Uint8Array(fileOf('alone.h5'));
    const values = shown(read(whole));
    let refused = 0;
    for (let length = 1; length < whole.length; length += 16) {
      try {
        expect(shown(read(whole.slice(0, length)))).to.deep.equal(values);
      } catch (e) {
        expect((e as Error).name).to.equal('MoonletError');
        refused++;
      }
    }
    expect(refused / (whole.length / 16)).to.be.above(0.8);
  });
  const refusals: readonly (readonly [string, string])[] = [
    ['external.h5', 'file: "dense/dense/kernel" stores its values in another file'],
    [
      'chunked.h5',
      'file: "dense/dense/kernel" is chunked or compressed, which Keras does not write; save the model again with Keras',
    ],
    [
      'linked.h5',
      'file: "dense/dense" has links of a newer HDF5 format, or to another file; Keras writes neither',
    ],
    [
      'latest.h5',
      'file: an HDF5 file with superblock version 3, but Keras writes 0; load the file in Keras and save it again',
    ],
  ];
  for (const [name, message] of refusals) {
    it(`such as ${name} are refused`, () => expect(refusal(fileOf(name))).to.equal(message));
  }
  it('whose groups hold themselves are refused', () => {
    const bytes = new Uint8Array(fileOf('alone.h5'));
    const view = new DataView(bytes.buffer);
    const root = view.getBigUint64(64, true);
    const leaf = indexOf(bytes, 'SNOD');
    view.setBigUint64(leaf + 8 + 8, root, true); // its first link leads to the root
    expect(refusal(bytes)).to.equal('file: damaged: its parts contain each other');
  });
  it('of huge shapes are refused when they are read', () => {
    const bytes = new Uint8Array(fileOf('alone.h5'));
    const view = new DataView(bytes.buffer);
    for (let at = 0; at + 16 < bytes.length; at += 8) {
      if (view.getBigUint64(at, true) === 2n && view.getBigUint64(at + 8, true) === 3n)
        view.setBigUint64(at, 1000n, true);
    }
    expect(refusal(bytes)).to.match(
      /^file: damaged: "dense\/dense\/kernel:0" of shape \[1000, 3\] is incomplete$/,
    );
  });
});

const indexOf = (bytes: Uint8Array, text: string): number => Buffer.from(bytes).indexOf(text, 0, 'latin1');
function renamed(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1').replaceAll(from, to);
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

describe('tf.layers models', () => {
  const model = (weights: unknown, paths: unknown = ['w.bin'], more = {}): Uint8Array =>
    strToU8(JSON.stringify({ modelTopology: {}, weightsManifest: [{ paths, weights }], ...more }));
  const entry = (shape: unknown, quantization?: unknown) => ({
    name: 'a/kernel',
    shape,
    dtype: 'float32',
    quantization,
  });
  const said = (bytes: Uint8Array, size = 8): string =>
    messageOf(() => read(bytes, { 'w.bin': new Uint8Array(size) }));

  it('are read over several shards, and from whole numbers', () => {
    const first = new Uint8Array(Float32Array.of(1, 2).buffer);
    const bytes = model(
      [
        { name: 'a/depthwise_kernel', shape: [1, 2], dtype: 'float32' },
        {
          name: 'a/bias',
          shape: [2],
          dtype: 'float32',
          quantization: { dtype: 'uint8', min: -1, scale: 0.5 },
        },
        { name: 'b/bias', shape: [1], dtype: 'float32', quantization: { dtype: 'uint16', min: 0, scale: 2 } },
        { name: 'c/bias', shape: [1], dtype: 'float32', quantization: { dtype: 'float16' } },
      ],
      ['1.bin', '2.bin'],
    );
    const shards = {
      '1.bin': first.slice(0, 5),
      '2.bin': Uint8Array.of(...first.slice(5), 0, 4, 1, 1, 0, 0x3c),
    };
    expect(shown(read(bytes, shards))).to.deep.equal({
      'a/kernel': [[1, 2], 'float32', 1, 2],
      'a/bias': [[2], 'float32', -1, 1],
      'b/bias': [[1], 'float32', 514],
      'c/bias': [[1], 'float32', 1],
    });
  });
  const refusals: readonly (readonly [string, Uint8Array, string])[] = [
    [
      'a path above',
      model([entry([2])], ['../w.bin']),
      'file: names the file "../w.bin", which is not in its folder; it is refused',
    ],
    [
      'a path from the root',
      model([entry([2])], ['/etc/passwd']),
      'file: names the file "/etc/passwd", which is not in its folder; it is refused',
    ],
    [
      'a path of Windows',
      model([entry([2])], ['..\\w.bin']),
      'file: names the file "..\\w.bin", which is not in its folder; it is refused',
    ],
    [
      'a shape past its bytes',
      model([entry([3])]),
      'file: "a/kernel" ends at byte 12 of 8; a shard is truncated',
    ],
    [
      'a huge shape',
      model([entry([2 ** 52, 2 ** 52])]),
      'file: "a/kernel" ends at byte 8.112963841460668e+31 of 8; a shard is truncated',
    ],
    ['bytes to spare', model([entry([1])]), 'file: 4 bytes of the shards belong to no weight'],
    [
      'a graph model',
      model([], [], { format: 'graph-model' }),
      'file: a "graph-model", which has no layers; only layers-model is supported',
    ],
    [
      'a negative size',
      model([entry([-1])]),
      'file: not a model.json of tf.layers: weightsManifest[0].weights[0].shape[0]: Too small: expected number to be >=0',
    ],
    [
      'no manifest',
      strToU8('{"modelTopology": {}}'),
      'file: not a model.json of tf.layers: weightsManifest: Invalid input: expected array, received undefined',
    ],
    ['no JSON', strToU8('{"modelTopology": '), 'file: not JSON; the file is damaged'],
  ];
  for (const [what, bytes, message] of refusals) {
    it(`with ${what} are refused`, () => expect(said(bytes)).to.equal(message));
  }
});

describe('files of other kinds', () => {
  const none =
    "file: not a supported weight file; expected safetensors, PyTorch's (.pth), Keras's .h5, .weights.h5 or .keras, or a tf.layers model.json";
  for (const [what, bytes, message] of [
    ['empty', new Uint8Array(), 'file: the file is empty'],
    ['of text', strToU8('hello, world'), none],
    ['of one byte', Uint8Array.of(7), none],
  ] as const) {
    it(`${what} are refused`, () => expect(refusal(bytes)).to.equal(message));
  }
});
