/** @file Errors of shapes, and the checks that the shapes of all ops share. */
import { first } from '../access.ts';
import { MoonletError } from '../errors.ts';
import { type FeatureMap, isMap, type Op, type Padding, type Pair, type Shape } from './op.ts';
import { slide } from './window.ts';

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
  /** The same error with the path of its node. */
  at(path: string): ShapeError {
    return this.path ? this : new ShapeError(this.op, this.ins, this.reason, path);
  }
}

export const printShape = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** An op and its inputs under check: every failure is a ShapeError of this op. */
export class Check {
  readonly op: Op;
  readonly ins: readonly Shape[];
  constructor(op: Op, ins: readonly Shape[]) {
    this.op = op;
    this.ins = ins;
  }
  fail(reason: string): never {
    throw new ShapeError(this.op, this.ins, reason);
  }
  /** The shape of the only input. */
  one(): Shape {
    const { length } = this.ins;
    return length === 1 ? first(this.ins) : this.fail(`expects one input, got ${length}`);
  }
  /** The shape of the only input, which is a map. */
  map(): FeatureMap {
    const x = this.one();
    return isMap(x)
      ? x
      : this.fail('expects a feature map [h, w, c]; put it before globalPool() or flatten()');
  }
  /** The shape of the first of two or more inputs. */
  several(): Shape {
    const { length } = this.ins;
    return length >= 2 ? first(this.ins) : this.fail(`expects two inputs or more, got ${length}`);
  }
  /** A whole number from `least` up, or a failure that names it. */
  whole(name: string, n: number, least = 1): void {
    if (!Number.isInteger(n) || n < least)
      this.fail(`${name} must be a whole number from ${least} up, got ${n}`);
  }
  /** Height and width of what a window over the only input gives. */
  window(kernel: Pair, stride: Pair, dilation: Pair, padding: Padding): Pair {
    const map = this.map();
    for (const n of kernel) this.whole('kernel', n);
    for (const n of stride) this.whole('stride', n);
    for (const n of dilation) this.whole('dilation', n);
    if (typeof padding !== 'string') for (const n of padding) this.whole('padding', n, 0);
    const { size } = slide(map, { kernel, stride, dilation, padding });
    if (size[0] < 1 || size[1] < 1) {
      this.fail(
        `the ${kernel.join('x')} window does not fit; use a larger input, a smaller kernel or 'same' padding`,
      );
    }
    return size;
  }
}
