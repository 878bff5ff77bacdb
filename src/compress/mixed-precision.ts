/**
 * @file Mixed precision: which kernels get how many bits within a budget of bytes. The error of each kernel at each number of bits is
 * measured alone, and their sum is minimized, as in HAWQ-V2 (Dong et al. 2020, arXiv:1911.03852, section 3.3), with the measured error
 * in place of the trace of the Hessian.
 */
import { first, get, item } from '../access.ts';
import { foldNorms } from '../edit/fold/norms.ts';
import { isCoded, kernelBits, layersOf, scalesOf } from '../edit/quantize/index.ts';
import type { EngineOptions } from '../engine/index.ts';
import { MoonletError, UsageError } from '../errors.ts';
import {
  bytesOf,
  fitsHalf,
  float,
  half,
  materialize,
  type Net,
  quantized,
  type WeightKey,
} from '../weights/index.ts';
import { outputsOf, relativeError } from './sensitivity.ts';

export interface MixedPrecisionOptions extends EngineOptions {
  /** The largest size of the kernels, in bytes, scales included. */
  readonly bytes: number;
  /**
   * The bits that a kernel may have, or those of each layer: codes of 2 to 8, 16 for half precision, 32 for floats. [2, 4, 8] by default.
   */
  readonly choices?: readonly number[] | ((path: string) => readonly number[]);
  /** Called after each measured kernel. */
  readonly onProgress?: (measured: number, total: number) => void;
}

/** A kernel at a number of bits: its bytes, and the squared error of the outputs as a share of their variance. */
export interface KernelChoice {
  readonly bits: number;
  readonly bytes: number;
  readonly error: number;
}
export interface MixedPrecision {
  /** The bits of each layer's kernel, by path: for `quantize`, `weights: (path) => bits.get(path)`. */
  readonly bits: ReadonlyMap<string, number>;
  readonly bytes: number;
  /** The sum of the errors of all kernels at their bits. */
  readonly error: number;
  /** What was measured, by path, the most bits first. */
  readonly measured: ReadonlyMap<string, readonly KernelChoice[]>;
}

/**
 * Chooses the bits of each kernel so that all kernels fit in some bytes and the sum of their errors is small. `x` holds examples,
 * [n, ...input] flat, on which the errors are measured.
 *
 * @throws UsageError for choices out of range; MoonletError when the fewest bits of all kernels take more bytes.
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { mixedPrecision } from 'moonlet/compress';
 * const net = init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(4)));
 * const examples = Float32Array.from({ length: 8 * 64 }, (_, i) => Math.sin(i));
 * const { bits } = await mixedPrecision(net, examples, { bytes: 240 });
 * bits.size; // 2
 */
export async function mixedPrecision(
  whole: Net,
  x: Float32Array,
  { bytes, choices = [2, 4, 8], onProgress, ...engine }: MixedPrecisionOptions,
): Promise<MixedPrecision> {
  if (!(bytes > 0)) throw new UsageError(`mixedPrecision: bytes must be a number above 0, got ${bytes}`);
  const net = foldNorms(whole);
  const layers = layersOf(net.graph).map(({ id }) => {
    const given = typeof choices === 'function' ? choices(id) : choices;
    const wrong = given.find((b) => !kernelBits.holds(b));
    if (!given.length || wrong !== undefined)
      throw new UsageError(
        `mixedPrecision: each of the choices must be ${kernelBits.words}, got ${wrong ?? 'no choice'}`,
      );
    return { id, order: [...new Set(given)].sort((a, b) => b - a) };
  });
  const expected = await outputsOf(net, x, engine);
  const measured = new Map<string, readonly KernelChoice[]>();
  for (const { id, order } of layers) {
    const found: KernelChoice[] = [];
    for (const bits of order) {
      const key: WeightKey = `${id}:kernel`;
      if (bits === 16 && !fitsHalf(materialize(get(net.weights, key)))) continue;
      const rounded = atBits(net, key, bits);
      const error = bits === 32 ? 0 : relativeError(await outputsOf(rounded, x, engine), expected);
      if (Number.isFinite(error)) found.push({ bits, error, bytes: kernelBytes(rounded, id) });
    }
    if (!found.length)
      throw new MoonletError(
        `mixedPrecision: with the kernel of ${id} at ${order.join(', ')} bits, the net's outputs are not finite numbers`,
      );
    measured.set(id, found);
    onProgress?.(measured.size, layers.length);
  }
  return chosen(measured, bytes);
}

