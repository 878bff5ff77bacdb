/** @file Ops that run in any layout: elementwise ops, reductions, reshapes and matrix products. Each runs where the fewest values must move. */

import { int } from '../../onnx/index.ts';
import { sameShape } from '../build.ts';
import type { OpOf, Value } from '../ir.ts';
import { nth, sizeOf } from '../types.ts';
import { placesMean } from './blocked-ops.ts';
import { chooseLayout, isWhole, operand } from './choose.ts';
import type { Emitter } from './emitter.ts';
import { blocks, isPlain, type Layout, lay, nchw, plain } from './layout.ts';
import { plainMap } from './plain-map.ts';

/** x times a factor for each channel. Where lowering took no factor out of a norm's gradient, it is 1 and costs nothing. */
export function lowerChannelScale(e: Emitter, x: Value, factor: Value, y: Value): void {
  if (e.numberOf(factor) === 1) return e.alias(y, x);
  e.put(y, e.emit1('Mul', [e.get(x), e.get(factor)]));
}

export function lowerMap(e: Emitter, op: OpOf<'map'>, inputs: readonly Value[], y: Value): void {
  if (e.layouts(y).length > 0) return; // a fusion: the node that made the operand has computed this as well
  const rank = y.shape.length;
  const isPerChannel = ({ shape }: Value): boolean =>
    shape.at(-1) === y.shape[3] && shape.slice(-3, -1).every((dim) => dim === 1);
  const mayBlock =
    isWhole(e, y) &&
    inputs.every((x) => sameShape(x.shape, y.shape) || sizeOf(x.shape) === 1 || isPerChannel(x));
  const layout = chooseLayout(e, inputs, rank, mayBlock);
  // a constant with one value everywhere broadcasts as a scalar where another operand gives the shape
  const asScalar = (x: Value): string | undefined => {
    const { op: source } = x.node;
    const alone = !inputs.some((other) => other !== x && sameShape(other.shape, y.shape));
    return source.kind === 'constant' && typeof source.data === 'number' && !alone
      ? e.scalar(source.data, x.dtype)
      : undefined;
  };
  const isBroadcast = (x: Value): boolean => !sameShape(x.shape, y.shape) && sizeOf(x.shape) > 1;
  if (layout === blocks && inputs.some((x) => isBroadcast(x) && asScalar(x) === undefined)) {
    const operands = inputs.map((x) => asScalar(x) ?? (sizeOf(x.shape) > 1 ? inBlocks(e, x) : e.get(x)));
    return e.put(
      y,
      e.reshape(e.emit1(op.op, operands, op.attributes, op.domain), lay(y.shape, nchw)),
      blocks,
    );
  }
  const named = (x: Value): string => asScalar(x) ?? operand(e, x, rank, layout);
  e.put(
    y,
    plainMap(e, op, inputs, named) ?? e.emit1(op.op, inputs.map(named), op.attributes, op.domain),
    layout,
  );
}

/** An image in blocks, or one number for each channel, in the order of memory: [batch, blocks, places, block]. */
function inBlocks(e: Emitter, x: Value): string {
  const [channels = 1, width = 1, height = 1, batch = 1] = x.shape.toReversed();
  const { block = 1 } = e;
  const places = height * width;
  const name = places === 1 ? e.get(x) : e.get(x, blocks);
  return e.reshape(name, [batch, channels / block, places, block]);
}

export function lowerReduce(e: Emitter, op: OpOf<'reduce'>, x: Value, y: Value): void {
  const overPlaces = op.axes.toSorted((a, b) => a - b).join() === '1,2';
  if (op.op === 'ReduceMean' && overPlaces && isWhole(e, x) && e.has(x, blocks)) {
    return e.put(y, e.reshape(placesMean(e, e.get(x, blocks)), y.shape));
  }
  const layout = chooseLayout(e, [x], x.shape.length);
  const axes = op.axes.map((axis) => layout.indexOf(axis));
  const left = layout.filter((axis) => !op.axes.includes(axis)); // axes of x, in the order they stay in memory
  const ascending = left.toSorted((a, b) => a - b);
  const result: Layout = op.keepDims ? layout : left.map((axis) => ascending.indexOf(axis));
  const attributes = { keepdims: int(op.keepDims ? 1 : 0) };
  e.put(y, e.emit1(op.op, [e.get(x, layout), e.longs(axes)], attributes), result);
}

/**
 * A reshape that splits or merges channels moves nothing in a channels-first image: [b, c, h, w] is [b, g, c/g, h, w].
 */
export function lowerReshape(e: Emitter, x: Value, y: Value): void {
  if (
    e.carry &&
    x.shape.length === 4 &&
    y.shape.length > 4 &&
    sameShape(x.shape.slice(0, 3), y.shape.slice(0, 3))
  ) {
    // with channels first of all, the parts of the channels would lie before the batch
    if (!isPlain(chooseLayout(e, [x], 4)))
      return e.put(y, e.reshape(e.get(x, nchw), lay(y.shape, split(y.shape.length))), split(y.shape.length));
  }
  if (
    e.carry &&
    x.shape.length > 4 &&
    y.shape.length === 4 &&
    sameShape(x.shape.slice(0, 3), y.shape.slice(0, 3))
  ) {
    const firsts = e
      .layouts(x)
      .some((layout) => layout.indexOf(1) === layout.length - 2 && layout.at(-1) === 2);
    if (firsts) return e.put(y, e.reshape(e.get(x, split(x.shape.length)), lay(y.shape, split(4))), split(4));
  }
  e.put(y, e.reshape(e.get(x), y.shape));
}

