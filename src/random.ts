/**
 * @file Named random streams. A stream is keyed by what it is for (a seed, a path, a step), so that adding a node or
 * resuming a run never shifts the numbers of another: no generator with a shared position can do that.
 */

export interface Random {
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number;
  /** Standard normal, by Box and Muller's transform. */
  normal(): number;
  /** A whole number in [0, n). */
  below(n: number): number;
}

/** The stream of these keys: equal keys, equal numbers, on every machine. */
export function random(...keys: readonly (string | number)[]): Random {
  const text = keys.join('\u0000');
  // four words of state from four differently seeded FNV-1a hashes, then sfc32 (Chris Doty-Humphrey, PractRand)
  let a = fnv(text, 1);
  let b = fnv(text, 2);
  let c = fnv(text, 3);
  let d = 1;
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  const uniform = (): number => next() / 2 ** 32;
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    below: (n) => Math.floor(uniform() * n),
  };
}

/** 0 .. n-1 in random order (Fisher and Yates). */
export function permutation(n: number, source: Random): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = source.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

function fnv(text: string, seed: number): number {
  let h = (0x811c9dc5 ^ Math.imul(seed, 0x9e3779b1)) | 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h;
}
