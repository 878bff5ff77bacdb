/** @file The result of every reader: tensors by their names in the file, not yet decoded. */
import { MoonletError, quote, UsageError } from '../errors.ts';
import { mostBytes } from '../weights/index.ts';
import type { FileHead } from './keras-head.ts';
import type { Pixels } from './pixels.ts';

export const formats = ['safetensors', 'pytorch', 'keras', 'keras-h5', 'keras-weights', 'tf-layers'] as const;
export type Format = (typeof formats)[number];

export interface ForeignTensor {
  readonly shape: readonly number[];
  /** The name of its type in the file, such as F16 or float32. */
  readonly dtype: string;
  /** Whole numbers or truth values, which are weights only by mistake; a quantized tensor of floats is none of these. */
  readonly whole?: boolean;
  /** Values in row-major order. @throws MoonletError when the bytes are missing, or their type is not one of weights. */
  read(): Float32Array;
}
/** What a file says about itself. */
export interface Told {
  /** Eps of batch norms by their layer, where the file has the model's configuration (Keras). */
  readonly eps?: ReadonlyMap<string, number>;
  /** Likewise the share of the running statistics that a step of training keeps. */
  readonly momentum?: ReadonlyMap<string, number>;
  /** The layers by name, where the file has the model's configuration; the list is then complete. */
  readonly layers?: ReadonlySet<string>;
  /** Height and width of the input, where they are equal. */
  readonly size?: number;
  /** The preprocessing that the model itself contains. */
  readonly pixels?: Pixels;
  /** Of a layer that normalizes pixels, in a file of weights alone. */
  readonly normalization?: { readonly mean: readonly number[]; readonly variance: readonly number[] };
  /** The layers between the last map and the output. */
  readonly head?: FileHead;
}
/** One of the nets of a file, such as the model itself and a running average of its weights. */
export interface HeldNet {
  readonly tensors: ReadonlyMap<string, ForeignTensor>;
  /** Names of entries that are not tensors. */
  readonly skipped: readonly string[];
}
export interface WeightFile extends HeldNet {
  readonly format: Format;
  readonly told: Told;
  /** Where the file calls its nets by names: each of them, that of `tensors` first. */
  readonly nets?: ReadonlyMap<string, HeldNet>;
}

/** Kinds of unsound values that `accept` can permit. */
export const acceptable = ['nonfinite', 'negative-variances', 'integers', 'checksums'] as const;
export type Acceptable = (typeof acceptable)[number];
export interface ReadOptions {
  /** The most bytes of memory for a file's tensors or parts; 1 GiB by default. */
  readonly maxBytes?: number;
  /** `checksums`: entries of a zip whose CRC-32 is another. The other kinds concern values: see `importWeights`. */
  readonly accept?: readonly Acceptable[];
}

export type Bytes = Uint8Array<ArrayBufferLike>;
const little = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Values of a dtype: bytes of one, and how one is read. */
interface Kind {
  readonly width: number;
  read(view: DataView, at: number): number;
}
const kinds = {
  f64: { width: 8, read: (v, at) => v.getFloat64(at, true) },
  f32: { width: 4, read: (v, at) => v.getFloat32(at, true) },
  f16: { width: 2, read: (v, at) => fromHalf(v.getUint16(at, true)) },
  bf16: { width: 2, read: (v, at) => fromBrain(v.getUint16(at, true)) },
  f8e4m3: { width: 1, read: (v, at) => fromE4m3(v.getUint8(at)) },
  f8e5m2: { width: 1, read: (v, at) => fromHalf(v.getUint8(at) << 8) }, // the upper half of a binary16
  i64: { width: 8, read: (v, at) => Number(v.getBigInt64(at, true)) },
  i32: { width: 4, read: (v, at) => v.getInt32(at, true) },
  i16: { width: 2, read: (v, at) => v.getInt16(at, true) },
  i8: { width: 1, read: (v, at) => v.getInt8(at) },
  u8: { width: 1, read: (v, at) => v.getUint8(at) },
  bool: { width: 1, read: (v, at) => v.getUint8(at) },
} as const satisfies Readonly<Record<string, Kind>>;
export type Dtype = keyof typeof kinds;
export const widthOf = (dtype: Dtype): number => kinds[dtype].width;
export const isWhole = (dtype: Dtype): boolean => /^[iu]\d|^bool$/.test(dtype);

/** Little-endian values, all of them. */
export function decode(bytes: Bytes, dtype: Dtype): Float32Array {
  const { width, read }: Kind = kinds[dtype];
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
/**
 * OCP's FP8 E4M3 (safetensors' F8_E4M3, torch.float8_e4m3fn): 4 exponent bits of bias 7 and 3 fraction bits; no infinity,
 * all ones is no number. (OCP 8-bit Floating Point Specification 1.0, section 5.)
 */
function fromE4m3(b: number): number {
  const [sign, exponent, fraction] = [b & 0x80 ? -1 : 1, (b >> 3) & 15, b & 7];
  if ((b & 0x7f) === 0x7f) return Number.NaN;
  return exponent ? sign * 2 ** (exponent - 7) * (1 + fraction / 8) : sign * 2 ** -6 * (fraction / 8);
}
const word = new DataView(new ArrayBuffer(4));
/** bfloat16: the upper half of a float32. */
function fromBrain(h: number): number {
  word.setUint32(0, h * 65536);
  return word.getFloat32(0);
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** Turns any error of a library on damaged bytes into a MoonletError of one line. */
export function guarded<T>(name: string, what: string, run: () => T): T {
  try {
    return run();
  } catch (e) {
    if (e instanceof MoonletError) throw e;
    throw new MoonletError(`${name}: damaged, or no ${what}`, { cause: e });
  }
}

/** The options with their defaults. @throws UsageError for an unknown or wrong option. */
export function readOptions({ maxBytes = mostBytes, accept = [] }: ReadOptions): Required<ReadOptions> {
  if (!(maxBytes > 0)) throw new UsageError(`maxBytes must be a number above 0, got ${maxBytes}`);
  const unknown = accept.find((kind) => !acceptable.includes(kind));
  if (unknown !== undefined)
    throw new UsageError(`accept: ${acceptable.join(', ')} can be accepted, not ${quote(unknown)}`);
  return { maxBytes, accept };
}
