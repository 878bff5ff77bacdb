/** @file The restricted reader of PyTorch's files, and of zips: what it gives, and what it refuses. */

import { expect } from 'chai';
import { strToU8, zipSync } from 'fflate';
import { fileOf } from '../support/packed.ts';
import { dict, pickle, pth, tensor } from '../support/pickles.ts';
import { read, refusal, shown } from '../support/weight-files.ts';

describe('PyTorch files', () => {
  it('are read with strides, offsets, shared storages and every type', () => {
    const storage = new Uint8Array(Float32Array.from({ length: 12 }, (_, i) => i).buffer);
    const f32 = (...view: Parameters<typeof tensor> extends [unknown, unknown, ...infer R] ? R : never) =>
      tensor('FloatStorage', '0', ...view);
    const halves = new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00).buffer);
    const brains = new Uint8Array(Uint16Array.of(0x3f80, 0xc040).buffer);
    const longs = new Uint8Array(BigInt64Array.of(-1n, 2n ** 40n).buffer);
    const bytes = pth(
      dict({
        whole: f32(12, 0, [3, 4], [4, 1]),
        columns: f32(12, 0, [4, 3], [1, 4]),
        inner: f32(12, 5, [2, 2], [4, 1]),
        every: f32(12, 1, [3], [4]),
        scalar: f32(12, 7, [], []),
        none: f32(12, 0, [0, 4], [4, 1]),
        spread: f32(12, 2, [2, 3], [0, 0]),
        half: tensor('HalfStorage', '1', 4, 0, [4], [1]),
        brain: tensor('BFloat16Storage', '2', 2, 0, [2], [1]),
        long: tensor('LongStorage', '3', 2, 0, [2], [1]),
      }),
      { '0': storage, '1': halves, '2': brains, '3': longs },
    );
    expect(shown(read(bytes))).to.deep.equal({
      whole: [[3, 4], 'Float', 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
      columns: [[4, 3], 'Float', 0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11],
      inner: [[2, 2], 'Float', 5, 6, 9, 10],
      every: [[3], 'Float', 1, 5, 9],
      scalar: [[], 'Float', 7],
      none: [[0, 4], 'Float'],
      spread: [[2, 3], 'Float', 2, 2, 2, 2, 2, 2],
      half: [[4], 'Half', 1, -2, 2 ** -24, Infinity],
      brain: [[2], 'BFloat16', 1, -3],
      long: [[2], 'Long', -1, 2 ** 40],
    });
  });

  it('are read from a checkpoint, under a customary name', () => {
    const w = tensor('FloatStorage', '0', 1, 0, [1], [1]);
    const bytes = pth(dict({ epoch: 'K\x03', state_dict: dict({ w }) }), { '0': new Uint8Array(4) });
    expect([...read(bytes).tensors.keys()]).to.deep.equal(['w']);
  });

  const f32 = (size: number, offset: number, shape: number[], strides: number[]) =>
    pth(dict({ w: tensor('FloatStorage', '0', size, offset, shape, strides) }), { '0': new Uint8Array(16) });
  const w = dict({ w: tensor('FloatStorage', '0', 4, 0, [4], [1]) });
  const four = { '0': new Uint8Array(16) };
  const global = (module: string, name: string): string => `c${module}\n${name}\n`;
  const refusals: readonly (readonly [string, Uint8Array, string])[] = [
    [
      'an offset outside',
      f32(4, 3, [2], [1]),
      'file: "w" of shape [2] reaches value 5 of a storage of 4; the file is damaged',
    ],
    [
      'a stride outside',
      f32(4, 0, [2, 2], [3, 1]),
      'file: "w" of shape [2, 2] reaches value 5 of a storage of 4; the file is damaged',
    ],
    [
      'a huge shape of one value',
      f32(4, 0, [2 ** 30, 2 ** 20], [0, 0]),
      'file: "w" of shape [1073741824, 1048576] reaches value 1125899906842624 of a storage of 4; the file is damaged',
    ],
    [
      'a storage larger than its bytes',
      f32(100, 0, [100], [1]),
      'file: "w" of shape [100] reaches value 100 of a storage of 4; the file is damaged',
    ],
    [
      'a storage that is not there',
      pth(w, {}),
      'file: "w" is in the storage "0", which is missing; the file is damaged',
    ],
    [
      'a call of the system',
      pth(`${global('posix', 'system')}X\x02\0\0\0id\x85R`, four),
      'file: the pickle calls "posix.system", which is not executed; save only model.state_dict(), or convert the file to safetensors',
    ],
    [
      'a call of eval, by a later protocol',
      pth('\x8c\x08builtins\x8c\x04eval\x93X\x01\0\0\x001\x85R', four),
      'file: the pickle calls "builtins.eval", which is not executed; save only model.state_dict(), or convert the file to safetensors',
    ],
    [
      'a name near an allowed one',
      pth(`${global('collections', 'OrderedDict.clear')})R`, four),
      'file: the pickle calls "collections.OrderedDict.clear", which is not executed; save only model.state_dict(), or convert the file to safetensors',
    ],
    [
      'an object made by NEWOBJ',
      pth(`${global('collections', 'OrderedDict')})\x81`, four),
      "file: the pickle's opcode 0x81 at byte 28 does not occur in a state dict; it is refused",
    ],
    [
      'an object made by INST',
      pth('(iposix\nsystem\n', four),
      "file: the pickle's opcode 0x69 at byte 3 does not occur in a state dict; it is refused",
    ],
    [
      'arguments that a name does not take',
      pth(`${global('torch._utils', '_rebuild_tensor_v2')})R`, four),
      'file: the pickle calls torch._utils._rebuild_tensor_v2 with invalid arguments',
    ],
    [
      'a negative offset',
      pth(dict({ w: tensor('FloatStorage', '0', 4, -1, [1], [1]) }), four),
      'file: the pickle calls torch._utils._rebuild_tensor_v2 with invalid arguments',
    ],
    [
      'a persistent id of another kind',
      pth('X\x01\0\0\0aQ', four),
      'file: a persistent id of the pickle is not a storage',
    ],
    ['an empty stack', pth('', four), 'file: the pickle is damaged at byte 3'],
    [
      'no end',
      zipSync({ 'a/data.pkl': pickle('}').slice(0, -1) }),
      'file: the pickle is truncated at byte 3',
    ],
    [
      'a text longer than the file',
      pth('X\xff\xff\xff\x7fa', four),
      'file: the pickle is truncated at byte 7',
    ],
    [
      'a text longer than any file',
      pth(`\x8d${'\xff'.repeat(8)}a`, four),
      'file: the pickle is truncated at byte 11',
    ],
    [
      'an integer of 255 bytes',
      pth(`\x8a\xff${'\x01'.repeat(255)}`, four),
      'file: the pickle has an integer of 255 bytes',
    ],
    ['a memo that is empty', pth('h\x07', four), 'file: the pickle is damaged at byte 4'],
    [
      '300,000 dicts',
      pth('}'.repeat(300_000), four),
      'file: the pickle creates more values than a state dict has; it is refused',
    ],
    [
      '3,000,000 memos',
      pth(`}${'\x94'.repeat(3_000_000)}`, four),
      'file: the pickle creates more values than a state dict has; it is refused',
    ],
    [
      'a pickle of 9 MB',
      pth('N'.repeat(9_000_000), four),
      'file: the pickle has 9000003 bytes; a state dict has at most 8388608',
    ],
    [
      '100,000 tuples in each other',
      pth(`N${'\x85'.repeat(100_000)}`, four),
      'file: contains no dict of tensors, neither at the top level nor under state_dict_ema, model_ema, state_dict, model_state_dict, model; save model.state_dict()',
    ],
    [
      'a dict that holds itself',
      pth('}q\0X\x01\0\0\0ah\0s', four),
      'file: contains no dict of tensors, neither at the top level nor under state_dict_ema, model_ema, state_dict, model_state_dict, model; save model.state_dict()',
    ],
    [
      'a list that holds itself a thousand times',
      pth(`]q\0(${'h\0'.repeat(1000)}e`, four),
      'file: contains no dict of tensors, neither at the top level nor under state_dict_ema, model_ema, state_dict, model_state_dict, model; save model.state_dict()',
    ],
    [
      'a big-endian machine',
      zipSync({ 'a/data.pkl': pickle(w), 'a/byteorder': strToU8('big') }),
      'file: written on a big-endian machine; save it again on a little-endian one',
    ],
    [
      'a zip of something else',
      zipSync({ 'a.txt': strToU8('a') }),
      'file: the zip has no data.pkl; it is not a PyTorch file',
    ],
    [
      'a whole module',
      fileOf('module.pth'),
      'file: the pickle calls "torch.nn.modules.linear.Linear", which is not executed; save only model.state_dict(), or convert the file to safetensors',
    ],
    [
      'TorchScript',
      fileOf('script.pt'),
      'file: the pickle calls "__torch__.torch.nn.modules.linear.Linear", which is not executed; save only model.state_dict(), or convert the file to safetensors',
    ],
  ];
  for (const [what, bytes, message] of refusals) {
    it(`with ${what} are refused`, () => expect(refusal(bytes)).to.equal(message));
  }
});

