/**
 * @file HDF5 as h5py writes it for Keras: superblock 0 or 1, groups as symbol tables, contiguous arrays of numbers,
 * attributes that are text. (HDF5 File Format Specification 2.0.) Every part of a file is read at most once and only
 * within the file, so that a damaged file cannot cause endless loops or growth. Everything else is refused.
 */
import { MoonletError, quote } from '../errors.ts';
import {
  type Bytes,
  type Dtype,
  decode,
  type ForeignTensor,
  guarded,
  isWhole,
  sizeOf,
  widthOf,
} from './file.ts';

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
export const isHdf5 = (bytes: Bytes): boolean => signature.every((b, i) => bytes[i] === b);

export interface Hdf5 {
  /** Datasets by their path, such as 'layers/dense/vars/0'. */
  readonly datasets: ReadonlyMap<string, ForeignTensor>;
  /** An attribute of a group ('' is the root), if it is a single string of at most `most` bytes. */
  text(path: string, attribute: string, most: number): string | undefined;
}

/** Messages of an object header, by their number (section IV.A.2). */
const kinds = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  externalFiles: 0x07,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
} as const;
interface Message {
  readonly kind: number;
  readonly at: number;
  readonly size: number;
}
/** Longer than any path that Keras writes; stops endless chains of groups. */
const longestPath = 1000;

/** Reads all groups and datasets of a file. @throws MoonletError if it is damaged, or not as Keras writes it. */
export function readHdf5(bytes: Bytes, name: string): Hdf5 {
  if (!isHdf5(bytes))
    throw new MoonletError(`${name}: not an HDF5 file: its first bytes are not the HDF5 signature`);
  return guarded(name, 'HDF5 file of Keras', () => new Reader(bytes, name).walk());
}

/** Float types by their number of bytes and of exponent bits. */
const floats: ReadonlyMap<string, Dtype> = new Map([
  ['2 5', 'f16'],
  ['2 8', 'bf16'],
  ['4 8', 'f32'],
  ['8 11', 'f64'],
]);

class Reader {
  readonly #bytes: Bytes;
  readonly #view: DataView;
  readonly #name: string;
  readonly #seen = new Set<number>();
  readonly #heaps = new Map<number, ReadonlyMap<number, readonly [at: number, length: number]>>();
  /** Every message, link and object takes at least 8 bytes; if a file has more of them than fit, its parts overlap. */
  #left: number;
  /** Arrays must not share bytes. */
  #leftForArrays: number;

  constructor(bytes: Bytes, name: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#name = name;
    this.#left = bytes.length / 8;
    this.#leftForArrays = bytes.length;
  }
  #spend(): void {
    if (--this.#left < 0) this.#fail('damaged: its parts contain each other');
  }

