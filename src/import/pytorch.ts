/**
 * @file Reads PyTorch's zip format (since 1.6): data.pkl describes each tensor as a view of a storage. What a file
 * holds is the same in the format before it, see legacy.ts.
 */
import { defined, first, get } from '../access.ts';
import { cut, MoonletError, quote } from '../errors.ts';
import { Budget } from '../weights/index.ts';
import {
  type Bytes,
  type Dtype,
  decode,
  type ForeignTensor,
  type HeldNet,
  isWhole,
  type ReadOptions,
  readOptions,
  sizeOf,
  type WeightFile,
  widthOf,
} from './file.ts';
import { holders } from './nets.ts';
import { unpickle } from './pickle.ts';
import { isKind, type Pickled, type TensorView } from './pickled.ts';
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
/** Bytes of storages without a type, whose tensors say theirs. */
const untyped = 'storage.UntypedStorage';
const tensorDtypes: Readonly<Record<string, Dtype>> = {
  'torch.float8_e4m3fn': 'f8e4m3',
  'torch.float8_e5m2': 'f8e5m2',
};
export const dtypeOf = (storage: string): Dtype =>
  storage === untyped ? 'u8' : defined(dtypes[storage], `dtype of ${storage}`);

/** @throws MoonletError that says what is wrong with the file. */
export function readPytorch(bytes: Bytes, name: string, options: ReadOptions = {}): WeightFile {
  const wanted = /(^|\/)(data\.pkl|byteorder|data\/\d+)$/;
  const entries = unzip(bytes, name, (entry) => wanted.test(entry), options);
  const pickle = [...entries.keys()].find((entry) => /(^|\/)data\.pkl$/.test(entry));
  if (pickle === undefined)
    throw new MoonletError(`${name}: the zip has no data.pkl; it is not a PyTorch file`);
  const root = pickle.slice(0, -'data.pkl'.length);
  const order = entries.get(`${root}byteorder`);
  if (order && new TextDecoder().decode(order).trim() === 'big')
    throw new MoonletError(`${name}: written on a big-endian machine; save it again on a little-endian one`);
  const value = unpickle(get(entries, pickle), name);
  return fileOf(value, (key) => entries.get(`${root}data/${key}`), name, readOptions(options).maxBytes);
}

/** The nets of a pickled value; `bytesOf` gives a storage's bytes by its key. */
export function fileOf(
  value: Pickled,
  bytesOf: (key: string) => Bytes | undefined,
  name: string,
  maxBytes: number,
): WeightFile {
  const budget = new Budget(maxBytes);
  const nets = new Map(
    [...stateDicts(value, name)].map(([net, dict]): [string, HeldNet] => {
      const tensors = new Map<string, ForeignTensor>();
      const skipped: string[] = [];
      for (const [key, value] of dict) {
        if (typeof key !== 'string' || !isKind(value, 'tensor')) {
          skipped.push(cut(String(key)));
          continue;
        }
        const tensor = lazy(value, bytesOf(value.storage.key), `${name}: ${quote(key)}`);
        // views of one storage may be many times its size; those that lie outside of theirs are refused when they are read
        if (sizeOf(value.shape) <= value.storage.size)
          budget.spend(4 * sizeOf(value.shape), `${name}: ${quote(key)}`);
        tensors.set(key, tensor);
      }
      return [net, { tensors, skipped }];
    }),
  );
  const [netName, taken] = first([...nets]);
  return { format: 'pytorch', ...taken, told: {}, ...(netName ? { nets } : {}) };
}

/**
 * The dicts of tensors by name: those that stand in the file's value, the customary names first, or else the value itself,
 * which has no name.
 */
function stateDicts(value: Pickled, name: string): ReadonlyMap<string, ReadonlyMap<Pickled, Pickled>> {
  const holdsTensors = (x: Pickled | undefined): x is Map<Pickled, Pickled> =>
    x instanceof Map && [...x.values()].some((v) => isKind(v, 'tensor'));
  const inner = new Map(
    (value instanceof Map ? [...value] : []).flatMap(([key, v]) =>
      typeof key === 'string' && holdsTensors(v) ? [[key, v] as const] : [],
    ),
  );
  const customary = holders.flatMap((key): (readonly [string, Map<Pickled, Pickled>])[] => {
    const dict = inner.get(key);
    return dict ? [[key, dict]] : [];
  });
  if (customary.length || (inner.size && !holdsTensors(value))) return new Map([...customary, ...inner]);
  if (holdsTensors(value)) return new Map([['', value]]);
  throw new MoonletError(
    `${name}: contains no dict of tensors, neither at the top level nor under ${holders.join(', ')}; save model.state_dict()`,
  );
}

function lazy(
  { storage, offset, shape, strides, dtype: of }: TensorView,
  bytes: Bytes | undefined,
  what: string,
): ForeignTensor {
  const dtype = tensorDtypes[of ?? ''] ?? dtypeOf(storage.type);
  const read = (): Float32Array => {
    const fail = (reason: string): never => {
      throw new MoonletError(`${what} ${reason}; the file is damaged`);
    };
    if (!bytes) return fail(`is in the storage ${quote(storage.key)}, which is missing`);
    const { offset: begin, size: most } = storage.view ?? { offset: 0, size: Number.POSITIVE_INFINITY };
    const own = bytes.subarray(begin * widthOf(dtype));
    const held = Math.min(Math.floor(own.length / widthOf(dtype)), most);
    const size = sizeOf(shape);
    const last = size ? shape.reduce((n, d, i) => n + (d - 1) * strides[i]!, offset) : offset - 1;
    if (size > held || last >= held)
      fail(
        `of shape [${shape.join(', ')}] reaches value ${Math.max(last + 1, size)} of a storage of ${held}`,
      );
    const values = decode(own.subarray(offset * widthOf(dtype), (last + 1) * widthOf(dtype)), dtype);
    return isDense(shape, strides) ? values : gather(values, shape, strides);
  };
  const word = of?.replace('torch.', '') ?? storage.type.replace('Storage', '');
  return { shape, dtype: word, whole: isWhole(dtype), read };
}

const isDense = (shape: readonly number[], strides: readonly number[]): boolean =>
  shape.every((d, i) => d === 1 || strides[i] === sizeOf(shape.slice(i + 1)));

/** Row-major values of a strided view; `values` begins at its offset. */
function gather(values: Float32Array, shape: readonly number[], strides: readonly number[]): Float32Array {
  const place = shape.map(() => 0);
  return Float32Array.from({ length: sizeOf(shape) }, () => {
    const value = values[place.reduce((n, p, i) => n + p * strides[i]!, 0)]!;
    for (let i = shape.length - 1; i >= 0 && ++place[i]! === shape[i]; i--) place[i] = 0;
    return value;
  });
}
