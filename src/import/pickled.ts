/**
 * @file What a state dict's pickle may hold: plain values, tensors as views of storages, and the names that it may call,
 * each with the plain data that it stands for.
 */

export class Name {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}
/** A storage by its key, as the persistent ids of torch.save name it. */
export interface Storage {
  readonly kind: 'storage';
  readonly type: string;
  readonly key: string;
  /** Values, not bytes; for an untyped storage bytes. */
  readonly size: number;
  /** A part of the storage, from value `offset`, as PyTorch before 0.4 had them. */
  readonly view?: { readonly offset: number; readonly size: number };
}
export interface TensorView {
  readonly kind: 'tensor';
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Of tensors whose storage is untyped, such as float8_e4m3fn. */
  readonly dtype?: string;
}
export type Pickled =
  | null
  | boolean
  | number
  | bigint
  | string
  | Name
  | Storage
  | TensorView
  | Pickled[]
  | Map<Pickled, Pickled>;

const storages = ['Float', 'Double', 'Half', 'BFloat16', 'Long', 'Int', 'Short', 'Char', 'Byte', 'Bool'];
/** The only names that a pickle may call for. */
export const names = new Set([
  'collections.OrderedDict',
  'collections.Counter', // milestones of a schedule
  'argparse.Namespace', // options of torchvision's training scripts
  'torch._utils._rebuild_tensor', // PyTorch before 0.4
  'torch._utils._rebuild_tensor_v2',
  'torch._utils._rebuild_tensor_v3', // dtypes without a storage of their own
  'torch._utils._rebuild_parameter',
  'torch.Size',
  'torch.float8_e4m3fn',
  'torch.float8_e5m2',
  'torch.storage.UntypedStorage',
  ...storages.map((s) => `torch.${s}Storage`),
]);
/** A NEWOBJ of this, without arguments, is an object whose attributes a BUILD gives. */
const plainObject = 'argparse.Namespace';
/** The plain data that a call of a listed name stands for, or nothing when the arguments are not its own. */
export function call(name: string, args: readonly Pickled[]): Pickled | undefined {
  const [first, offset, shape, strides, , , dtype] = args;
  switch (name) {
    case 'collections.OrderedDict':
      return args.length ? ofPairs(first) : new Map();
    case 'collections.Counter':
      return first instanceof Map ? first : undefined;
    case 'torch.Size':
      return isSizes(first) ? [...first] : undefined;
    case 'torch._utils._rebuild_parameter':
      return isKind(first, 'tensor') ? first : undefined;
    case 'torch._utils._rebuild_tensor':
    case 'torch._utils._rebuild_tensor_v2':
    case 'torch._utils._rebuild_tensor_v3':
      if (name.endsWith('v3') !== dtype instanceof Name) return undefined;
      return isKind(first, 'storage') &&
        isSize(offset) &&
        isSizes(shape) &&
        isSizes(strides) &&
        shape.length === strides.length
        ? {
            kind: 'tensor',
            storage: first,
            offset,
            shape,
            strides,
            ...(dtype instanceof Name ? { dtype: dtype.name } : {}),
          }
        : undefined;
    default:
      return undefined;
  }
}

/** A dict as Python 2 pickles an ordered one: a list of pairs. */
function ofPairs(pairs: Pickled | undefined): Map<Pickled, Pickled> | undefined {
  if (!Array.isArray(pairs)) return undefined;
  const dict = new Map<Pickled, Pickled>();
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) return undefined;
    const [key, value] = pair;
    if (key === undefined || value === undefined) return undefined;
    dict.set(key, value);
  }
  return dict;
}

/** ('storage', torch.FloatStorage, key, device, values), and the part of it that is meant: (key, offset, values). */
export function storageOf(id: Pickled): Storage | undefined {
  if (!Array.isArray(id)) return undefined;
  const [word, type, key, , size, view = null] = id;
  if (word !== 'storage' || !(type instanceof Name) || !type.name.endsWith('Storage')) return undefined;
  if (typeof key !== 'string' || !isSize(size)) return undefined;
  const storage = { kind: 'storage', type: type.name.slice('torch.'.length), key, size } as const;
  if (view === null) return storage;
  const [, from, length] = Array.isArray(view) ? view : [];
  return isSize(from) && isSize(length) ? { ...storage, view: { offset: from, size: length } } : undefined;
}

/** Whether the stack ends in the one class of which objects are made, and no arguments. */
export function isPlainObject(stack: readonly unknown[]): boolean {
  const [callee, args] = stack.slice(-2);
  return callee instanceof Name && callee.name === plainObject && Array.isArray(args) && !args.length;
}

const isSize = (x: Pickled | undefined): x is number =>
  typeof x === 'number' && Number.isSafeInteger(x) && x >= 0;
const isSizes = (x: Pickled | undefined): x is number[] =>
  Array.isArray(x) && x.length <= 16 && x.every(isSize);
export const isKind = <K extends 'storage' | 'tensor'>(
  x: Pickled | undefined,
  kind: K,
): x is Extract<Pickled, { kind: K }> =>
  typeof x === 'object' && x !== null && 'kind' in x && x.kind === kind;
