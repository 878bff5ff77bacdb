/**
 * @file GELU as one op of onnxruntime: x (erf(x / sqrt 2) + 1) / 2, where nothing else reads what stands between. That is so in
 * inference, such as that of a teacher; the gradient reads the error function.
 */

import { add, type Node, type Readers, reachable, readersOf, splatOf, type Value } from '../ir.ts';
import type { Recorded } from '../record.ts';
import { endsOf, rewrite } from './rewrite.ts';

/** The graph in which these five ops are one. */
export function gelus(recorded: Recorded): Recorded {
  const ends = endsOf(recorded);
  const readers = readersOf(reachable(recorded.trace, ends), ends);
  return rewrite(recorded, (node, { trace, now }) => {
    const [y] = node.outputs;
    const x = argumentOf(node, readers);
    return y && x && add(trace, { kind: 'map', op: 'Gelu', domain: 'com.microsoft' }, [now(x)], [y]);
  });
}

function argumentOf(node: Node, readers: Readers): Value | undefined {
  const once = (value: Value | undefined): Node | undefined =>
    value && readers(value)?.length === 1 ? value.node : undefined;
  const product = once(beside(node, 'Mul', 0.5));
  if (product?.op.kind !== 'map' || product.op.op !== 'Mul') return undefined;
  const [a, b] = product.inputs;
  const isArgument = (x: Value | undefined, factor: Value | undefined): boolean => {
    const sum = once(factor);
    const erf = sum && once(beside(sum, 'Add', 1));
    if (erf?.op.kind !== 'map' || erf.op.op !== 'Erf') return false;
    const quotient = once(erf.inputs[0]);
    return !!x && !!quotient && beside(quotient, 'Div', Math.SQRT2) === x;
  };
  return isArgument(a, b) ? a : isArgument(b, a) ? b : undefined;
}

/** What stands beside this number under the op; undefined for another op or number. */
function beside({ op, inputs: [a, b] }: Node, name: string, number: number): Value | undefined {
  if (op.kind !== 'map' || op.op !== name || !a || !b) return undefined;
  const is = (value: Value): boolean => Math.fround(splatOf(value) ?? Number.NaN) === Math.fround(number);
  return is(b) ? a : is(a) && name !== 'Div' ? b : undefined;
}
