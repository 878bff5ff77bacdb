/**
 * @file Safetensors: 8 bytes of header length, a JSON header, then the bytes of the tensors without gaps.
 * All rules of the format are checked before any tensor is read, since files come from outside.
 */
import { pairOf } from '../access.ts';
import { MoonletError, quote } from '../errors.ts';
import { mostHeader } from './limits.ts';

/** F16 as the bits of each number. */
export type TensorDtype = 'F32' | 'F16' | 'I32' | 'I8' | 'U8';
export interface StoredTensor {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint16Array | Int32Array | Int8Array | Uint8Array;
}
export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Free text under `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A tensor as the file has it: its dtype by the format's name, and its bytes in place. */
export interface RawTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}
/** Bytes of a value, for the dtypes that the format names. */
const widths: Readonly<Record<string, number>> = {
  ...{ F64: 8, I64: 8, U64: 8, F32: 4, I32: 4, U32: 4, F16: 2, BF16: 2, I16: 2, U16: 2 },
  ...{ I8: 1, U8: 1, BOOL: 1, F8_E4M3: 1, F8_E5M2: 1 },
};

const kinds = {
  F32: Float32Array,
  F16: Uint16Array,
  I32: Int32Array,
  I8: Int8Array,
  U8: Uint8Array,
} as const;
const isTensorDtype = (dtype: string): dtype is TensorDtype => Object.hasOwn(kinds, dtype);
/** The format's own ceiling for its header. */
const longestHeader = 100_000_000;

/**
 * Whether bytes begin as a safetensors file does: with a length that the format allows, and the brace of the header. The
 * rest of the header is not checked, so that a damaged file is still recognized.
 */
export const looksLikeSafetensors = (bytes: Uint8Array): boolean =>
  bytes.length > 8 &&
  bytes[8] === 0x7b &&
  new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true) <= BigInt(longestHeader);

export interface SafetensorsOptions {
  /** The most bytes that the header may take, 8 MiB by default: parsed it takes some 25 times that. */
  readonly maxHeader?: number;
}

/**
 * The bytes of a safetensors file.
 * @throws MoonletError when a tensor has the name of the metadata, or its data does not fill its shape.
 */
export function writeSafetensors({ tensors, metadata }: SafetensorsFile): Uint8Array {
  const raw = new Map<string, RawTensor>();
  for (const [name, { dtype, shape, data }] of tensors) {
    const needed = shape.reduce((n, d) => n * d, 1);
    if (!(data instanceof kinds[dtype]) || data.length !== needed) {
      throw new MoonletError(
        `safetensors: ${quote(name)} of shape [${shape.join(', ')}] takes ${needed} ${dtype} values; got ${data.length} in ${data.constructor.name}`,
      );
    }
    raw.set(name, { dtype, shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
  }
  return writeRawSafetensors(raw, metadata);
}

/**
 * The same for tensors of any dtype that the format names, given as their bytes.
 * @throws MoonletError when a tensor has the name of the metadata, or its bytes do not fill its shape.
 */
export function writeRawSafetensors(
  tensors: ReadonlyMap<string, RawTensor>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  let offset = 0;
  const header: Record<string, unknown> = Object.create(null); // so that "__proto__" is a name like any other
  if (Object.keys(metadata).length) header['__metadata__'] = metadata;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    if (name === '__metadata__')
      throw new MoonletError('safetensors: a tensor cannot be called "__metadata__"; rename it');
    const needed = shape.reduce((n, d) => n * d, widths[dtype] ?? Number.NaN);
    if (bytes.length !== needed)
      throw new MoonletError(
        `safetensors: ${quote(name)} of ${dtype} and shape [${shape.join(', ')}] takes ${needed} bytes; got ${bytes.length}`,
      );
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8; // the tensors begin at a multiple of 8 bytes
  const file = new Uint8Array(8 + padded + offset).fill(0x20, 8, 8 + padded);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.set(json, 8);
  let at = 8 + padded;
  for (const { bytes } of tensors.values()) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

/**
 * The tensors (copied) and the metadata of a safetensors file.
 *
 * @param name the name of the file, for error messages.
 * @throws MoonletError that says what is wrong with the file.
 */
export function readSafetensors(
  bytes: Uint8Array,
  name = 'safetensors',
  options: SafetensorsOptions = {},
): SafetensorsFile {
  const { tensors: raw, metadata } = safetensorsIn(bytes, name, Object.keys(kinds), options);
  const tensors = new Map<string, StoredTensor>();
  for (const [key, tensor] of raw) {
    const { dtype } = tensor;
    if (!isTensorDtype(dtype)) throw new Error(`internal: ${dtype} was let through`);
    // a copy is aligned, and outlives the file's buffer; a Buffer's own slice() would be no copy
    const { buffer } = new Uint8Array(tensor.bytes);
    tensors.set(key, { dtype, shape: tensor.shape, data: new kinds[dtype](buffer) });
  }
  return { tensors, metadata };
}

/** The tensors of a file, of any dtype that the format names, not yet copied. @throws MoonletError as above. */
export function safetensorsIn(
  bytes: Uint8Array,
  name: string,
  dtypes: readonly string[] = Object.keys(widths),
  { maxHeader = mostHeader }: SafetensorsOptions = {},
): {
  readonly tensors: ReadonlyMap<string, RawTensor>;
  readonly metadata: Readonly<Record<string, string>>;
} {
  const fail = (reason: string): never => {
    throw new MoonletError(`${name}: ${reason}`);
  };
  if (bytes.length < 8) fail(`truncated: ${bytes.length} bytes, and the header's length alone takes 8`);
  const claimed = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (claimed > BigInt(Math.min(longestHeader, bytes.length - 8))) {
    fail(
      `the header claims ${claimed} bytes, and the file has ${bytes.length - 8} more; it is truncated or no safetensors file`,
    );
  }
  if (claimed > BigInt(maxHeader))
    fail(`the header has ${claimed} bytes; at most ${maxHeader} are read (maxHeader)`);
  const body = 8 + Number(claimed);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, body)));
  } catch {
    return fail('the header is not JSON; the file is damaged or no safetensors file');
  }
  if (!isRecord(header)) return fail('the header is not a JSON object');
  const tensors = new Map<string, RawTensor>();
  let metadata: Record<string, string> = {};
  const spans: [number, number][] = [];
  for (const [key, entry] of Object.entries(header)) {
    if (key === '__metadata__') {
      if (!isTexts(entry)) return fail('__metadata__ is not text');
      metadata = entry;
      continue;
    }
    const { dtype, shape, begin, end } = tensorEntry(key, entry, {
      dtypes,
      available: bytes.length - body,
      fail,
    });
    spans.push([begin, end]);
    tensors.set(key, { dtype, shape, bytes: bytes.subarray(body + begin, body + end) });
  }
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let at = 0;
  for (const [begin, end] of spans) {
    if (begin !== at) fail('the tensors overlap or leave gaps; the file is damaged');
    at = end;
  }
  if (at !== bytes.length - body)
    fail(`${bytes.length - body - at} bytes belong to no tensor; the file is damaged`);
  return { tensors, metadata };
}

