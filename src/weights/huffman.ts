/**
 * @file Huffman codes of small symbols (Huffman 1952), canonical: the code lengths say the whole code. Frequent symbols get
 * short codes; no prefix code of whole bits is shorter. Deep Compression's last stage (Han et al. 2015, arXiv:1510.00149,
 * section 4).
 */
import { MoonletError } from '../errors.ts';

/** A length for each symbol, 0 for symbols that do not occur. Codes are at most 31 bits long. */
export function codeLengths(symbols: Uint8Array): Uint8Array {
  const counts = new Float64Array(symbols.reduce((most, s) => Math.max(most, s), -1) + 1);
  for (const s of symbols) counts[s] = (counts[s] as number) + 1;
  const lengths = new Uint8Array(counts.length);
  const present = [...counts.keys()].filter((s) => counts[s]);
  if (present.length === 1) lengths[present[0] as number] = 1;
  if (present.length < 2) return lengths;
  // at most 256 symbols: the two rarest trees are joined until one is left; a sorted list is heap enough
  let trees = present.map((s) => ({ count: counts[s] as number, symbols: [s] }));
  while (trees.length > 1) {
    trees.sort((a, b) => a.count - b.count || (a.symbols[0] as number) - (b.symbols[0] as number));
    const [a, b, ...rest] = trees as [Tree, Tree, ...Tree[]];
    const joined = [...a.symbols, ...b.symbols];
    for (const s of joined) lengths[s] = (lengths[s] as number) + 1;
    trees = [...rest, { count: a.count + b.count, symbols: joined }];
  }
  return lengths;
}
interface Tree {
  readonly count: number;
  readonly symbols: number[];
}

/** The canonical code: symbols by length, then by number, counted up. */
function codesOf(lengths: Uint8Array): Uint32Array {
  const codes = new Uint32Array(lengths.length);
  let [code, last] = [0, 0];
  for (const s of inOrder(lengths)) {
    const length = lengths[s] as number;
    code <<= length - last;
    last = length;
    codes[s] = code++;
  }
  return codes;
}
const inOrder = (lengths: Uint8Array): number[] =>
  [...lengths.keys()]
    .filter((s) => lengths[s])
    .sort((a, b) => (lengths[a] as number) - (lengths[b] as number) || a - b);

/** The codes of the symbols, one after another, the highest bits first. */
export function huffmanEncode(symbols: Uint8Array, lengths: Uint8Array): Uint8Array {
  const codes = codesOf(lengths);
  const bits = symbols.reduce((n, s) => n + (lengths[s] as number), 0);
  const bytes = new Uint8Array(Math.ceil(bits / 8));
  let at = 0;
  for (const s of symbols) {
    for (let k = (lengths[s] as number) - 1; k >= 0; k--, at++) {
      if (((codes[s] as number) >>> k) & 1) bytes[at >> 3] = (bytes[at >> 3] as number) | (128 >> (at & 7));
    }
  }
  return bytes;
}

/** `count` symbols. @throws MoonletError when the bytes are too few, or no code fits them. */
export function huffmanDecode(bytes: Uint8Array, lengths: Uint8Array, count: number): Uint8Array {
  if (!Number.isSafeInteger(count) || count < 0 || count > 8 * bytes.length)
    // a code has a bit at least
    throw new MoonletError('the codes end too early or are none; the file is damaged');
  const order = inOrder(lengths);
  const most = order.length ? (lengths[order.at(-1) as number] as number) : 0;
  // for each length: the first code, how many there are, and where they begin in the order
  const [firsts, counts, starts] = [
    new Float64Array(most + 1),
    new Uint32Array(most + 1),
    new Uint32Array(most + 1),
  ];
  for (const s of order) counts[lengths[s] as number] = (counts[lengths[s] as number] as number) + 1;
  let [code, start] = [0, 0];
  for (let n = 1; n <= most; n++) {
    code = (code + (counts[n - 1] as number)) * 2;
    firsts[n] = code;
    starts[n] = start;
    start += counts[n] as number;
  }
  const symbols = new Uint8Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    let [value, length] = [0, 0];
    for (;;) {
      if (length === most || at >= bytes.length * 8)
        throw new MoonletError('the codes end too early or are none; the file is damaged');
      value = value * 2 + (((bytes[at >> 3] as number) >> (7 - (at & 7))) & 1);
      at++;
      length++;
      const offset = value - (firsts[length] as number);
      if (offset >= 0 && offset < (counts[length] as number)) {
        symbols[i] = order[(starts[length] as number) + offset] as number;
        break;
      }
    }
  }
  return symbols;
}
