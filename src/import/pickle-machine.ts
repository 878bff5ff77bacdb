/**
 * @file The virtual machine of pickles: bytes that are read from front to back, a stack with marks, and a memo. It makes
 * plain data only, and refuses the rest with a MoonletError that names the file.
 */
import { MoonletError, quote } from '../errors.ts';
import { mostHeader } from '../weights/index.ts';
import type { Bytes } from './file.ts';
import { call, isPlainObject, Name, names, type Pickled, type Storage, storageOf } from './pickled.ts';

const mark = Symbol('mark');
const mostDigits = 8; // bytes of an integer
/** The most bytes of a pickle: a state dict has about 150 bytes a tensor. */
export const mostPickle = mostHeader;

export class Machine {
  /** The storages that the pickle names, by their keys. */
  readonly storages = new Map<string, Storage>();
  readonly #file: Bytes;
  readonly #bytes: Bytes;
  readonly #view: DataView;
  readonly #name: string;
  readonly #stack: (Pickled | typeof mark)[] = [];
  readonly #memo = new Map<number, Pickled>();
  #at: number;

  /** A machine that reads a file from a byte on; `name` is the file's, for errors. */
  constructor(file: Bytes, name: string, start: number) {
    this.#file = file;
    this.#bytes = file.subarray(0, start + mostPickle);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    this.#name = name;
    this.#at = start;
  }

  /** The byte that is read next. */
  get position(): number {
    return this.#at;
  }
  fail(reason: string): never {
    throw new MoonletError(`${this.#name}: ${reason}`);
  }
  damaged(): never {
    return this.fail(`the pickle is damaged at byte ${this.#at}`);
  }

  #take(length: number): Bytes {
    const end = this.#at + length;
    if (end > this.#bytes.length)
      this.fail(
        end > this.#file.length
          ? `the pickle is truncated at byte ${this.#at}`
          : `the pickle has more than ${mostPickle} bytes; a state dict has less`,
      );
    this.#at = end;
    return this.#bytes.subarray(end - length, end);
  }
  /** A number of so many bytes, read at its place. */
  #number<T>(length: number, read: (place: number) => T): T {
    this.#take(length);
    return read(this.#at - length);
  }
  u8(): number {
    return this.#number(1, (p) => this.#view.getUint8(p));
  }
  u16(): number {
    return this.#number(2, (p) => this.#view.getUint16(p, true));
  }
  u32(): number {
    return this.#number(4, (p) => this.#view.getUint32(p, true));
  }
  i32(): number {
    return this.#number(4, (p) => this.#view.getInt32(p, true));
  }
  /** Big-endian, unlike the others. */
  f64(): number {
    return this.#number(8, (p) => this.#view.getFloat64(p));
  }
  /** A length of 8 bytes. */
  long(): number {
    const length = this.#number(8, (p) => this.#view.getBigUint64(p, true));
    return length > BigInt(this.#bytes.length)
      ? this.fail(`the pickle is truncated at byte ${this.#at}`)
      : Number(length);
  }
  /** An integer of so many bytes in two's complement. */
  integer(length: number): number | bigint {
    if (length > mostDigits) this.fail(`the pickle has an integer of ${length} bytes`);
    const digits = this.#take(length).reduceRight((n, b) => n * 256n + BigInt(b), 0n);
    const value = BigInt.asIntN(8 * length, digits);
    return BigInt.asIntN(53, value) === value ? Number(value) : value;
  }
  text(length: number): string {
    return new TextDecoder().decode(this.#take(length));
  }
  line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0 || end - this.#at > 200) this.damaged();
    const line = this.text(end - this.#at);
    this.#at++;
    return line;
  }

  push(value: Pickled): void {
    this.#stack.push(value);
  }
  pushMark(): void {
    this.#stack.push(mark);
  }
  pop(): Pickled {
    const value = this.#stack.pop();
    return value === undefined || value === mark ? this.damaged() : value;
  }
  /** The top so many values, the lowest first. */
  popTuple(count: number): Pickled[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }
  /** The values above the last mark, which goes too. */
  popToMark(): Pickled[] {
    const from = this.#stack.lastIndexOf(mark);
    if (from < 0) this.damaged();
    return this.#stack.splice(from).filter((value) => value !== mark);
  }
  top(): Pickled {
    const value = this.#stack.at(-1);
    return value === undefined || value === mark ? this.damaged() : value;
  }

  /** Puts keys and values, in turn, into the dict on top. */
  setItems(items: readonly Pickled[]): void {
    const target = this.top();
    if (!(target instanceof Map) || items.length % 2) return this.damaged();
    let key: Pickled | undefined;
    for (const item of items) {
      if (key === undefined) key = item;
      else {
        target.set(key, item);
        key = undefined;
      }
    }
  }
  /** Puts items at the end of the list on top. */
  append(items: readonly Pickled[]): void {
    const target = this.top();
    if (!Array.isArray(target)) return this.damaged();
    for (const item of items) target.push(item);
  }

  /** Keeps the value on top under a key, by default the next one. */
  remember(key = this.#memo.size): void {
    this.#memo.set(key, this.top());
  }
  recall(key: number): void {
    const value = this.#memo.get(key);
    if (value === undefined) return this.damaged();
    this.push(value);
  }

  /** Pushes a name of the list. */
  global(module: string, attribute: string): void {
    const full = `${module}.${attribute}`;
    if (!names.has(full))
      this.fail(
        `the pickle calls ${quote(full)}, which is not executed; save only model.state_dict(), or convert the file to safetensors`,
      );
    this.push(new Name(full));
  }
  /** Replaces a name and its arguments by the plain data that the call stands for. */
  reduce(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof Name) || !Array.isArray(args)) return this.damaged();
    this.push(call(callee.name, args) ?? this.fail(`the pickle calls ${callee.name} with invalid arguments`));
  }
  /** Replaces a persistent id by its storage. */
  storage(): void {
    const storage = storageOf(this.pop()) ?? this.fail('a persistent id of the pickle is not a storage');
    const same = this.storages.get(storage.key) ?? storage;
    if (same.type !== storage.type)
      this.fail(`the storage ${quote(storage.key)} is ${same.type} and ${storage.type}; the file is damaged`);
    this.storages.set(storage.key, same);
    this.push(storage);
  }
  /** Replaces the one class that may be made, and no arguments, by an empty dict; false for anything else. */
  newObject(): boolean {
    if (!isPlainObject(this.#stack)) return false;
    this.#stack.splice(-2, 2, new Map());
    return true;
  }
  /** Drops a state: the _metadata of a state dict, or options, which are not needed. */
  build(): void {
    const state = this.pop();
    if (!(state instanceof Map) || !(this.top() instanceof Map)) this.damaged();
  }
}
