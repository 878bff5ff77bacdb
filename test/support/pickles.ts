/** @file Pickles and .pth files made by hand, opcode by opcode; texts are bytes (latin1). */
import { zipSync } from 'fflate';

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const u32 = (n: number): string =>
  String.fromCharCode(n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255);

/** Protocol 2 around these opcodes. */
export const pickle = (opcodes: string): Uint8Array => latin1(`\x80\x02${opcodes}.`);
const text = (s: string): string => `X${u32(s.length)}${s}`;
/** 64 bits, by LONG1. */
const number = (n: number): string => {
  const bytes = new Uint8Array(BigInt64Array.of(BigInt(n)).buffer);
  return `\x8a\x08${String.fromCharCode(...bytes)}`;
};
const tuple = (...items: readonly string[]): string => `(${items.join('')}t`;

/** A tensor as torch.save writes it: a view of `size` values of the storage `key`. */
export const tensor = (
  type: string,
  key: string,
  size: number,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): string => {
  const storage = `${tuple(text('storage'), `ctorch\n${type}\n`, text(key), text('cpu'), number(size))}Q`;
  const hooks = 'ccollections\nOrderedDict\n)R';
  const args = [
    storage,
    number(offset),
    tuple(...shape.map(number)),
    tuple(...strides.map(number)),
    '\x89',
    hooks,
  ];
  return `ctorch._utils\n_rebuild_tensor_v2\n${tuple(...args)}R`;
};
export const dict = (items: Readonly<Record<string, string>>): string =>
  `}(${Object.entries(items)
    .map(([key, value]) => text(key) + value)
    .join('')}u`;

/** The zip that torch.save writes. */
export const pth = (opcodes: string, storages: Readonly<Record<string, Uint8Array>>): Uint8Array =>
  zipSync(
    {
      'archive/data.pkl': pickle(opcodes),
      ...Object.fromEntries(Object.entries(storages).map(([key, bytes]) => [`archive/data/${key}`, bytes])),
    },
    { level: 0 },
  );

/** The file that torch.save wrote before 1.6; `claimed` values instead of what each storage of floats has. */
export const legacy = (
  opcodes: string,
  storages: Readonly<Record<string, Uint8Array>>,
  claimed?: number,
): Uint8Array => {
  const keys = Object.keys(storages).sort();
  const parts = [
    pickle('\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19'),
    pickle('M\xe9\x03'),
    pickle(dict({ protocol_version: 'M\xe9\x03', little_endian: '\x88' })),
    pickle(opcodes),
    pickle(`](${keys.map(text).join('')}e`),
    ...keys.flatMap((key) => {
      const bytes = storages[key] as Uint8Array;
      return [new Uint8Array(BigUint64Array.of(BigInt(claimed ?? bytes.length / 4)).buffer), bytes];
    }),
  ];
  return Uint8Array.from(parts.flatMap((part) => [...part]));
};
