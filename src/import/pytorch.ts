/** @file PyTorch's zip format (since 1.6): data.pkl says which tensor is which view of which storage. */
import { MoonletError, quote } from '../errors.ts';
import {
  type Bytes,
  type Dtype,
  decode,
  type ForeignTensor,
  sizeOf,
  type WeightFile,
  widthOf,
} from './file.ts';
import { isKind, type Pickled, type TensorView, unpickle } from './pickle.ts';
import { unzip } from './zip.ts';

const dtypes: Readonly<Record<string, Dtype>> = {
  DoubleStorage: 'f64',
  FloatStorage: 'f32',
  HalfStorage: 'f16',
  BFloat16Storage: 'bf16',
  LongStorage: 'i64',
  IntStorage: 'i32',
  ShortStorage: 'i16',
  CharStorage: 'i8',
  ByteStorage: 'u8',
  BoolStorage: 'bool',
};
/** Under which names people keep the state dict in a checkpoint. */
const holders = ['state_dict_ema', 'model_ema', 'state_dict', 'model_state_dict', 'model'];

/** @throws MoonletError that says what is wrong with the file. */
export function readPytorch(bytes: Bytes, name: string): WeightFile {
  const entries = unzip(bytes, name, (entry) => /(^|\/)(data\.pkl|byteorder|data\/\d+)$/.test(entry));
  const pickle = [...entries.keys()].find((entry) => /(^|\/)data\.pkl$/.test(entry));
  if (pickle === undefined) throw new MoonletError(`${name}: the zip has no data.pkl; it is no PyTorch file`);
  const root = pickle.slice(0, -'data.pkl'.length);
  const order = entries.get(`${root}byteorder`);
  if (order && new TextDecoder().decode(order).trim() === 'big')
    throw new MoonletError(`${name}: written by a big-endian machine; save it again on another`);
  const dict = stateDict(unpickle(entries.get(pickle) as Bytes, name), name);
  const tensors = new Map<string, ForeignTensor>();
  const skipped: string[] = [];
  for (const [key, value] of dict) {
    if (typeof key === 'string' && isKind(value, 'tensor'))
      tensors.set(
        key,
        lazy(value, entries.get(`${root}data/${value.storage.key}`), `${name}: ${quote(key)}`),
      );
    else skipped.push(String(key).slice(0, 80));
  }
  return { format: 'pytorch', tensors, skipped, told: {} };
}

/** The dict of tensors: the file's own value, or what stands in it under a customary name. */
function stateDict(value: Pickled, name: string): ReadonlyMap<Pickled, Pickled> {
  const holdsTensors = (x: Pickled | undefined): x is Map<Pickled, Pickled> =>
    x instanceof Map && [...x.values()].some((v) => isKind(v, 'tensor'));
  if (holdsTensors(value)) return value;
  const inner = value instanceof Map ? holders.map((key) => value.get(key)).find(holdsTensors) : undefined;
  if (inner) return inner;
  throw new MoonletError(
    `${name}: holds no dict of tensors, nor one under ${holders.join(', ')}; save model.state_dict()`,
  );
}

function lazy(
  { storage, offset, shape, strides }: TensorView,
  bytes: Bytes | undefined,
  what: string,
): ForeignTensor {
  const dtype = dtypes[storage.type] as Dtype;
  const read = (): Float32Array => {
    const fail = (reason: string): never => {
      throw new MoonletError(`${what} ${reason}; the file is damaged`);
    };
    if (!bytes) return fail(`lies in the storage ${quote(storage.key)}, which is missing`);
    const held = Math.floor(bytes.length / widthOf(dtype));
    const size = sizeOf(shape);
    const last = size ? shape.reduce((n, d, i) => n + (d - 1) * (strides[i] as number), offset) : offset - 1;
    if (size > held || last >= held)
      fail(
        `of shape [${shape.join(', ')}] reaches value ${Math.max(last + 1, size)} of a storage of ${held}`,
      );
    const values = decode(bytes.subarray(offset * widthOf(dtype), (last + 1) * widthOf(dtype)), dtype);
    return isDense(shape, strides) ? values : gather(values, shape, strides);
  };
  return { shape, dtype: storage.type.replace('Storage', ''), read };
}

const isDense = (shape: readonly number[], strides: readonly number[]): boolean =>
  shape.every((d, i) => d === 1 || strides[i] === sizeOf(shape.slice(i + 1)));

/** Row-major values of a strided view; `values` begins at its offset. */
function gather(values: Float32Array, shape: readonly number[], strides: readonly number[]): Float32Array {
  const place = shape.map(() => 0);
  return Float32Array.from({ length: sizeOf(shape) }, () => {
    const value = values[place.reduce((n, p, i) => n + p * (strides[i] as number), 0)] as number;
    for (let i = shape.length - 1; i >= 0 && ++(place[i] as number) === shape[i]; i--) place[i] = 0;
    return value;
  });
}
