/** @file The phases of the input gradient of a strided conv (see `passes/phases.ts`) as blocked convs, and their interleaving. */

import { int, ints } from '../../onnx/index.ts';
import type { OpOf, Value } from '../ir.ts';
import { type BlockedShape, blockedConv, sourceOf } from './blocked.ts';
import { zeros } from './columns.ts';
import { exchange } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import { blocks, lay, nchw } from './layout.ts';

/** The conv of dy with the taps of one phase, added to `sum` where that is there. */
export function lowerConvPhase(
  e: Emitter,
  { groups, rows, columns }: OpOf<'convPhase'>,
  [dy, kernel, sum]: readonly [Value, Value, Value | undefined],
  phase: Value,
): void {
  const [kernelHeight = 1, kernelWidth = 1, groupIn = 1, outChannels = 1] = kernel.shape;
  const groupOut = outChannels / groups;
  const channels = groupIn * groups;
  const whole = e.get(kernel);
  const flat = e.once(`taps ${whole} ${groups}`, () => {
    const exchanged = exchange(e, whole, [kernelHeight, kernelWidth, groupIn, groups, groupOut]);
    return e.reshape(exchanged, [kernelHeight * kernelWidth, groupOut * channels]);
  });
  const [tall, wide] = [rows.taps.length, columns.taps.length];
  const order = rows.taps.flatMap((row) => columns.taps.map((column) => row * kernelWidth + column));
  const taps = e.emit1('Gather', [flat, e.longs(order)], { axis: int(0) });
  const shape: BlockedShape = {
    kernelHeight: tall,
    kernelWidth: wide,
    groupIn: groupOut,
    channels: outChannels,
    outChannels: channels,
    groups,
  };
  const attributes = {
    kernel_shape: ints([tall, wide]),
    pads: ints([rows.before, columns.before, rows.behind, columns.behind]),
  };
  const own = e.reshape(taps, [tall, wide, groupOut, channels]);
  const added = { sum: sum && e.get(sum, blocks) };
  e.put(phase, blockedConv(e, sourceOf(e, dy), own, shape, attributes, added), blocks);
}

/** The phases of an image, row by row, interleaved. */
export function lowerInterleave(
  e: Emitter,
  { stride, present }: OpOf<'interleave'>,
  phases: readonly Value[],
  image: Value,
): void {
  const { block = 1 } = e;
  const [down, across] = stride;
  const [batch = 1, height = 1, width = 1, channels = 1] = image.shape;
  const waiting = phases.map((phase) => e.get(phase, blocks));
  const names = present.map(
    (isThere) =>
      (isThere ? waiting.shift() : undefined) ?? zeros(e, [batch, channels, height / down, width / across]),
  );
  const join = (parts: readonly string[], chunk: number): string => {
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return only;
    const views = parts.map((part) => e.reshape(part, [-1, chunk]));
    return e.emit1('Concat', views, { axis: int(1) });
  };
  const lines = Array.from({ length: down }, (_, i) =>
    join(names.slice(i * across, (i + 1) * across), block),
  );
  e.put(image, e.reshape(join(lines, width * block), lay(image.shape, nchw)), blocks);
}
