/** @file PyTorch's format of before 1.6, as PyTorch itself still writes it, and by hand: what it gives, what it refuses. */
import { expect } from 'chai';
import { fileOf } from '../support/packed.ts';
import { dict, legacy, pickle, tensor } from '../support/pickles.ts';
import { read, refusal, shown } from '../support/weight-files.ts';

const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const global = (module: string, name: string): string => `c${module}\n${name}\n`;
const f32 = (key: string, size: number, ...view: [offset: number, shape: number[], strides: number[]]) =>
  tensor('FloatStorage', key, size, ...view);
const whole = legacy(dict({ w: f32('7', 2, 0, [2], [1]) }), { '7': floats(1, 2) });

describe("PyTorch's format of before 1.6", () => {
  it('is read with strides, offsets, shared storages and every type', () => {
    expect(shown(read(fileOf('legacy-views.pth')))).to.deep.equal({
      whole: [[3, 4], 'Float', 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
      columns: [[4, 3], 'Float', 0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11],
      inner: [[2, 2], 'Float', 5, 6, 9, 10],
      every: [[3], 'Float', 1, 5, 9],
      scalar: [[], 'Float', 7],
      none: [[0, 4], 'Float'],
      spread: [[2, 3], 'Float', 2, 2, 2, 2, 2, 2],
      half: [[4], 'Half', 1, -2, 2 ** -24, 65504],
      brain: [[2], 'BFloat16', 1, -3],
      double: [[1], 'Double', Math.fround(1 / 3)],
      long: [[2], 'Long', -1, 2 ** 40],
      bool: [[2], 'Bool', 1, 0],
    });
  });
  it('is read as the small file of before', () =>
    expect(shown(read(fileOf('old.pth')))).to.deep.equal({ w: [[2], 'Float', 1, 1] }));

  it('of Python 2 and PyTorch 0.3 is read: dicts as lists of pairs, tensors without hooks, views of storages', () => {
    const pairs = (items: Readonly<Record<string, string>>): string =>
      `${global('collections', 'OrderedDict')}](${Object.entries(items)
        .map(([key, value]) => `](U${String.fromCharCode(key.length)}${key}${value}e`)
        .join('')}e\x85R`;
    // ('storage', FloatStorage, '7', 'cpu', 6, ('8', 2, 3)): values 2 to 4 of the storage 7
    const part = `(U\x07storage${global('torch', 'FloatStorage')}U\x017U\x03cpuK\x06(U\x018K\x02K\x03ttQ`;
    const old = `${global('torch._utils', '_rebuild_tensor')}(${part}K\x01K\x02\x85K\x01\x85tR`;
    const bytes = legacy(pairs({ w: old }), { '7': floats(0, 1, 2, 3, 4, 5) });
    expect(shown(read(bytes))).to.deep.equal({ w: [[2], 'Float', 3, 4] });
  });

  it('may be written by a later protocol of pickle', () => {
    const magic = '\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.';
    const framed = `\x80\x04\x95\x0d${'\0'.repeat(7)}${magic}`;
    const bytes = Uint8Array.from([...Uint8Array.from(framed, (c) => c.charCodeAt(0)), ...whole.slice(15)]);
    expect(shown(read(bytes))).to.deep.equal({ w: [[2], 'Float', 1, 2] });
  });

  const cut = (n: number): Uint8Array => whole.slice(0, whole.length - n);
  const patched = (change: (all: Uint8Array) => void): Uint8Array => {
    const bytes = new Uint8Array(whole);
    change(bytes);
    return bytes;
  };
  const sizeAt = whole.length - 16;
  const refusals: readonly (readonly [string, Uint8Array, string | RegExp])[] = [
    [
      'a call of the system',
      legacy(`${global('posix', 'system')}X\x02\0\0\0id\x85R`, {}),
      'file: the pickle calls "posix.system", which is not executed; save only model.state_dict(), or convert the file to safetensors',
    ],
    [
      'a whole module',
      legacy(`(U\x06moduleNNNtQ`, {}),
      'file: a persistent id of the pickle is not a storage',
    ],
    [
      'a storage cut short',
      cut(1),
      `file: truncated: the storage "7" ends at byte ${whole.length} of ${whole.length - 1}`,
    ],
    [
      'a storage without its size',
      cut(9),
      `file: truncated: the storage "7" begins at byte ${sizeAt} of ${whole.length - 9}`,
    ],
    [
      'a storage of another size than its tensors say',
      patched((all) => all.set([3], sizeAt)),
      'file: the storage "7" has 3 values, but its tensors give 2; the file is damaged',
    ],
    [
      'a storage of a huge size',
      legacy(dict({ w: f32('7', 2 ** 50, 0, [2], [1]) }), { '7': floats(1, 2) }, 2 ** 50),
      /^file: truncated: the storage "7" ends at byte \d+ of \d+$/,
    ],
    [
      'bytes to spare',
      Uint8Array.from([...whole, 0]),
      'file: 1 bytes belong to no storage; the file is damaged',
    ],
    [
      'a storage of two types',
      legacy(dict({ v: tensor('HalfStorage', '7', 2, 0, [2], [1]), w: f32('7', 2, 0, [2], [1]) }), {
        '7': floats(1, 2),
      }),
      'file: the storage "7" is HalfStorage and FloatStorage; the file is damaged',
    ],
    [
      'a storage that is not in its list',
      legacy(dict({ w: f32('7', 2, 0, [2], [1]) }), {}),
      'file: "w" is in the storage "7", which is missing; the file is damaged',
    ],
    [
      'a storage that no tensor has',
      legacy(dict({ w: f32('7', 2, 0, [2], [1]) }), { '7': floats(1, 2), '8': floats(1) }),
      'file: lists a storage twice, or one that no tensor has; the file is damaged',
    ],
    [
      'another version',
      Uint8Array.from([...whole.slice(0, 15), ...pickle('M\xea\x03'), ...whole.slice(21)]),
      'file: written as version 1002; only 1001 is supported',
    ],
    ['no value', whole.slice(0, 30), 'file: the pickle is truncated at byte 30'],
  ];
  for (const [what, bytes, message] of refusals)
    it(`with ${what} is refused`, () =>
      typeof message === 'string'
        ? expect(refusal(bytes)).to.equal(message)
        : expect(refusal(bytes)).to.match(message));
});
