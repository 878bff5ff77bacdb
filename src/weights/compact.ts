/**
 * @file One compact file of weights: every stream of codes is Huffman-coded, positions of sparse weights are stored as
 * gaps (Han et al. 2015, arXiv:1510.00149, sections 2 and 4). Nothing is lost: the same encodings come back, to the
 * last bit. The graph is not in it; names and shapes follow from graph.json, in its own order.
 *
 *   file    'MLHC', version 1, then each weight: its kind (a byte), its numbers (varints), its streams
 *   stream  0, bytes as they are | 1, alphabet (varint), its code lengths of 5 bits each, length (varint), codes
 */
import { first } from '../access.ts';
import { cut, MoonletError, quote, within } from '../errors.ts';
import type { Graph } from '../graph/index.ts';
import { packBits, packedLength, unpackBits } from './bits.ts';
import {
  codeWidth,
  type Encoding,
  encodings,
  isPlaced,
  type PlacedWeight,
  placesOf,
  sizeOfShape,
  type Weight,
} from './encodings.ts';
import { codeLengths, huffmanDecode, huffmanEncode } from './huffman.ts';
import { Budget, mostBytes, type UnpackOptions } from './limits.ts';
import { entries, type Net, net, type WeightKey } from './weights.ts';

const magic = [...'MLHC'].map((c) => c.charCodeAt(0));
const version = 1;

