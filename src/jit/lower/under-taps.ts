/**
 * @file The numbers of an image that lie under the taps of a conv's kernel, where images lie with channels first of all and images last: one
 * Gather copies them in pieces of a whole batch. Padding is one more place, of zeros.
 */

import { int } from '../../onnx/index.ts';
import { zeros } from './columns.ts';
import type { Sizes } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import type { Axis } from './exchanged.ts';

/** The place of an axis of x under a tap at a place of y; undefined in the padding. */
export function under(
  { size, stride, dilation, before }: Axis,
  place: number,
  tap: number,
): number | undefined {
  const at = place * stride + tap * dilation - before;
  return at >= 0 && at < size ? at : undefined;
}

/**
 * Some places of the image [channels, height, width, images], one after another: [channels, places, images].
 *
 * @param places each a row and a column; zeros where one is undefined.
 */
export function placesOf(
  e: Emitter,
  image: string,
  { channels, height, width, batch }: Sizes,
  places: readonly (readonly [row: number | undefined, column: number | undefined])[],
): string {
  const nothing = height * width;
  const indices = places.map(([row, column]) =>
    row === undefined || column === undefined ? nothing : row * width + column,
  );
  const plain = e.reshape(image, [channels, nothing, batch]);
  const source = indices.includes(nothing)
    ? e.once(`with nothing ${image}`, () =>
        e.emit1('Concat', [plain, zeros(e, [channels, 1, batch])], { axis: int(1) }),
      )
    : plain;
  return e.emit1('Gather', [source, e.longs(indices)], { axis: int(1) });
}

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
