/** @file Which rows and columns of its inputs a layer needs for some rows and columns of its output. */
import { match } from 'ts-pattern';
import { isMap, type Op, type Padding, type Pair, type Shape, slide } from '../../graph/index.ts';
import type { Unit } from './units.ts';

/** Rows, or columns, from the first up to the one behind the last. */
export type Span = readonly [from: number, to: number];

interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly padding: Padding;
}
/** A window; `same` place; so many times larger than its input; `whole` when each value depends on all places. */
type Reach = Window | 'same' | { readonly times: number } | 'whole';

const one: Pair = [1, 1];
const reachOf = (op: Op): Reach =>
  match(op)
    .returnType<Reach>()
    .with({ kind: 'conv' }, (conv) => conv)
    .with({ kind: 'pool' }, ({ size, stride, padding }) => ({
      kernel: size,
      stride,
      dilation: one,
      padding,
    }))
    .with({ kind: 'pad' }, ({ pads }) => ({ kernel: one, stride: one, dilation: one, padding: pads }))
    .with({ kind: 'shift' }, ({ kernel }) => ({
      kernel: [kernel, kernel],
      stride: one,
      dilation: one,
      padding: 'same',
    }))
    .with({ kind: 'pixelShuffle' }, { kind: 'upsample', fn: 'nearest' }, ({ factor }) => ({ times: factor }))
    .with(
      { kind: 'input' },
      { kind: 'act' },
      { kind: 'norm' },
      { kind: 'layerNorm' },
      { kind: 'scale' },
      { kind: 'add' },
      { kind: 'mul' },
      { kind: 'concat' },
      { kind: 'slice' },
      { kind: 'shuffle' },
      { kind: 'permute' },
      { kind: 'maxout' },
      { kind: 'quantize' },
      { kind: 'dropout' },
      { kind: 'dropPath' },
      () => 'same',
    )
    .with(
      { kind: 'attention' },
      { kind: 'positions' },
      { kind: 'convTranspose' },
      { kind: 'dense' },
      { kind: 'groupNorm' },
      { kind: 'responseNorm' },
      { kind: 'globalPool' },
      { kind: 'flatten' },
      { kind: 'resize' },
      { kind: 'upsample' },
      () => 'whole',
    )
    .exhaustive();

/** The span of the input along an axis that a span of the output needs, within the map. */
export type Back = (span: Span, axis: 0 | 1) => Span;

/** Undefined for layers that cannot be computed patch by patch. */
export function backwards({ nodes, head, inShapes, shape }: Unit): Back | undefined {
  if (!isMap(shape) || !inShapes.every(isMap) || nodes.some(({ op }) => op.kind === 'flatten'))
    return undefined;
  const reach = reachOf(head.op);
  if (reach === 'whole') return undefined;
  if (reach === 'same') return (span) => span;
  if ('times' in reach) {
    const { times } = reach;
    return ([from, to]) => [Math.floor(from / times), Math.ceil(to / times)];
  }
  return window(reach, inShapes[0] ?? shape);
}

function window(reach: Window, map: Shape): Back {
  const { pads } = slide(map, reach);
  const before = [pads.top, pads.left] as const;
  return ([from, to], axis) => {
    const [stride, end] = [reach.stride[axis], reach.dilation[axis] * (reach.kernel[axis] - 1) + 1];
    const size = map[axis] ?? 1;
    const first = Math.max(0, from * stride - before[axis]);
    return [Math.min(first, size), Math.max(first, Math.min(size, (to - 1) * stride - before[axis] + end))];
  };
}

/** The smallest span that has both. */
export const joined = (a: Span | undefined, b: Span): Span =>
  a === undefined ? b : [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
