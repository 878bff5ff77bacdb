/**
 * @file A pickle reader that executes nothing. Of the virtual machine's opcodes (Python's pickletools) those are known
 * that PyTorch's state dicts are made of; a GLOBAL is a name on a list, and a REDUCE of it makes plain data. Anything
 * else is refused. There is no recursion; time and memory are in proportion to the bytes, each read once.
 */
import { MoonletError, quote } from '../errors.ts';
import { mostHeader } from '../weights/index.ts';
import type { Bytes } from './file.ts';
import { call, isPlainObject, Name, names, type Pickled, type Storage, storageOf } from './pickled.ts';

const mark = Symbol('mark');
const mostDigits = 8; // bytes of an integer
/** A state dict has about ten of these a tensor, of about 150 bytes together. */
const most = { bytes: mostHeader, opcodes: 2_000_000, containers: 200_000 };
const containers = new Set([...')\x85\x86\x87t]}R']);

export interface Unpickled {
  readonly value: Pickled;
  /** Where the pickle ends in the bytes. */
  readonly end: number;
  /** The storages that it names, by their keys. */
  readonly storages: ReadonlyMap<string, Storage>;
}

/** The value that a pickle stands for. @throws MoonletError for what is not on the lists, or damaged. */
export function unpickle(bytes: Bytes, name: string): Pickled {
  if (bytes.length > most.bytes)
    throw new MoonletError(
      `${name}: the pickle has ${bytes.length} bytes; a state dict has at most ${most.bytes}`,
    );
  return unpickleAt(bytes, name, 0).value;
}