  #fail(reason: string): never {
    throw new MoonletError(`${this.#name}: ${reason}`);
  }
  #u8 = (at: number): number => this.#view.getUint8(at);
  #u16 = (at: number): number => this.#view.getUint16(at, true);
  #u32 = (at: number): number => this.#view.getUint32(at, true);
  /** An address or a length. */
  #u64(at: number): number {
    const n = this.#view.getBigUint64(at, true);
    return n > BigInt(this.#bytes.length)
      ? this.#fail(`damaged or truncated: it points at byte ${n} of ${this.#bytes.length}`)
      : Number(n);
  }
  /** Checks that the part at this position is read for the first time. */
  #part(at: number, mark: string): number {
    if (this.#seen.has(at)) this.#fail('damaged: its parts contain each other');
    this.#seen.add(at);
    if (mark && this.#ascii(at, 4) !== mark) this.#fail(`damaged: no ${mark} at byte ${at}`);
    return at;
  }
  #ascii(at: number, length: number): string {
    return String.fromCharCode(...this.#bytes.subarray(at, at + Math.min(length, 64)));
  }
  #utf8(at: number, length: number): string {
    return new TextDecoder().decode(this.#bytes.subarray(at, at + length));
  }

  walk(): Hdf5 {
    const version = this.#u8(8);
    if (version > 1)
      this.#fail(
        `an HDF5 file with superblock version ${version}, but Keras writes 0; load the file in Keras and save it again`,
      );
    if (this.#u8(13) !== 8 || this.#u8(14) !== 8) this.#fail('an HDF5 file whose addresses are not 8 bytes');
    const root = this.#u64(version ? 68 : 64);
    const datasets = new Map<string, ForeignTensor>();
    const attributes = new Map<string, readonly Message[]>();
    const open: { path: string; at: number }[] = [{ path: '', at: root }];
    for (let next = open.pop(); next; next = open.pop()) {
      const { path, at } = next;
      if (path.length > longestPath) this.#fail('damaged: its groups contain each other');
      const messages = this.#messages(at);
      attributes.set(path, messages);
      const table = messages.find((m) => m.kind === kinds.symbolTable);
      if (table) open.push(...this.#children(table, path));
      else datasets.set(path, this.#dataset(messages, path));
    }
    return {
      datasets,
      text: (path, attribute, most) =>
        guarded(this.#name, 'HDF5 file of Keras', () =>
          this.#text(attributes.get(path) ?? [], attribute, most),
        ),
    };
  }

  /** Section IV.A.1.a, version 1: a prefix of 16 bytes, and messages of 8 bytes and their data. */
  #messages(at: number): readonly Message[] {
    this.#part(at, '');
    if (this.#u8(at) !== 1) this.#fail('damaged, or in a newer HDF5 format than Keras writes');
    const count = this.#u16(at + 2);
    const blocks: [from: number, to: number][] = [[at + 16, at + 16 + this.#u32(at + 8)]];
    const found: Message[] = [];
    for (const [from, to] of blocks) {
      for (let m = from; m + 8 <= to && found.length < count; ) {
        this.#spend();
        const message = { kind: this.#u16(m), size: this.#u16(m + 2), at: m + 8 };
        found.push(message);
        if (message.kind === kinds.continuation) {
          const next = this.#part(this.#u64(m + 8), '');
          blocks.push([next, next + this.#u64(m + 16)]);
        }
        m += 8 + message.size;
      }
    }
    return found;
  }

  /** Section III.A.1: a tree (level by level) of nodes of links; the names are in a heap of the group. */
  #children(table: Message, path: string): { path: string; at: number }[] {
    const heap = this.#part(this.#u64(table.at + 8), 'HEAP');
    const names = { at: this.#u64(heap + 24), size: this.#u64(heap + 8) };
    const links: { path: string; at: number }[] = [];
    const open = [this.#u64(table.at)];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const tree = this.#part(next, 'TREE');
      for (let i = 0; i < this.#u16(tree + 6); i++) {
        this.#spend();
        const child = this.#u64(tree + 32 + 16 * i);
        if (this.#u8(tree + 5) > 0) open.push(child);
        else links.push(...this.#links(child, names, path));
      }
    }
    return links;
  }

  #links(at: number, names: { at: number; size: number }, path: string): { path: string; at: number }[] {
    const node = this.#part(at, 'SNOD');
    return Array.from({ length: this.#u16(node + 6) }, (_, i) => {
      this.#spend();
      const entry = node + 8 + 40 * i;
      if (this.#u32(entry + 16) > 1)
        this.#fail(`${quote(path)} contains a symbolic link, which Keras does not write`);
      const from = names.at + this.#u64(entry);
      const most = Math.min(from + longestPath, names.at + names.size);
      const length = this.#bytes.subarray(from, most).indexOf(0);
      if (length < 1) this.#fail('damaged: a name is not terminated');
      const name = this.#utf8(from, length);
      return { path: path ? `${path}/${name}` : name, at: this.#u64(entry + 8) };
    });
  }

  #dataset(messages: readonly Message[], path: string): ForeignTensor {
    const of = (kind: number): Message | undefined => messages.find((m) => m.kind === kind);
    const [space, type, layout] = [of(kinds.dataspace), of(kinds.datatype), of(kinds.layout)];
    if (of(kinds.linkInfo) || of(kinds.link))
      return this.#fail(
        `${quote(path)} has links of a newer HDF5 format, or to another file; Keras writes neither`,
      );
    if (!space || !type || !layout)
      return this.#fail(`damaged: ${quote(path)} is neither a group nor an array`);
    const shape = this.#shape(space.at);
    const dtype = this.#number(type.at);
    const claimed = dtype ? sizeOf(shape) * widthOf(dtype) : 0;
    // arrays larger than the file are refused when they are read
    if (claimed <= this.#bytes.length) this.#leftForArrays -= claimed;
    if (this.#leftForArrays < 0) this.#fail('damaged: its arrays overlap');
    const read = (): Float32Array => {
      if (!dtype) return this.#fail(`${quote(path)} does not contain little-endian numbers`);
      if (of(kinds.externalFiles)) return this.#fail(`${quote(path)} stores its values in another file`);
      if (of(kinds.filters) || this.#u8(layout.at) !== 3 || this.#u8(layout.at + 1) !== 1)
        return this.#fail(
          `${quote(path)} is chunked or compressed, which Keras does not write; save the model again with Keras`,
        );
      const bytes = sizeOf(shape) * widthOf(dtype);
      const at = this.#u64(layout.at + 2);
      if (this.#u64(layout.at + 10) < bytes || at + bytes > this.#bytes.length)
        return this.#fail(`damaged: ${quote(path)} of shape [${shape.join(', ')}] is incomplete`);
      return decode(this.#bytes.subarray(at, at + bytes), dtype);
    };
    return {
      shape,
      dtype: dtype ?? 'no number',
      whole: dtype !== undefined && isWhole(dtype),
      read: () => guarded(this.#name, 'HDF5 file of Keras', read),
    };
  }

  /** Section IV.A.2.b: version, rank, flags; 5 more bytes in version 1, 1 in version 2; the sizes. */
  #shape(at: number): readonly number[] {
    const [version, rank] = [this.#u8(at), this.#u8(at + 1)];
    if (version < 1 || version > 2 || rank > 32) this.#fail('damaged: an array has no valid shape');
    return Array.from({ length: rank }, (_, i) => this.#u64(at + (version === 1 ? 8 : 4) + 8 * i));
  }

  /** Section IV.A.2.d: class, byte order (bit 0) and sign (bit 3), bytes; for floats also the size of the exponent. */
  #number(at: number): Dtype | undefined {
    const [kind, bits, size] = [this.#u8(at) & 15, this.#u8(at + 1), this.#u32(at + 4)];
    if (bits & 1) return undefined;
    if (kind === 0) {
      if (size === 1) return bits & 8 ? 'i8' : 'u8';
      return bits & 8 ? ({ 2: 'i16', 4: 'i32', 8: 'i64' } as const)[size] : undefined;
    }
    return kind === 1 ? floats.get(`${size} ${this.#u8(at + 13)}`) : undefined;
  }

  /** Section IV.A.2.m. A string has a fixed length (class 3) or is in a global heap (class 9). */
  #text(messages: readonly Message[], attribute: string, most: number): string | undefined {
    for (const { kind, at } of messages) {
      if (kind !== kinds.attribute) continue;
      const version = this.#u8(at);
      const pad = (n: number): number => (version === 1 ? 8 * Math.ceil(n / 8) : n);
      const [name, type, space] = [this.#u16(at + 2), this.#u16(at + 4), this.#u16(at + 6)];
      const from = at + (version === 3 ? 9 : 8);
      if (name > attribute.length + 8) continue; // padded
      if (this.#utf8(from, name).replace(/\0.*$/, '') !== attribute) continue;
      const typeAt = from + pad(name);
      if (this.#shape(typeAt + pad(type)).length) return undefined;
      const value = typeAt + pad(type) + pad(space);
      const [at2, length] =
        (this.#u8(typeAt) & 15) === 9 ? this.#heapObject(value) : [value, this.#u32(typeAt + 4)];
      return length > most ? undefined : this.#utf8(at2, length).replace(/\0.*$/s, '');
    }
    return undefined;
  }

  /** Section III.E: length, address of a collection, index in it. */
  #heapObject(at: number): readonly [at: number, length: number] {
    const [length, address, index] = [this.#u32(at), this.#u64(at + 4), this.#u32(at + 12)];
    const heap = this.#heaps.get(address) ?? this.#collection(address);
    this.#heaps.set(address, heap);
    const [from, size] = heap.get(index) ?? this.#fail('damaged: a string is missing');
    return [from, Math.min(length, size)];
  }

  /** A collection is a run of numbered objects. */
  #collection(address: number): ReadonlyMap<number, readonly [at: number, length: number]> {
    const heap = this.#part(address, 'GCOL');
    const end = heap + this.#u64(heap + 8);
    const objects = new Map<number, readonly [number, number]>();
    for (let at = heap + 16; at + 16 <= end; ) {
      this.#spend();
      const [index, size] = [this.#u16(at), this.#u64(at + 8)];
      if (index === 0) break;
      objects.set(index, [at + 16, size]);
      at += 16 + 8 * Math.ceil(size / 8);
    }
    return objects;
  }
}
