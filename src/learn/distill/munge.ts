/**
 * @file Model compression. Bucila, Caruana and Niculescu-Mizil, KDD 2006, section 3 [146]: an ensemble labels many made-up
 * examples, and one small net learns from these.
 *
 * MUNGE(T, k, p, s): k times, take a copy of T; for each example e and its nearest neighbour e' in T, and each attribute a,
 * with probability p:  sd = |e_a - e'_a| / s,  e_a ~ N(e'_a, sd),  e'_a ~ N(e_a, sd).
 * The union of the copies is the result. Attributes here are pixels, 0 to 1, all continuous; distance is Euclid's. Both
 * examples of a pair change, and an example can change again as another's neighbour. By default p = 0.5, s = 1, k = 4.
 * Who labels the result is the teacher of the run: `ensemble` makes one of several nets.
 */
import { labelsLike, type Pixels, pixelsLike, type Split } from '../../data/in-memory.ts';
import { UsageError } from '../../errors.ts';
import { random } from '../../random.ts';

export interface MungeOptions {
  /** k. */
  readonly copies?: number;
  readonly p?: number;
  /** As it grows, an attribute becomes that of the neighbour without noise. */
  readonly s?: number;
  readonly seed?: number;
}

/** k |T| examples. Labels are those of the examples that they began as. @throws UsageError for options out of range. */
export function munge<P extends Pixels>(
  split: Split<P>,
  { copies = 4, p = 0.5, s = 1, seed = 0 }: MungeOptions = {},
): Split<P> {
  const fail = (what: string): never => {
    throw new UsageError(`munge: ${what}`);
  };
  if (!Number.isInteger(copies) || copies < 1) fail(`copies must be a whole number from 1 up, got ${copies}`);
  if (!(p >= 0 && p <= 1)) fail(`p must be from 0 to 1, got ${p}`);
  if (!(s > 0)) fail(`s must be above 0, got ${s}`);
  if (split.count < 2) fail('a neighbour needs two examples');
  const size = split.pixels.length / split.count;
  const neighbours = nearest(split);
  const pixels = pixelsLike(split.pixels, copies * split.pixels.length);
  const areFloats = split.pixels instanceof Float32Array;
  const labels = labelsLike(split.labels, copies * split.count);
  for (let k = 0; k < copies; k++) {
    const copy = Float32Array.from(split.pixels);
    for (let i = 0; i < split.count; i++) {
      const source = random('munge', seed, k, i);
      const [a, b] = [i * size, neighbours[i]! * size];
      for (let j = 0; j < size; j++) {
        if (source.uniform() >= p) continue;
        const [x, y] = [copy[a + j]!, copy[b + j]!];
        const sd = Math.abs(x - y) / s;
        copy[a + j] = sd ? y + sd * source.normal() : y;
        copy[b + j] = sd ? x + sd * source.normal() : x;
      }
    }
    // a typed array of bytes wraps values around instead of rounding and clipping them
    pixels.set(
      areFloats ? copy : copy.map((v) => Math.min(255, Math.max(0, Math.round(v)))),
      k * copy.length,
    );
    labels.set(split.labels, k * split.count);
  }
  return { count: copies * split.count, pixels, labels };
}

/** For each example the one that is nearest to it, by Euclid's distance: count^2 / 2 comparisons. */
export function nearest({ count, pixels }: Split): Uint32Array {
  const size = pixels.length / count;
  const found = new Uint32Array(count);
  const least = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      const bound = Math.max(least[i]!, least[j]!);
      let d = 0;
      for (let k = 0; k < size && d < bound; k++) {
        const difference = pixels[i * size + k]! - pixels[j * size + k]!;
        d += difference * difference;
      }
      if (d < least[i]!) [least[i], found[i]] = [d, j];
      if (d < least[j]!) [least[j], found[j]] = [d, i];
    }
  }
  return found;
}
