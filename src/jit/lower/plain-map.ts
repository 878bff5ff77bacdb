/**
 * @file Elementwise ops where onnxruntime has no blocked kernels, as on WebAssembly.
 *
 * There onnxruntime computes Clip, HardSigmoid and its relus number by number when it overwrites their operand, which it does wherever
 * nothing else reads it. On random signs that takes ten to twenty times as long as Max, Min, Sign and PRelu, which use vectors and never
 * overwrite (onnxruntime-web 1.30; `npx tsx scripts/bench/web-ops.ts`).
 */

import { stepAttributes } from '../build.ts';
import { type OpOf, splatOf, type Value } from '../ir.ts';
import type { Emitter } from './emitter.ts';

/**
 * The fast form of an elementwise op; undefined where the op itself is fast.
 *
 * @param named gives the name of an operand, as the op reads it.
 */
export function plainMap(
  e: Emitter,
  { op, attributes }: OpOf<'map'>,
  [x, low, high]: readonly Value[],
  named: (operand: Value) => string,
): string | undefined {
  if (e.block !== undefined || !e.carry || x?.dtype !== 'float32') return undefined;
  // a relu and its mask share it
  const above = (least: number): string => {
    const name = named(x);
    return e.once(`max ${name} ${least}`, () => e.emit1('Max', [name, e.scalar(least, 'float32')]));
  };
  switch (op) {
    case 'Relu':
      return above(0);
    case 'Clip': {
      const [least, most] = [low && splatOf(low), high && splatOf(high)];
      if (least === undefined || most === undefined || least === -Infinity) return undefined;
      return most === Infinity ? above(least) : e.emit1('Min', [above(least), e.scalar(most, 'float32')]);
    }
    case 'HardSigmoid': // where it is a step: 1 above 0, else 0
      return attributes === stepAttributes ? e.emit1('Sign', [above(0)]) : undefined;
    case 'LeakyRelu': {
      const alpha = attributes?.['alpha'];
      return alpha?.kind === 'float'
        ? e.emit1('PRelu', [named(x), e.splat(alpha.value, [1], 'float32')])
        : undefined;
    }
    default:
      return undefined;
  }
}