describe('zip archives', () => {
  const zip = zipSync({ 'a/data.pkl': [pickle(dict({})), { level: 6 }] });
  const patched = (at: number, ...values: number[]): Uint8Array => {
    const out = new Uint8Array(zip);
    out.set(values, at < 0 ? out.length + at : at);
    return out;
  };
  const directory = zip.length - 22 - 46 - 'a/data.pkl'.length;

  it('that unpack to far more than they are, are not unpacked', () => {
    const bomb = zipSync({ 'a/data.pkl': [new Uint8Array(60 * 2 ** 20), { level: 9 }] });
    expect(bomb.length).to.be.below(100_000);
    expect(refusal(bomb)).to.match(/^file: the zip unpacks to more than \d+ bytes from \d+; it is refused$/);
  });
  it('that claim less than they unpack to, are stopped', () => {
    const bomb = zipSync({ 'a/data.pkl': [new Uint8Array(200 * 2 ** 20), { level: 9 }] });
    const at = bomb.length - 22 - 46 - 'a/data.pkl'.length;
    new DataView(bomb.buffer).setUint32(at + 24, 100, true);
    const start = process.cpuUsage(); // not the clock: other processes may run
    expect(refusal(bomb)).to.equal('file: "a/data.pkl" claims 100 bytes, but unpacks to more');
    expect(process.cpuUsage(start).user / 1000).to.be.below(500);
  });
  const refusals: readonly (readonly [string, Uint8Array, string])[] = [
    ['cut', zip.slice(0, -10), 'file: the zip has no end record; it is truncated'],
    [
      'of 65,535 entries',
      patched(-22 + 10, 0xff, 0xff),
      'file: the zip claims 65535 entries, but is too short for them',
    ],
    [
      'whose directory is elsewhere',
      patched(-22 + 16, 1, 0, 0, 0),
      'file: the directory of the zip is damaged',
    ],
    [
      'whose entry is elsewhere',
      patched(directory + 42, 1, 0, 0, 0),
      'file: "a/data.pkl" is not at the position that the directory of the zip gives',
    ],
    [
      'whose entry goes on past the end',
      patched(directory + 20, 0xff, 0xff, 0, 0),
      /^file: truncated: "a\/data.pkl" ends at byte 65\d+ of \d+$/ as unknown as string,
    ],
    [
      'packed by another method',
      patched(directory + 10, 12, 0),
      'file: "a/data.pkl" is compressed by method 12; only stored and deflated entries are supported',
    ],
    [
      'packed, and then cut short',
      patched(directory + 20, 3, 0),
      /^file: (damaged, or no zip archive|"a\/data.pkl" claims \d+ bytes, but unpacks to \d+)$/ as unknown as string,
    ],
  ];
  for (const [what, bytes, message] of refusals) {
    it(`${what} are refused`, () =>
      expect(refusal(bytes)).to.match(
        typeof message === 'string'
          ? new RegExp(`^${message.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`)
          : message,
      ));
  }
});