interface Allowed {
  readonly dtypes: readonly string[];
  readonly available: number;
  readonly fail: (reason: string) => never;
}
function tensorEntry(key: string, entry: unknown, { dtypes, available, fail }: Allowed) {
  if (!isRecord(entry)) return fail(`${quote(key)} is not described by an object`);
  const dtype = dtypes.find((d) => d === entry['dtype']);
  if (!dtype) return fail(`${quote(key)} has dtype ${said(entry['dtype'])}; expected ${dtypes.join(', ')}`);
  const shape = entry['shape'];
  if (!isSizes(shape) || shape.length > 32) return fail(`${quote(key)} has no valid shape`);
  const offsets = entry['data_offsets'];
  if (!isSizes(offsets) || offsets.length !== 2) return fail(`${quote(key)} has no valid data_offsets`);
  const [begin, end] = pairOf(offsets);
  const needed = shape.reduce((n, d) => n * d, widths[dtype]!);
  if (end - begin !== needed)
    return fail(`${quote(key)} of shape [${shape.join(', ')}] needs ${needed} bytes and has ${end - begin}`);
  if (end > available) return fail(`truncated: ${quote(key)} ends at byte ${end} of ${available}`);
  return { dtype, shape, begin, end };
}

const isRecord = (x: unknown): x is Record<string, unknown> =>
  typeof x === 'object' && x !== null && !Array.isArray(x);
const isTexts = (x: unknown): x is Record<string, string> =>
  isRecord(x) && Object.values(x).every((v) => typeof v === 'string');
const isSizes = (x: unknown): x is number[] =>
  Array.isArray(x) && x.every((n) => Number.isSafeInteger(n) && n >= 0);
const said = (x: unknown): string => (typeof x === 'string' ? quote(x) : typeof x);