/** The pickle that begins at a byte of a file. @throws MoonletError as above. */
export function unpickleAt(file: Bytes, name: string, start: number): Unpickled {
  const bytes = file.subarray(0, start + most.bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const storages = new Map<string, Storage>();
  const stack: (Pickled | typeof mark)[] = [];
  const memo = new Map<number, Pickled>();
  let at = start;
  const fail = (reason: string): never => {
    throw new MoonletError(`${name}: ${reason}`);
  };
  const damaged = (): never => fail(`the pickle is damaged at byte ${at}`);
  const take = (length: number): Bytes => {
    if (at + length > bytes.length)
      fail(
        at + length > file.length
          ? `the pickle is truncated at byte ${at}`
          : `the pickle has more than ${most.bytes} bytes; a state dict has less`,
      );
    at += length;
    return bytes.subarray(at - length, at);
  };
  /** A number of so many bytes, read at the place that they had. */
  const number = <T>(length: number, read: (place: number) => T): T => {
    take(length);
    return read(at - length);
  };
  const u8 = (): number => number(1, (p) => view.getUint8(p));
  const u16 = (): number => number(2, (p) => view.getUint16(p, true));
  const u32 = (): number => number(4, (p) => view.getUint32(p, true));
  const pop = (): Pickled => {
    const top = stack.pop();
    return top === undefined || top === mark ? damaged() : top;
  };
  const toMark = (): Pickled[] => {
    const from = stack.lastIndexOf(mark);
    if (from < 0) damaged();
    const items = stack.splice(from) as Pickled[];
    items.shift();
    return items;
  };
  const top = (): Pickled => {
    const last = stack.at(-1);
    return last === undefined || last === mark ? damaged() : last;
  };
  const text = (length: number): string => new TextDecoder().decode(take(length));
  const line = (): string => {
    const end = bytes.indexOf(10, at);
    if (end < 0 || end - at > 200) damaged();
    const found = text(end - at);
    at++;
    return found;
  };
  const global = (module: string, attribute: string): Name => {
    const full = `${module}.${attribute}`;
    if (!names.has(full))
      fail(
        `the pickle calls for ${quote(full)}, which is not run here; save model.state_dict() alone, or convert it to safetensors`,
      );
    return new Name(full);
  };
  const setItems = (items: readonly Pickled[]): void => {
    const target = top();
    if (!(target instanceof Map) || items.length % 2) return damaged();
    for (let i = 0; i < items.length; i += 2) target.set(items[i] as Pickled, items[i + 1] as Pickled);
  };
  const append = (items: readonly Pickled[]): void => {
    const target = top();
    if (!Array.isArray(target)) return damaged();
    for (const item of items) target.push(item);
  };
  const remember = (key: number): void => void memo.set(key, top());
  const recall = (key: number): void => {
    const value = memo.get(key);
    if (value === undefined) return damaged();
    stack.push(value);
  };
  const reduce = (): Pickled => {
    const args = pop();
    const callee = pop();
    if (!(callee instanceof Name) || !Array.isArray(args)) return damaged();
    const made = call(callee.name, args);
    return made === undefined ? fail(`the pickle gives ${callee.name} what it does not take`) : made;
  };
  const integer = (length: number): number | bigint => {
    if (length > mostDigits) fail(`the pickle has an integer of ${length} bytes`);
    const digits = take(length).reduceRight((n, b) => n * 256n + BigInt(b), 0n);
    const value = BigInt.asIntN(8 * length, digits);
    return BigInt.asIntN(53, value) === value ? Number(value) : value;
  };
  const long = (): number => {
    const length = number(8, (p) => view.getBigUint64(p, true));
    return length > BigInt(bytes.length) ? fail(`the pickle is truncated at byte ${at}`) : Number(length);
  };

  const opcodes: Readonly<Record<string, () => unknown>> = {
    '\x80': () => u8(), // PROTO
    '\x95': () => long(), // FRAME
    '(': () => stack.push(mark), // MARK
    N: () => stack.push(null), // NONE
    '\x88': () => stack.push(true), // NEWTRUE
    '\x89': () => stack.push(false), // NEWFALSE
    J: () => stack.push(number(4, (p) => view.getInt32(p, true))), // BININT
    K: () => stack.push(u8()), // BININT1
    M: () => stack.push(u16()), // BININT2
    '\x8a': () => stack.push(integer(u8())), // LONG1
    G: () => stack.push(number(8, (p) => view.getFloat64(p))), // BINFLOAT, big-endian
    U: () => stack.push(text(u8())), // SHORT_BINSTRING
    T: () => stack.push(text(u32())), // BINSTRING
    X: () => stack.push(text(u32())), // BINUNICODE
    '\x8c': () => stack.push(text(u8())), // SHORT_BINUNICODE
    '\x8d': () => stack.push(text(long())), // BINUNICODE8
    ')': () => stack.push([]), // EMPTY_TUPLE
    '\x85': () => stack.push([pop()]), // TUPLE1
    '\x86': () => stack.push([pop(), pop()].reverse()), // TUPLE2
    '\x87': () => stack.push([pop(), pop(), pop()].reverse()), // TUPLE3
    t: () => stack.push(toMark()), // TUPLE
    ']': () => stack.push([]), // EMPTY_LIST
    a: () => append([pop()]), // APPEND
    e: () => append(toMark()), // APPENDS
    '}': () => stack.push(new Map()), // EMPTY_DICT
    s: () => setItems([pop(), pop()].reverse()), // SETITEM
    u: () => setItems(toMark()), // SETITEMS
    q: () => remember(u8()), // BINPUT
    r: () => remember(u32()), // LONG_BINPUT
    '\x94': () => remember(memo.size), // MEMOIZE
    h: () => recall(u8()), // BINGET
    j: () => recall(u32()), // LONG_BINGET
    c: () => stack.push(global(line(), line())), // GLOBAL
    '\x93': () => {
      const [attribute, module] = [pop(), pop()]; // STACK_GLOBAL
      stack.push(global(String(module), String(attribute)));
    },
    R: () => stack.push(reduce()), // REDUCE
    Q: () => {
      const storage = storageOf(pop()) ?? fail('a persistent id of the pickle is no storage'); // BINPERSID
      const same = storages.get(storage.key) ?? storage;
      if (same.type !== storage.type)
        fail(`the storage ${quote(storage.key)} is ${same.type} and ${storage.type}; the file is damaged`);
      storages.set(storage.key, same);
      stack.push(storage);
    },
    b: () => {
      const state = pop(); // BUILD: the _metadata of a state dict, or options, which are not needed
      if (!(state instanceof Map) || !(top() instanceof Map)) damaged();
    },
  };
  let [ran, made] = [0, 0];
  for (;;) {
    const code = String.fromCharCode(u8());
    if (code === '.') return { value: pop(), end: at, storages }; // STOP
    const run = Object.hasOwn(opcodes, code) ? opcodes[code] : undefined;
    if (containers.has(code)) made++;
    if (++ran > most.opcodes || made > most.containers)
      fail('the pickle makes more values than a state dict has; it is not run');
    if (code === '\x81' && isPlainObject(stack)) {
      stack.splice(-2, 2, new Map()); // NEWOBJ
      continue;
    }
    if (!run) {
      const hex = code.charCodeAt(0).toString(16).padStart(2, '0');
      return fail(`the pickle's opcode 0x${hex} at byte ${at - 1} is not one of a state dict; it is not run`);
    }
    run();
  }
}
