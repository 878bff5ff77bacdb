/**
 * @file Huffman codes of small symbols (Huffman 1952), canonical: the code lengths determine the code. Frequent symbols get
 * short codes; no prefix code of whole bits is shorter. Deep Compression's last stage (Han et al. 2015, arXiv:1510.00149,
 * section 4).
 */
import { MoonletError } from '../errors.ts';

/** A length for each symbol, 0 for symbols that do not occur. Codes are at most 31 bits long. */
export function codeLengths(symbols: Uint8Array): Uint8Array {
  const counts = new Float64Array(symbols.reduce((most, s) => Math.max(most, s), -1) + 1);
  for (const s of symbols) counts[s]!++;
  const lengths = new Uint8Array(counts.length);
  const present = [...counts.keys()].filter((s) => counts[s]);
  const [only] = present;
  if (only !== undefined && present.length === 1) lengths[only] = 1;
  if (present.length < 2) return lengths;
  // at most 256 symbols: the two rarest trees are joined until one is left; a sorted list is heap enough
  let trees = present.map((s) => ({ count: counts[s]!, symbols: [s] }));
  while (trees.length > 1) {
    trees.sort((a, b) => a.count - b.count || a.symbols[0]! - b.symbols[0]!);
    const [a, b, ...rest] = trees;
    if (!a || !b) break;
    const joined = [...a.symbols, ...b.symbols];
    for (const s of joined) lengths[s]!++;
    trees = [...rest, { count: a.count + b.count, symbols: joined }];
  }
  return lengths;
}

/** The canonical code: symbols by length, then by number, counted up. */
function codesOf(lengths: Uint8Array): Uint32Array {
  const codes = new Uint32Array(lengths.length);
  let [code, before] = [0, 0];
  for (const s of inOrder(lengths)) {
    const length = lengths[s]!;
    code <<= length - before;
    before = length;
    codes[s] = code++;
  }
  return codes;
}
const inOrder = (lengths: Uint8Array): number[] =>
  [...lengths.keys()].filter((s) => lengths[s]).sort((a, b) => lengths[a]! - lengths[b]! || a - b);

/** Encodes symbols: their codes one after another, the highest bits first. */
export function huffmanEncode(symbols: Uint8Array, lengths: Uint8Array): Uint8Array {
  const codes = codesOf(lengths);
  const bits = symbols.reduce((n, s) => n + lengths[s]!, 0);
  const bytes = new Uint8Array(Math.ceil(bits / 8));
  let at = 0;
  for (const s of symbols) {
    for (let k = lengths[s]! - 1; k >= 0; k--, at++) {
      if ((codes[s]! >>> k) & 1) bytes[at >> 3]! |= 128 >> (at & 7);
    }
  }
  return bytes;
}

/** Decodes `count` symbols. @throws MoonletError when the bytes are too few or match no code. */
export function huffmanDecode(bytes: Uint8Array, lengths: Uint8Array, count: number): Uint8Array {
  if (!Number.isSafeInteger(count) || count < 0 || count > 8 * bytes.length)
    // a code has a bit at least
    throw new MoonletError('the codes end too early or are none; the file is damaged');
  const order = inOrder(lengths);
  const most = lengths[order.at(-1) ?? -1] ?? 0;
  // for each length: the first code, how many there are, and where they begin in the order
  const [firsts, counts, starts] = [
    new Float64Array(most + 1),
    new Uint32Array(most + 1),
    new Uint32Array(most + 1),
  ];
  for (const s of order) counts[lengths[s]!]!++;
  let [code, start] = [0, 0];
  for (let n = 1; n <= most; n++) {
    code = (code + counts[n - 1]!) * 2;
    firsts[n] = code;
    starts[n] = start;
    start += counts[n]!;
  }
  const symbols = new Uint8Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    let [value, length] = [0, 0];
    for (;;) {
      if (length === most || at >= bytes.length * 8)
        throw new MoonletError('the codes end too early or are none; the file is damaged');
      value = value * 2 + ((bytes[at >> 3]! >> (7 - (at & 7))) & 1);
      at++;
      length++;
      const offset = value - firsts[length]!;
      if (offset >= 0 && offset < counts[length]!) {
        symbols[i] = order[starts[length]! + offset]!;
        break;
      }
    }
  }
  return symbols;
}
