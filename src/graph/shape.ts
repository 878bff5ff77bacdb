/** @file The only shape arithmetic in the library. */
import { match } from 'ts-pattern';
import { MoonletError } from '../errors.ts';
import { fold } from './graph.ts';
import {
  channelsOf,
  codeRange,
  type FeatureMap,
  type Graph,
  isMap,
  type Op,
  type Padding,
  type Pair,
  type Shape,
} from './op.ts';

/** The error is the data; the message is a view of it. */
export class ShapeError extends MoonletError {
  override name = 'ShapeError';
  readonly op: Op;
  readonly ins: readonly Shape[];
  readonly reason: string;
  readonly path: string | undefined;
  constructor(op: Op, ins: readonly Shape[], reason: string, path?: string) {
    super(`${path ?? op.kind}(${ins.map(printShape).join(', ')}): ${reason}`);
    this.op = op;
    this.ins = ins;
    this.reason = reason;
    this.path = path;
  }
  /** The same error, said of the node at this path. */
  at(path: string): ShapeError {
    return this.path ? this : new ShapeError(this.op, this.ins, this.reason, path);
  }
}

export const printShape = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** Zeros added on each side of an axis pair. */
export interface Pads {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

/** A sliding window over a map: what pads it and what it leaves. */
export function slide(
  [h, w]: readonly number[],
  { kernel, stride, dilation, padding }: { kernel: Pair; stride: Pair; dilation: Pair; padding: Padding },
): { readonly size: Pair; readonly pads: Pads } {
  const reach = (axis: 0 | 1): number => dilation[axis] * (kernel[axis] - 1) + 1;
  if (padding === 'same') {
    const axis = (n: number, i: 0 | 1): [out: number, before: number, after: number] => {
      const out = Math.ceil(n / stride[i]);
      const all = Math.max(0, (out - 1) * stride[i] + reach(i) - n);
      return [out, Math.floor(all / 2), all - Math.floor(all / 2)];
    };
    const [oh, top, bottom] = axis(h as number, 0);
    const [ow, left, right] = axis(w as number, 1);
    return { size: [oh, ow], pads: { top, right, bottom, left } };
  }
  const [top, right, bottom, left] = padding === 'valid' ? ([0, 0, 0, 0] as const) : padding;
  const out = (n: number, pads: number, i: 0 | 1): number =>
    Math.floor((n + pads - reach(i)) / stride[i]) + 1;
  return {
    size: [out(h as number, top + bottom, 0), out(w as number, left + right, 1)],
    pads: { top, right, bottom, left },
  };
}

/**
 * The shape that an op makes of its inputs' shapes.
 * @throws ShapeError naming the op, its inputs, the reason and the remedy.
 */
export const shapeOf = (op: Op, ins: readonly Shape[]): Shape => {
  const fail = (reason: string): never => {
    throw new ShapeError(op, ins, reason);
  };
  const mapIn = (): FeatureMap => {
    const x = oneIn();
    return isMap(x) ? x : fail('expects a feature map [h, w, c]; put it before globalPool() or flatten()');
  };
  const oneIn = (): Shape =>
    ins.length === 1 ? (ins[0] as Shape) : fail(`expects one input, got ${ins.length}`);
  const several = (): Shape =>
    ins.length >= 2 ? (ins[0] as Shape) : fail(`expects two inputs or more, got ${ins.length}`);
  const whole = (what: string, n: number, least = 1): void => {
    if (!Number.isInteger(n) || n < least) fail(`${what} must be a whole number from ${least} up, got ${n}`);
  };
  const window = (kernel: Pair, stride: Pair, dilation: Pair, padding: Padding): Pair => {
    const [h, w] = mapIn();
    for (const [what, pair] of [
      ['kernel', kernel],
      ['stride', stride],
      ['dilation', dilation],
    ] as const) {
      for (const n of pair) whole(what, n);
    }
    if (typeof padding !== 'string') for (const n of padding) whole('padding', n, 0);
    const { size } = slide([h, w], { kernel, stride, dilation, padding });
    if (size[0] < 1 || size[1] < 1) {
      fail(
        `the ${kernel.join('x')} window does not fit; use a larger input, a smaller kernel or 'same' padding`,
      );
    }
    return size;
  };
  return (
    match(op)
      .returnType<Shape>()
      // the most frequent first: patterns are tried in their order
      .with({ kind: 'conv' }, ({ out, kernel, stride, dilation, groups, padding }) => {
        const c = channelsOf(mapIn());
        whole('out', out);
        whole('groups', groups);
        if (c % groups || out % groups) {
          fail(`${c} -> ${out} channels do not divide into ${groups} groups; choose a divisor of both`);
        }
        return [...window(kernel, stride, dilation, padding), out];
      })
      .with({ kind: 'norm' }, ({ eps, momentum }) => {
        if (!(eps >= 0)) fail(`eps must be 0 or more, got ${eps}`);
        if (!(momentum >= 0 && momentum <= 1)) fail(`momentum must lie within 0 and 1, got ${momentum}`);
        return oneIn();
      })
      .with({ kind: 'act' }, () => oneIn())
      .with({ kind: 'input' }, ({ shape }) => {
        const { length }: readonly number[] = shape;
        if (length !== 1 && length !== 3)
          fail(`expects a map [h, w, c] or a vector [c], got ${printShape(shape)}`);
        for (const n of shape) whole('size', n);
        return shape;
      })
      .with({ kind: 'pool' }, ({ size, stride, padding }) => {
        const places = window(size, stride, [1, 1], padding);
        // else a window could hold nothing but padding, which has no largest and no mean value
        if (typeof padding !== 'string' && padding.some((n, side) => n >= (size[side % 2] as number)))
          fail(`padding ${printShape(padding)} must be smaller than the ${size.join('x')} window`);
        return [...places, channelsOf(mapIn())];
      })
      .with({ kind: 'dense' }, ({ out }) => {
        whole('out', out);
        if (oneIn().length !== 1) fail('expects a vector [c]; add globalPool() or flatten() first');
        return [out];
      })
      .with({ kind: 'globalPool' }, () => [channelsOf(mapIn())])
      .with({ kind: 'flatten' }, () => [mapIn().reduce((n, d) => n * d, 1)])
      .with({ kind: 'dropout' }, { kind: 'dropPath' }, ({ rate }) => {
        if (!(rate >= 0 && rate < 1)) fail(`rate must be a number from 0 up and below 1, got ${rate}`);
        return oneIn();
      })
      .with({ kind: 'quantize' }, ({ scale, zero, bits, signed }) => {
        if (!(scale > 0 && Number.isFinite(scale))) fail(`scale must be a number above 0, got ${scale}`);
        whole('bits', bits, 2);
        if (bits > 8) fail(`bits must be 8 at most, got ${bits}`);
        const [low, high] = codeRange({ bits, signed });
        if (!Number.isInteger(zero) || zero < low || zero > high)
          fail(`zero must be a whole number from ${low} to ${high}, got ${zero}`);
        return oneIn();
      })
      .with({ kind: 'add' }, () => {
        const first = several();
        if (!ins.every((s) => sameShape(s, first)))
          fail('expects equal shapes; match them with a 1x1 conv (and its stride)');
        return first;
      })
      .with({ kind: 'mul' }, () => {
        const first = several();
        const fits = (s: Shape): boolean =>
          sameShape(s, first) || (s.length === 1 && channelsOf(s) === channelsOf(first));
        if (!ins.every(fits)) fail('expects equal shapes, or a map and a gate [c] of as many channels');
        return first;
      })
      .with({ kind: 'concat' }, () => {
        const first = several();
        const fits = (s: Shape): boolean =>
          s.length === first.length && sameShape(s.slice(0, -1), first.slice(0, -1));
        if (!ins.every(fits))
          fail('expects maps of one height and width, or vectors; pool or upsample the others first');
        return [...first.slice(0, -1), ins.reduce((c, s) => c + channelsOf(s), 0)] as unknown as Shape;
      })
      .with({ kind: 'slice' }, ({ from, to }) => {
        const c = channelsOf(oneIn());
        whole('from', from, 0);
        whole('to', to);
        if (from >= to || to > c) fail(`channels ${from} to ${to} do not lie within 0 to ${c}`);
        return withChannels(oneIn(), to - from);
      })
      .with({ kind: 'shuffle' }, ({ groups }) => {
        whole('groups', groups);
        if (channelsOf(oneIn()) % groups)
          fail(`${channelsOf(oneIn())} channels do not divide into ${groups} groups`);
        return oneIn();
      })
      .with({ kind: 'permute' }, ({ order }) => {
        const c = channelsOf(oneIn());
        if (
          order.length !== c ||
          new Set(order).size !== c ||
          !order.every((i) => Number.isInteger(i) && i >= 0 && i < c)
        ) {
          fail(`the order must name each of the ${c} channels once`);
        }
        return oneIn();
      })
      .with({ kind: 'maxout' }, ({ pieces }) => {
        whole('pieces', pieces);
        const c = channelsOf(oneIn());
        if (c % pieces) fail(`${c} channels do not divide into units of ${pieces} pieces`);
        return withChannels(oneIn(), c / pieces);
      })
      .with({ kind: 'shift' }, ({ kernel }) => {
        whole('kernel', kernel);
        if (kernel % 2 === 0) fail(`the kernel must be odd, got ${kernel}`);
        return mapIn();
      })
      .with({ kind: 'upsample' }, ({ factor }) => {
        whole('factor', factor);
        const [h, w, c] = mapIn();
        return [h * factor, w * factor, c];
      })
      .exhaustive()
  );
};

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);
const withChannels = (shape: Shape, c: number): Shape => (isMap(shape) ? [shape[0], shape[1], c] : [c]);

/** The shape of every node. @throws ShapeError that names the node's path. */
export const shapes = (graph: Graph): ReadonlyMap<string, Shape> =>
  fold<Shape>(graph, (node, ins) => {
    try {
      return shapeOf(node.op, ins);
    } catch (e) {
      throw e instanceof ShapeError ? e.at(node.id) : e;
    }
  });
