/** @file The values of a tensor: raw little-endian bytes, typed lists of the message, or bytes of another file. */

import { cut, MoonletError, quote } from '../errors.ts';
import { int4Bytes, unpackedInt4 } from './int4.ts';
import type { OnnxData, OnnxDtype, OnnxTensor } from './model.ts';

export interface TensorMessage {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly rawData: Uint8Array;
  readonly floatData: readonly number[];
  readonly int32Data: readonly number[];
  readonly int64Data: readonly number[];
  readonly doubleData: readonly number[];
  readonly dataLocation: number;
  readonly externalData: readonly { readonly key: string; readonly value: string }[];
}

/** Gives the bytes of a file in the folder of the model; a model may keep its weights there. */
export type ExternalFile = (location: string) => Uint8Array;

/** Where the values of tensors come from. */
export interface Source {
  readonly external: ExternalFile;
  /** Large tensors are views of the model's bytes, and not copies. */
  readonly shared: boolean;
}
/** Smaller tensors are always copied, so that they do not keep a whole file in memory. */
const leastShared = 2 ** 16;

/** Bytes that one value takes. */
const widths: Readonly<Record<OnnxDtype, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  uint8: 1,
  int8: 1,
  int4: 0.5,
  uint16: 2,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  float64: 8,
};
/** More values than any weight has. */
const mostValues = 2 ** 31;

/**
 * A tensor of a message. Its values are converted when they are first read.
 *
 * @throws MoonletError when its values do not fill its shape, or are in another file that cannot be read.
 */
export function tensorFrom(
  message: TensorMessage,
  dtype: OnnxDtype,
  { external, shared }: Source,
): OnnxTensor {
  const { name, dims } = message;
  const fail = (reason: string): never => {
    throw new MoonletError(`onnx tensor ${quote(name)} of shape ${cut(`[${dims.join(', ')}]`)}: ${reason}`);
  };
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (dims.some((dim) => !Number.isSafeInteger(dim) || dim < 0) || size > mostValues)
    return fail(`a shape has sizes from 0 up, and ${mostValues} values at most; the file is damaged`);
  const bytes = message.dataLocation === 1 ? externalBytes(message, external) : message.rawData;
  const raw = bytes.length > 0 || message.dataLocation === 1;
  const needed = Math.ceil(size * widths[dtype]);
  if (raw && bytes.length !== needed)
    return fail(`has ${bytes.length} bytes, needs ${needed}; the file is damaged`);
  const listed = raw ? undefined : fromLists(dtype, message, size);
  if (listed && listed.length !== size)
    return fail(`has ${listed.length} values, needs ${size}; the file is damaged`);
  const own = raw && !(shared && bytes.length >= leastShared) ? new Uint8Array(bytes) : bytes;
  let data = listed;
  return {
    name,
    dtype,
    shape: dims,
    get data() {
      data ??= fromRaw(dtype, own, size);
      return data;
    },
  };
}

/** The part of another file that holds a tensor's values. */
function externalBytes({ name, externalData }: TensorMessage, external: ExternalFile): Uint8Array {
  const entry = new Map(externalData.map(({ key, value }) => [key, value]));
  const location = entry.get('location') ?? '';
  const isInside =
    location !== '' &&
    !/^([/\\]|[A-Za-z]:)/.test(location) &&
    !location.split(/[/\\]/).includes('..') &&
    !location.includes('\0');
  if (!isInside)
    throw new MoonletError(
      `onnx tensor ${quote(name)}: its values are in ${quote(location)}, which is not inside the folder of the model; move that file there`,
    );
  const bytes = external(location);
  const number = (key: string, otherwise: number): number => {
    const text = entry.get(key);
    return text === undefined ? otherwise : Number(text);
  };
  const offset = number('offset', 0);
  const length = number('length', bytes.length - offset);
  const whole = [offset, length].every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!whole || offset + length > bytes.length)
    throw new MoonletError(
      `onnx tensor ${quote(name)}: ${quote(location)} has ${bytes.length} bytes, too few for ${length} at ${offset}; the file is damaged or of another model`,
    );
  return bytes.subarray(offset, offset + length);
}

/** The values as a view of the bytes, or of a copy of them, since views need aligned offsets. */
function fromRaw(dtype: OnnxDtype, given: Uint8Array, count: number): OnnxData {
  if (dtype === 'int4') return unpackedInt4(given, count);
  const bytes = given.byteOffset % widths[dtype] ? new Uint8Array(given) : given;
  const { buffer, byteOffset } = bytes;
  switch (dtype) {
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer, byteOffset, count);
    case 'float32':
      return new Float32Array(buffer, byteOffset, count);
    case 'float16':
    case 'bfloat16':
    case 'uint16':
      return new Uint16Array(buffer, byteOffset, count);
    case 'int16':
      return new Int16Array(buffer, byteOffset, count);
    case 'float64':
      return new Float64Array(buffer, byteOffset, count);
    case 'int32':
      return new Int32Array(buffer, byteOffset, count);
    case 'int8':
      return new Int8Array(buffer, byteOffset, count);
    case 'int64':
      return Array.from(new BigInt64Array(buffer, byteOffset, count), Number);
  }
}

function fromLists(dtype: OnnxDtype, message: TensorMessage, count: number): OnnxData {
  switch (dtype) {
    case 'int4':
      return message.int32Data.length === int4Bytes(count) ? unpackedInt4(message.int32Data, count) : [];
    case 'float32':
      return Float32Array.from(message.floatData);
    case 'float16':
    case 'bfloat16':
    case 'uint16':
      return Uint16Array.from(message.int32Data); // onnx.proto keeps the bits of floats there
    case 'int16':
      return Int16Array.from(message.int32Data);
    case 'float64':
      return Float64Array.from(message.doubleData);
    case 'int32':
      return Int32Array.from(message.int32Data);
    case 'int8':
      return Int8Array.from(message.int32Data);
    case 'int64':
      return message.int64Data;
    case 'uint8':
    case 'bool':
      return Uint8Array.from(message.int32Data);
  }
}
