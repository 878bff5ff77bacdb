/** @file What every reader gives: tensors by the names that the file has for them, not yet decoded. */
import { MoonletError } from '../errors.ts';

export const formats = ['safetensors', 'pytorch', 'keras', 'keras-h5', 'keras-weights', 'tf-layers'] as const;
export type Format = (typeof formats)[number];

export interface ForeignTensor {
  readonly shape: readonly number[];
  /** The file's own word for its type, such as F16 or float32. */
  readonly dtype: string;
  /** Row-major values. @throws MoonletError when the bytes are not there or of a type that is no weight. */
  read(): Float32Array;
}
/** What a file says about itself. */
export interface Told {
  /** Eps of batch norms by their layer, where the file has the model's configuration (Keras). */
  readonly eps?: ReadonlyMap<string, number>;
}
export interface WeightFile {
  readonly format: Format;
  readonly tensors: ReadonlyMap<string, ForeignTensor>;
  /** Tensors that are no weights of a model, such as an optimizer's state. */
  readonly skipped: readonly string[];
  readonly told: Told;
}

export type Bytes = Uint8Array<ArrayBufferLike>;
const little = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Values of a dtype: bytes of one, and how one is read. */
interface Kind {
  readonly width: number;
  read(view: DataView, at: number): number;
}
const kinds: Readonly<Record<string, Kind>> = {
  f64: { width: 8, read: (v, at) => v.getFloat64(at, true) },
  f32: { width: 4, read: (v, at) => v.getFloat32(at, true) },
  f16: { width: 2, read: (v, at) => fromHalf(v.getUint16(at, true)) },
  bf16: { width: 2, read: (v, at) => fromBrain(v.getUint16(at, true)) },
  i64: { width: 8, read: (v, at) => Number(v.getBigInt64(at, true)) },
  i32: { width: 4, read: (v, at) => v.getInt32(at, true) },
  i16: { width: 2, read: (v, at) => v.getInt16(at, true) },
  i8: { width: 1, read: (v, at) => v.getInt8(at) },
  u8: { width: 1, read: (v, at) => v.getUint8(at) },
  bool: { width: 1, read: (v, at) => v.getUint8(at) },
};
export type Dtype = 'f64' | 'f32' | 'f16' | 'bf16' | 'i64' | 'i32' | 'i16' | 'i8' | 'u8' | 'bool';
export const widthOf = (dtype: Dtype): number => (kinds[dtype] as Kind).width;

/** Little-endian values, all of them. */
export function decode(bytes: Bytes, dtype: Dtype): Float32Array {
  const { width, read } = kinds[dtype] as Kind;
  if (dtype === 'f32' && little) return new Float32Array(new Uint8Array(bytes).buffer); // a copy is aligned
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: Math.floor(bytes.length / width) }, (_, i) => read(view, i * width));
}

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits. */
function fromHalf(h: number): number {
  const [sign, exponent, fraction] = [h & 0x8000 ? -1 : 1, (h >> 10) & 31, h & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -14 * (fraction / 1024);
}
const word = new DataView(new ArrayBuffer(4));
/** bfloat16: the upper half of a float32. */
function fromBrain(h: number): number {
  word.setUint32(0, h * 65536);
  return word.getFloat32(0);
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** Whatever a library throws at damaged bytes is said as one line of ours. */
export function guarded<T>(name: string, what: string, run: () => T): T {
  try {
    return run();
  } catch (e) {
    if (e instanceof MoonletError) throw e;
    throw new MoonletError(`${name}: damaged, or no ${what}`, { cause: e });
  }
}