class Writer {
  readonly #parts: Uint8Array[] = [];
  bytes(part: Uint8Array): void {
    this.#parts.push(part);
  }
  /** Seven bits per byte, the lowest first; the eighth bit is set when more follow. */
  number(n: number): void {
    const bytes: number[] = [];
    let rest = n;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(128 | (rest % 128));
    this.bytes(Uint8Array.from([...bytes, rest]));
  }
  floats(array: Float32Array | Uint16Array): void {
    this.number(array.length);
    this.bytes(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }
  /** Symbols of so many bits, coded or packed, whichever is shorter. */
  symbols(symbols: Uint8Array, width: number): void {
    const lengths = codeLengths(symbols);
    const coded = huffmanEncode(symbols, lengths);
    const table = packBits(lengths, 5);
    if (table.length + coded.length + 4 >= packedLength(symbols.length, width)) {
      this.number(0);
      this.bytes(packBits(symbols, width));
      return;
    }
    this.number(1);
    this.number(lengths.length);
    this.bytes(table);
    this.number(coded.length);
    this.bytes(coded);
  }
  all(): Uint8Array {
    const all = new Uint8Array(this.#parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

class Reader {
  readonly #all: Uint8Array;
  #at = 0;
  constructor(all: Uint8Array) {
    this.#all = all;
  }
  get done(): boolean {
    return this.#at === this.#all.length;
  }
  bytes(count: number): Uint8Array {
    if (!(count <= this.#all.length - this.#at))
      throw new MoonletError(
        `truncated: ${count} bytes are wanted at byte ${this.#at} of ${this.#all.length}`,
      );
    this.#at += count;
    return new Uint8Array(this.#all.subarray(this.#at - count, this.#at)); // a copy, aligned; a Buffer's slice is none
  }
  byte(): number {
    const [byte = 0] = this.bytes(1);
    return byte;
  }
  number(): number {
    let [n, scale] = [0, 1];
    for (;;) {
      const byte = this.byte();
      n += (byte & 127) * scale;
      if (byte < 128) return n;
      scale *= 128;
      if (scale > 2 ** 49) throw new MoonletError('a number is too long; the file is damaged');
    }
  }
  floats(): Float32Array {
    return new Float32Array(this.bytes(4 * this.number()).buffer);
  }
  halves(): Uint16Array {
    return new Uint16Array(this.bytes(2 * this.number()).buffer);
  }
  symbols(count: number, width: number): Uint8Array {
    if (this.number() === 0) return unpackBits(this.bytes(packedLength(count, width)), width, count);
    const alphabet = this.number();
    if (alphabet > 256) throw new MoonletError(`an alphabet of ${alphabet} symbols; the file is damaged`);
    const lengths = unpackBits(this.bytes(packedLength(alphabet, 5)), 5, alphabet);
    return huffmanDecode(this.bytes(this.number()), lengths, count);
  }
}

/** The file of a net's weights. */
export function packCompact({ graph, weights }: Net): Uint8Array {
  const out = new Writer();
  out.bytes(Uint8Array.from([...magic, version]));
  for (const { key } of entries(graph)) {
    const weight = weights.get(key);
    if (!weight) throw new MoonletError(`${cut(graph.name, 200)}: the weight ${quote(key)} is missing`);
    out.number(encodings.indexOf(weight.encoding));
    write(out, weight);
  }
  return out.all();
}

/**
 * The net of a compact file (`weights.compact`, which the step `huffman` writes) and its graph.
 *
 * @param file the name of the file, for error messages.
 * @throws MoonletError when the file is damaged or belongs to another graph.
 * @example
 * import { bytesOf, graph, init, input, quantize } from 'moonlet';
 * import { compress, parseSteps, unpackCompact } from 'moonlet/compress';
 * const net = quantize(init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(4))));
 * const { file } = await compress(net, parseSteps('huffman'), { runs: 0 });
 * bytesOf(unpackCompact(net.graph, file!)) === bytesOf(net); // true
 */
export function unpackCompact(
  graph: Graph,
  bytes: Uint8Array,
  file = 'compact weights',
  { maxBytes = mostBytes }: UnpackOptions = {},
): Net {
  return within(file, () => {
    const from = new Reader(bytes);
    const head = from.bytes(Math.min(5, bytes.length));
    if (!magic.every((c, i) => head[i] === c)) throw new MoonletError('not one of our compact files');
    if (head[4] !== version)
      throw new MoonletError(
        `version ${head[4]} is not ${version}, which this release reads; update moonlet`,
      );
    const found = new Map<WeightKey, Weight>();
    const budget = new Budget(maxBytes);
    for (const { key, shape } of entries(graph)) {
      const encoding = encodings[from.number()];
      if (!encoding) throw new MoonletError(`${quote(key)} has no known encoding; the file is damaged`);
      if (encoding !== 'float32')
        budget.spend(4 * sizeOfShape(shape), `${quote(key)} of shape [${shape.join(', ')}]`);
      found.set(key, read(from, encoding, shape));
    }
    if (!from.done) throw new MoonletError('bytes are left over; are these the weights of another graph?');
    return net(graph, found);
  });
}

function write(out: Writer, weight: Weight): void {
  const size = weight.shape.reduce((n, d) => n * d, 1);
  switch (weight.encoding) {
    case 'float32':
    case 'float16':
      return out.floats(weight.data);
    case 'hashed':
      // of a seed below 0, the one from 0 up that hashes alike: hashes read 32 bits
      out.number(weight.seed < 0 ? weight.seed >>> 0 : weight.seed);
      return out.floats(weight.data);
    case 'circulant':
      out.number(weight.block);
      return out.floats(weight.data);
    case 'quantized':
    case 'ternary':
    case 'binary':
    case 'codebook': {
      const width = codeWidth(weight);
      if ('bits' in weight) out.number(width);
      out.floats(weight.encoding === 'codebook' ? weight.centroids : weight.scales);
      if (weight.encoding === 'ternary') out.floats(weight.negative);
      return out.symbols(unpackBits(weight.data, width, size), width);
    }
    case 'sparse': {
      const gaps = gapsOf(placesOf(weight));
      out.number(gaps.length);
      out.symbols(gaps, 8);
      out.number(encodings.indexOf(weight.values.encoding));
      out.number(first(weight.values.shape));
      return write(out, weight.values);
    }
  }
}

function read(from: Reader, encoding: Encoding, shape: readonly number[]): Weight {
  switch (encoding) {
    case 'hashed':
      return { encoding, shape, seed: from.number(), data: from.floats() };
    case 'circulant':
      return { encoding, shape, block: from.number(), data: from.floats() };
    case 'sparse': {
      const size = sizeOfShape(shape);
      const mask = maskOf(from.symbols(from.number(), 8), size);
      const inner = encodings[from.number()];
      if (!inner || !isPlaced(inner))
        throw new MoonletError('values of no known encoding; the file is damaged');
      const count = from.number();
      if (count > size) throw new MoonletError(`${count} values for ${size} places; the file is damaged`);
      return { encoding, shape, data: mask, values: readPlaced(from, inner, [count]) };
    }
    default:
      return readPlaced(from, encoding, shape);
  }
}

function readPlaced(
  from: Reader,
  encoding: PlacedWeight['encoding'],
  shape: readonly number[],
): PlacedWeight {
  const size = sizeOfShape(shape);
  switch (encoding) {
    case 'float32':
      return { encoding, shape, data: from.floats() };
    case 'float16':
      return { encoding, shape, data: from.halves() };
    case 'quantized':
    case 'codebook': {
      const bits = from.number();
      if (bits < 1 || bits > 8) throw new MoonletError(`codes of ${bits} bits; the file is damaged`);
      const table = from.floats();
      const data = packBits(from.symbols(size, bits), bits);
      return encoding === 'quantized'
        ? { encoding, shape, bits, scales: table, data }
        : { encoding, shape, bits, centroids: table, data };
    }
    case 'ternary': {
      const [scales, negative] = [from.floats(), from.floats()];
      return { encoding, shape, scales, negative, data: packBits(from.symbols(size, 2), 2) };
    }
    case 'binary':
      return { encoding, shape, scales: from.floats(), data: packBits(from.symbols(size, 1), 1) };
  }
}

/** Zeros before each value, 255 for "255 zeros and no value yet". */
function gapsOf(places: Uint32Array): Uint8Array {
  const gaps: number[] = [];
  let next = 0;
  for (const p of places) {
    let gap = p - next;
    for (; gap >= 255; gap -= 255) gaps.push(255);
    gaps.push(gap);
    next = p + 1;
  }
  return Uint8Array.from(gaps);
}
function maskOf(gaps: Uint8Array, size: number): Uint8Array {
  const bits = new Uint8Array(size);
  let at = 0;
  for (const gap of gaps) {
    at += gap;
    if (gap === 255) continue;
    if (at >= size) throw new MoonletError('places lie past the end of a weight; the file is damaged');
    bits[at++] = 1;
  }
  return packBits(bits, 1);
}