/** The axes in the order batch, parts of the channels, height, width. */
const split = (rank: number): Layout => [0, ...plain(rank).slice(3), 1, 2];

/** A transpose moves nothing: the same memory is another layout of the result. */
export function lowerTranspose(e: Emitter, perm: readonly number[], x: Value, y: Value): void {
  if (!e.carry) return e.put(y, e.transpose(e.get(x), perm));
  const permutations = e.layouts(x).filter((layout) => layout !== blocks);
  if (permutations.length === 0) permutations.push(e.has(x, blocks) ? nchw : plain(x.shape.length));
  for (const layout of permutations)
    e.put(
      y,
      e.get(x, layout),
      layout.map((axis) => perm.indexOf(axis)),
    );
}

export function lowerConcat(e: Emitter, axis: number, inputs: readonly Value[], y: Value): void {
  const mayBlock = axis === 3 && inputs.every((input) => isWhole(e, input));
  const layout = chooseLayout(e, inputs, y.shape.length, mayBlock);
  const parts = inputs.map((input) => e.get(input, layout));
  e.put(y, e.emit1('Concat', parts, { axis: int(layout.indexOf(axis)) }), layout);
}

export function lowerPad(e: Emitter, op: OpOf<'pad'>, x: Value, y: Value): void {
  const layout = chooseLayout(e, [x], x.shape.length);
  const inputs = [e.get(x, layout), e.longs([...lay(op.before, layout), ...lay(op.after, layout)])];
  if (op.mode === 'constant' && op.value !== 0) inputs.push(e.scalar(op.value, x.dtype));
  const attributes = op.mode === 'constant' ? {} : { mode: { kind: 'string', value: op.mode } as const };
  e.put(y, e.emit1('Pad', inputs, attributes), layout);
}

export function lowerSlice(e: Emitter, op: OpOf<'slice'>, x: Value, y: Value): void {
  const layout = chooseLayout(e, [x], x.shape.length);
  const touched = plain(x.shape.length).filter(
    (axis) => y.shape[axis] !== x.shape[axis] || (op.strides[axis] ?? 1) < 0,
  );
  const ends = touched.map((axis) => {
    const [begin, stride, size] = [op.begin[axis] ?? 0, op.strides[axis] ?? 1, y.shape[axis] ?? 0];
    const end = begin + stride * size;
    // ONNX counts a negative end from the back, so that an end before the first value must be far below 0
    return stride < 0 && end < 0 ? -2147483648 : end;
  });
  const name = e.emit1('Slice', [
    e.get(x, layout),
    e.longs(touched.map((axis) => op.begin[axis] ?? 0)),
    e.longs(ends),
    e.longs(touched.map((axis) => layout.indexOf(axis))),
    e.longs(touched.map((axis) => op.strides[axis] ?? 1)),
  ]);
  e.put(y, name, layout);
}

export function lowerMatmul(e: Emitter, op: OpOf<'matmul'>, a: Value, b: Value, y: Value): void {
  if (a.shape.length === 2 && b.shape.length === 2 && a.dtype === 'float32') {
    const attributes = { transA: int(op.transposeA ? 1 : 0), transB: int(op.transposeB ? 1 : 0) };
    return e.put(
      y,
      op.transposeA || op.transposeB
        ? e.emit1('Gemm', [e.get(a), e.get(b)], attributes)
        : e.emit1('MatMul', [e.get(a), e.get(b)]),
    );
  }
  const turned = (value: Value, turn: boolean): string => {
    const axes = plain(value.shape.length);
    return e.get(value, turn ? [...axes.slice(0, -2), ...axes.slice(-2).reverse()] : axes);
  };
  e.put(y, e.emit1('MatMul', [turned(a, op.transposeA), turned(b, op.transposeB)]));
}

/** Any other ONNX op. ONNX's indices are int64 and tf's int32; a few ops take int64 vectors where the graph has int32 constants. */
export function lowerOnnx(
  e: Emitter,
  op: OpOf<'onnx'>,
  inputs: readonly Value[],
  outputs: readonly Value[],
): void {
  const longAt: Readonly<Record<string, number>> = { Tile: 1 };
  const castAt: Readonly<Record<string, number>> = { ScatterND: 1 };
  const names = inputs.map((input, i) => {
    if (longAt[op.op] === i && input.node.op.kind === 'constant') {
      const { data } = input.node.op;
      return e.longs(
        typeof data === 'number' ? Array<number>(input.shape[0] ?? 1).fill(data) : Array.from(data),
      );
    }
    return castAt[op.op] === i ? e.emit1('Cast', [e.get(input)], { to: int(7) }) : e.get(input);
  });
  if (op.op === 'TopK')
    names.push(e.longs([op.attributes?.['k']?.kind === 'int' ? op.attributes['k'].value : 1]));
  if (op.op === 'Split') names.push(e.longs(outputs.map(({ shape }) => shape[0] ?? 0)));
  const attributes =
    op.op === 'TopK'
      ? {}
      : op.op === 'ScatterND'
        ? { reduction: { kind: 'string', value: 'add' } as const }
        : op.attributes;
  const results = e.emit(op.op, names, attributes, outputs.length);
  outputs.forEach((output, i) => {
    const long = (op.op === 'TopK' && i === 1) || op.op === 'ArgMax' || op.op === 'ArgMin';
    const name = nth(results, i);
    e.put(output, long ? e.emit1('Cast', [name], { to: int(6) }) : name);
  });
}
