/**
 * @file The input gradient of a strided conv, phase by phase: at a stride of s each row m = s u + r of dx meets those taps of the
 * kernel only that lie s apart,
 *
 *   dx(s u + r) = sum over l of K(k + s l) dy(u + q - l),  k = (r + pad) mod s,  q = floor((r + pad) / s),
 *
 * which is a conv of stride 1 of dy, and so along the columns. Phases are made in blocks, and laid between each other in the end.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { int, ints } from '../../onnx/index.ts';
import { sameShape } from '../build.ts';
import type { Node, Value } from '../ir.ts';
import { type BlockedShape, blockedConv, canBlock, sourceOf } from './blocked.ts';
import { isWhole } from './choose.ts';
import { zeros } from './columns.ts';
import { exchange, type Sizes, sizesOf } from './conv-sizes.ts';
import type { Emitter } from './emitter.ts';
import { blocks, lay, nchw } from './layout.ts';

/** Along one axis: which taps a phase meets, the last first, and the padding of its conv. */
interface Phase {
  readonly taps: readonly number[];
  readonly before: number;
  readonly behind: number;
}

function phasesOf(size: number, out: number, taps: number, stride: number, pad: number): readonly Phase[] {
  return Array.from({ length: stride }, (_, r) => {
    const first = (r + pad) % stride;
    const shift = Math.floor((r + pad) / stride);
    const met = Array.from(
      { length: Math.max(0, Math.ceil((taps - first) / stride)) },
      (_, l) => first + stride * l,
    );
    return { taps: met.toReversed(), before: met.length - 1 - shift, behind: size / stride + shift - out };
  });
}

interface Plan {
  readonly rows: readonly Phase[];
  readonly columns: readonly Phase[];
}

const shapeOf = (g: ConvGeometry, s: Sizes, rows: Phase, columns: Phase): BlockedShape => ({
  kernelHeight: rows.taps.length,
  kernelWidth: columns.taps.length,
  groupIn: s.groupOut,
  channels: s.outChannels,
  outChannels: s.channels,
  groups: g.groups,
});

function planOf(e: Emitter, g: ConvGeometry, s: Sizes, dy: Value, dx: Value): Plan | undefined {
  const [down, across] = g.stride;
  if (down * across === 1 || g.dilation.some((step) => step > 1)) return undefined;
  if (!isWhole(e, dx) || !isWhole(e, dy) || s.height % down > 0 || s.width % across > 0) return undefined;
  const rows = phasesOf(s.height, s.outHeight, s.kernelHeight, down, g.pads.top);
  const columns = phasesOf(s.width, s.outWidth, s.kernelWidth, across, g.pads.left);
  const fits = ({ taps, before, behind }: Phase): boolean =>
    taps.length === 0 || (before >= 0 && behind >= 0);
  if (![...rows, ...columns].every(fits)) return undefined;
  const several: Phase = { taps: [0, 1], before: 0, behind: 0 };
  return canBlock(e, shapeOf(g, s, several, several), dy) ? { rows, columns } : undefined;
}

/** Puts dx, or what adds it to another image in the same phases. */
export function byPhases(
  e: Emitter,
  g: ConvGeometry,
  s: Sizes,
  dy: Value,
  kernel: Value,
  dx: Value,
): boolean {
  const plan = planOf(e, g, s, dy, dx);
  if (!plan) return false;
  const sum = partner(e, g, dx);
  const others = sum && e.phases.get(sum.other);
  const { kernelHeight: kh, kernelWidth: kw, groupIn, groupOut } = s;
  const turned = exchange(e, e.get(kernel), [kh, kw, groupIn, g.groups, groupOut]);
  const flat = e.reshape(turned, [kh * kw, groupOut * s.channels]);
  const names = plan.rows.flatMap((rows, i) =>
    plan.columns.map((columns, j) => {
      const other = others?.[i * plan.columns.length + j];
      if (rows.taps.length * columns.taps.length === 0) return other;
      const shape = shapeOf(g, s, rows, columns);
      const order = rows.taps.flatMap((row) => columns.taps.map((column) => row * kw + column));
      const met = e.reshape(e.emit1('Gather', [flat, e.longs(order)], { axis: int(0) }), [
        shape.kernelHeight,
        shape.kernelWidth,
        groupOut,
        s.channels,
      ]);
      const attributes = {
        kernel_shape: ints([shape.kernelHeight, shape.kernelWidth]),
        pads: ints([rows.before, columns.before, rows.behind, columns.behind]),
      };
      return blockedConv(e, sourceOf(e, dy), met, shape, attributes, { sum: other });
    }),
  );
  if (sum && !others) e.phases.set(dx, names);
  else e.put(sum?.whole ?? dx, between(e, g, dx, names), blocks);
  return true;
}

/** The one image to which dx is added, of the same phases, and their sum. */
function partner(e: Emitter, g: ConvGeometry, dx: Value): { other: Value; whole: Value } | undefined {
  const [reader, ...more] = e.readers(dx) ?? [];
  const isAdd = (node: Node | undefined): node is Node => node?.op.kind === 'map' && node.op.op === 'Add';
  if (!isAdd(reader) || more.length > 0) return undefined;
  const other = reader.inputs.find((x) => x !== dx);
  const [whole] = reader.outputs;
  if (!other || !whole || !sameShape(other.shape, dx.shape) || e.readers(other)?.length !== 1)
    return undefined;
  const { op, inputs } = other.node;
  const [dy, kernel] = inputs;
  if (op.kind !== 'convInputGrad' || !dy || !kernel || !sameShape(op.geometry.stride, g.stride))
    return undefined;
  const planned = planOf(
    e,
    op.geometry,
    sizesOf(other.shape, kernel.shape, dy.shape, op.geometry),
    dy,
    other,
  );
  return planned && { other, whole };
}

/** The phases of an image, row by row, laid between each other. */
function between(
  e: Emitter,
  g: ConvGeometry,
  { shape }: Value,
  names: readonly (string | undefined)[],
): string {
  const { block = 1 } = e;
  const [down, across] = g.stride;
  const [batch = 1, height = 1, width = 1, channels = 1] = shape;
  const [tall, wide] = [height / down, width / across];
  const join = (parts: readonly string[], chunk: number): string => {
    if (parts.length === 1) return parts[0] as string;
    const views = parts.map((part) => e.reshape(part, [-1, chunk]));
    return e.emit1('Concat', views, { axis: int(1) });
  };
  const lines = Array.from({ length: down }, (_, i) =>
    join(
      names
        .slice(i * across, (i + 1) * across)
        .map((name) => name ?? zeros(e, [batch, channels, tall, wide])),
      block,
    ),
  );
  return e.reshape(join(lines, width * block), lay(shape, nchw));
}