/** The net with one kernel rounded, its scales of least squared error. */
function atBits(net: Net, key: WeightKey, bits: number): Net {
  if (bits === 32) return net;
  const stored = get(net.weights, key);
  const kernel = float(stored.shape, materialize(stored));
  if (!isCoded(bits)) return { ...net, weights: new Map(net.weights).set(key, half(kernel)) };
  const scales = scalesOf(kernel, bits, 'channel', bits > 4 ? 'max' : 'mse');
  return { ...net, weights: new Map(net.weights).set(key, quantized(kernel, { bits, scales })) };
}

const kernelBytes = ({ graph, weights }: Net, id: string): number => {
  const key: WeightKey = `${id}:kernel`;
  return bytesOf({ graph, weights: new Map([[key, get(weights, key)]]) });
};

/**
 * From the most bits of every kernel, the move to fewer bits that adds the least error for each byte is made until all fit: the exact
 * minimum wherever the budget is the size that some move reaches, since moves are on the lower convex hull of each kernel's choices.
 */
export function chosen(
  measured: ReadonlyMap<string, readonly KernelChoice[]>,
  budget: number,
): MixedPrecision {
  const hulls = new Map([...measured].map(([id, all]) => [id, hull(all)]));
  const at = new Map([...hulls.keys()].map((id) => [id, 0]));
  const now = (id: string): KernelChoice => item(get(hulls, id), get(at, id));
  const total = (what: 'bytes' | 'error'): number =>
    [...at.keys()].reduce((sum, id) => sum + now(id)[what], 0);
  while (total('bytes') > budget) {
    const moves = [...at.keys()].flatMap((id) => {
      const next = get(hulls, id)[get(at, id) + 1];
      return next ? [{ id, slope: (next.error - now(id).error) / (now(id).bytes - next.bytes) }] : [];
    });
    if (!moves.length)
      throw new MoonletError(
        `mixedPrecision: the fewest bits of all kernels take ${total('bytes')} bytes, more than the budget of ${budget}; allow more bytes or fewer bits`,
      );
    const best = moves.reduce((a, b) => (b.slope < a.slope ? b : a));
    at.set(best.id, get(at, best.id) + 1);
  }
  return {
    bits: new Map([...at.keys()].map((id) => [id, now(id).bits])),
    ...{ bytes: total('bytes'), error: total('error'), measured },
  };
}

/** The choices on the lower convex hull of error over bytes, the largest first. */
function hull(all: readonly KernelChoice[]): readonly KernelChoice[] {
  const kept: KernelChoice[] = [];
  const slope = (a: KernelChoice, b: KernelChoice): number => (b.error - a.error) / (a.bytes - b.bytes);
  for (const choice of all.toSorted((a, b) => b.bytes - a.bytes || a.error - b.error)) {
    if (kept.some((k) => k.bytes === choice.bytes)) continue;
    // a smaller choice with no more error makes larger ones needless
    while (kept.length && item(kept, kept.length - 1).error >= choice.error) kept.pop();
    while (
      kept.length > 1 &&
      slope(item(kept, kept.length - 2), item(kept, kept.length - 1)) >=
        slope(item(kept, kept.length - 1), choice)
    )
      kept.pop();
    kept.push(choice);
  }
  return kept.length ? kept : [first(all)];
}
