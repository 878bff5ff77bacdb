/** @file A conv that adds its result to an image as it goes, in place of a pass of its own that adds them. */

import { sameShape } from '../build.ts';
import type { Node, Value } from '../ir.ts';
import { isWhole, liesInBlocks } from './choose.ts';
import type { Emitter } from './emitter.ts';
import { blocks } from './layout.ts';

/**
 * Puts y, an image in blocks, or instead of it the sum that is all that reads y.
 *
 * @param make makes y, added to an image in blocks where one is named.
 */
export function putSum(e: Emitter, y: Value, make: (more?: string) => string): void {
  const [reader, ...others] = e.readers(y) ?? [];
  const other = reader && others.length === 0 ? addend(e, y, reader) : undefined;
  if (reader && other) e.put(reader.outputs[0] as Value, make(e.get(other, blocks)), blocks);
  else e.put(y, make(), blocks);
}

/** The image that `reader` adds to y, if it is there in blocks, and nothing else is going to read it: its memory becomes the sum's. */
function addend(e: Emitter, y: Value, reader: Node): Value | undefined {
  const { op, inputs } = reader;
  const other = inputs.find((x) => x !== y);
  if (op.kind !== 'map' || op.op !== 'Add' || !other || !isWhole(e, y)) return undefined;
  if (!sameShape(other.shape, y.shape) || !e.has(other, blocks)) return undefined;
  // a norm in blocks keeps what its gradient reads
  const isKept = (node: Node): boolean =>
    node.op.kind === 'normGrad' &&
    node.inputs[1] === other &&
    node.inputs[0] !== other &&
    liesInBlocks(e, other);
  const isLast = e.readers(other)?.every((node) => node === reader || e.done.has(node) || isKept(node));
  return isLast ? other : undefined;
}
