/** @file Computes the shapes of all values; no other file does shape arithmetic. */
import { match } from 'ts-pattern';
import { attentionShape } from './attention.ts';
import { fold } from './graph.ts';
import {
  type Conv,
  type ConvTranspose,
  channelsOf,
  codeRange,
  type Graph,
  isMap,
  type Node,
  type Norm,
  type Op,
  type Pad,
  type Pool,
  type Positions,
  type Quantize,
  type Resize,
  type Shape,
} from './op.ts';
import { Check, printShape, ShapeError } from './shape-check.ts';
import { slideBack } from './window.ts';

/**
 * The shape that an op makes of its inputs' shapes.
 * @throws ShapeError naming the op, its inputs, the reason and the remedy.
 * @example
 * import { graphs } from 'moonlet';
 *
 * graphs.shapeOf({ kind: 'globalPool', fn: 'avg' }, [[7, 7, 64]]); // [64]
 */
export const shapeOf = (op: Op, ins: readonly Shape[]): Shape => {
  const check = new Check(op, ins);
  // four kinds make up most of every net: a pattern match costs more than their shapes
  if (op.kind === 'conv') return convShape(op, check);
  if (op.kind === 'norm') return normShape(op, check);
  if (op.kind === 'act') return check.one();
  if (op.kind === 'add') return elementwiseShape(op.kind, check);
  return (
    match(op)
      .returnType<Shape>()
      // the most frequent first: patterns are tried in their order
      .with({ kind: 'mul' }, ({ kind }) => elementwiseShape(kind, check))
      .with({ kind: 'input' }, ({ shape }) => inputShape(shape, check))
      .with({ kind: 'pool' }, (pool) => poolShape(pool, check))
      .with({ kind: 'dense' }, ({ out }) => {
        check.whole('out', out);
        if (isMap(check.one())) check.fail('expects a vector [c]; add globalPool() or flatten() first');
        return [out];
      })
      .with({ kind: 'layerNorm' }, { kind: 'responseNorm' }, ({ kind, eps }) => {
        if (!(eps >= 0)) check.fail(`eps must be 0 or more, got ${eps}`);
        return kind === 'layerNorm' ? check.one() : check.map();
      })
      .with({ kind: 'groupNorm' }, ({ eps, groups }) => {
        if (!(eps >= 0)) check.fail(`eps must be 0 or more, got ${eps}`);
        check.whole('groups', groups);
        const c = channelsOf(check.one());
        if (c % groups) check.fail(`${c} channels do not divide into ${groups} groups`);
        return check.one();
      })
      .with({ kind: 'scale' }, ({ initial }) => {
        if (!Number.isFinite(initial)) check.fail(`initial must be a finite number, got ${initial}`);
        return check.one();
      })
      .with({ kind: 'positions' }, (op) => positionsShape(op, check))
      .with({ kind: 'attention' }, (attention) => attentionShape(attention, check))
      .with({ kind: 'convTranspose' }, (conv) => convTransposeShape(conv, check))
      .with({ kind: 'globalPool' }, () => [channelsOf(check.map())])
      .with({ kind: 'flatten' }, () => [check.map().reduce((n, d) => n * d, 1)])
      .with({ kind: 'dropout' }, { kind: 'dropPath' }, ({ rate }) => {
        if (!(rate >= 0 && rate < 1)) check.fail(`rate must be a number from 0 up and below 1, got ${rate}`);
        return check.one();
      })
      .with({ kind: 'quantize' }, (quantize) => quantizeShape(quantize, check))
      .with({ kind: 'concat' }, () => concatShape(check))
      .with({ kind: 'slice' }, ({ from, to }) => {
        const c = channelsOf(check.one());
        check.whole('from', from, 0);
        check.whole('to', to);
        if (from >= to || to > c) check.fail(`channels ${from} to ${to} do not lie within 0 to ${c}`);
        return withChannels(check.one(), to - from);
      })
      .with({ kind: 'shuffle' }, ({ groups }) => {
        check.whole('groups', groups);
        const c = channelsOf(check.one());
        if (c % groups) check.fail(`${c} channels do not divide into ${groups} groups`);
        return check.one();
      })
      .with({ kind: 'permute' }, ({ order }) => permuteShape(order, check))
      .with({ kind: 'maxout' }, ({ pieces }) => {
        check.whole('pieces', pieces);
        const c = channelsOf(check.one());
        if (c % pieces) check.fail(`${c} channels do not divide into units of ${pieces} pieces`);
        return withChannels(check.one(), c / pieces);
      })
      .with({ kind: 'shift' }, ({ kernel }) => {
        check.whole('kernel', kernel);
        if (kernel % 2 === 0) check.fail(`the kernel must be odd, got ${kernel}`);
        return check.map();
      })
      .with({ kind: 'pixelShuffle' }, ({ factor }) => {
        check.whole('factor', factor);
        const [h, w, c] = check.map();
        if (c % factor ** 2)
          check.fail(`${c} channels do not divide into squares of ${factor}x${factor} places`);
        return [h * factor, w * factor, c / factor ** 2];
      })
      .with({ kind: 'pad' }, (pad) => padShape(pad, check))
      .with({ kind: 'resize' }, (resize) => resizeShape(resize, check))
      .with({ kind: 'upsample' }, ({ factor }) => {
        check.whole('factor', factor);
        const [h, w, c] = check.map();
        return [h * factor, w * factor, c];
      })
      .exhaustive()
  );
};

function positionsShape({ features, temperature }: Positions, check: Check): Shape {
  if (!(features > 0) || features % 4) check.fail(`features must be a multiple of 4, got ${features}`);
  if (!(temperature > 0 && Number.isFinite(temperature)))
    check.fail(`temperature must be a number above 0, got ${temperature}`);
  return check.map();
}

function convShape({ out, kernel, stride, dilation, groups, padding }: Conv, check: Check): Shape {
  const c = channelsOf(check.map());
  check.whole('out', out);
  check.whole('groups', groups);
  if (c % groups || out % groups)
    check.fail(`${c} -> ${out} channels do not divide into ${groups} groups; choose a divisor of both`);
  return [...check.window(kernel, stride, dilation, padding), out];
}

function convTransposeShape(conv: ConvTranspose, check: Check): Shape {
  const { out, kernel, stride, dilation, groups, padding, outputPadding } = conv;
  const [h, w, c] = check.map();
  check.whole('out', out);
  check.whole('groups', groups);
  if (c % groups || out % groups)
    check.fail(`${c} -> ${out} channels do not divide into ${groups} groups; choose a divisor of both`);
  for (const n of [...kernel, ...stride, ...dilation]) check.whole('kernel, stride or dilation', n);
  outputPadding.forEach((n, i) => {
    check.whole('outputPadding', n, 0);
    if (n >= (stride[i] ?? 1)) check.fail(`outputPadding ${n} must be below the stride ${stride[i]}`);
    if (n && padding === 'same')
      check.fail("outputPadding is for explicit padding; with 'same' it must be 0");
  });
  if (typeof padding !== 'string') for (const n of padding) check.whole('padding', n, 0);
  const { size } = slideBack([h, w], conv);
  if (size.some((n) => n < 1))
    check.fail(`padding cuts off all ${kernel.join('x')} windows; use less padding or a larger input`);
  return [...size, out];
}

function resizeShape({ size, fn, align }: Resize, check: Check): Shape {
  for (const n of size) check.whole('size', n);
  if (fn === 'nearest' && align === 'corners')
    check.fail(
      "nearest has no align 'corners', since halves would round in two ways; use 'centres' or 'edges'",
    );
  return [...size, check.map()[2]];
}

function normShape({ eps, momentum }: Norm, check: Check): Shape {
  if (!(eps >= 0)) check.fail(`eps must be 0 or more, got ${eps}`);
  if (!(momentum >= 0 && momentum <= 1)) check.fail(`momentum must lie within 0 and 1, got ${momentum}`);
  return check.one();
}

function padShape({ pads }: Pad, check: Check): Shape {
  const [h, w, c] = check.map();
  if (!pads.every(Number.isInteger)) check.fail(`pads must be whole numbers, got ${pads.join(', ')}`);
  const [top, right, bottom, left] = pads;
  const size = [h + top + bottom, w + left + right] as const;
  const isCutAway = Math.min(h + Math.min(top, bottom), w + Math.min(left, right), ...size) < 1;
  if (isCutAway) check.fail(`pads of ${pads.join(', ')} leave nothing of ${h}x${w} places`);
  return [size[0], size[1], c];
}

function inputShape(shape: Shape, check: Check): Shape {
  const { length }: readonly number[] = shape;
  if (length !== 1 && length !== 3)
    check.fail(`expects a map [h, w, c] or a vector [c], got ${printShape(shape)}`);
  for (const n of shape) check.whole('size', n);
  return shape;
}

function poolShape({ size, stride, padding }: Pool, check: Check): Shape {
  const places = check.window(size, stride, [1, 1], padding);
  if (typeof padding !== 'string') {
    // a larger padding would make windows of padding alone, which have no largest and no mean value
    const [top, right, bottom, left] = padding;
    if (Math.max(top, bottom) >= size[0] || Math.max(right, left) >= size[1])
      check.fail(`padding ${printShape(padding)} must be smaller than the ${size.join('x')} window`);
  }
  return [...places, channelsOf(check.map())];
}

function quantizeShape({ scale, zero, bits, signed }: Quantize, check: Check): Shape {
  if (!(scale > 0 && Number.isFinite(scale))) check.fail(`scale must be a number above 0, got ${scale}`);
  check.whole('bits', bits, 2);
  if (bits > 8) check.fail(`bits must be 8 at most, got ${bits}`);
  const [low, high] = codeRange({ bits, signed });
  if (!Number.isInteger(zero) || zero < low || zero > high)
    check.fail(`zero must be a whole number from ${low} to ${high}, got ${zero}`);
  return check.one();
}

/** Equal shapes, or for `mul` also gates [c]. */
function elementwiseShape(kind: 'add' | 'mul', check: Check): Shape {
  const shape = check.several();
  const isGate = (s: Shape): boolean =>
    kind === 'mul' && s.length === 1 && channelsOf(s) === channelsOf(shape);
  if (!check.ins.every((s) => sameShape(s, shape) || isGate(s)))
    check.fail(
      kind === 'add'
        ? 'expects equal shapes; match them with a 1x1 conv (and its stride)'
        : 'expects equal shapes, or a map and a gate [c] of as many channels',
    );
  return shape;
}

function concatShape(check: Check): Shape {
  const shape = check.several();
  const fits = (s: Shape): boolean =>
    s.length === shape.length && sameShape(s.slice(0, -1), shape.slice(0, -1));
  if (!check.ins.every(fits))
    check.fail('expects maps of one height and width, or vectors; pool or upsample the others first');
  return withChannels(
    shape,
    check.ins.reduce((c, s) => c + channelsOf(s), 0),
  );
}

function permuteShape(order: readonly number[], check: Check): Shape {
  const c = channelsOf(check.one());
  const inRange = order.every((i) => Number.isInteger(i) && i >= 0 && i < c);
  if (order.length !== c || new Set(order).size !== c || !inRange)
    check.fail(`the order must name each of the ${c} channels once`);
  return check.one();
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);
const withChannels = (shape: Shape, c: number): Shape => (isMap(shape) ? [shape[0], shape[1], c] : [c]);

/**
 * The shape of every node's value, by node id.
 * @throws ShapeError that names the node's path.
 * @example
 * import { shapes } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * shapes(wrn()).get('head/dense'); // [10]
 */
export function shapes(graph: Graph): ReadonlyMap<string, Shape> {
  const before = latest.nodes === graph.nodes ? latest.found : known.get(graph.nodes);
  if (before) return before;
  const found = fold<Shape>(graph, (node, ins) => {
    try {
      return shapeOf(node.op, ins);
    } catch (e) {
      throw e instanceof ShapeError ? e.at(node.id) : e;
    }
  });
  if (Object.isFrozen(graph.nodes)) known.set(graph.nodes, found); // a builder made it
  return found;
}

/** Shapes by the list of nodes, which its builder has frozen. */
const known = new WeakMap<readonly Node[], ReadonlyMap<string, Shape>>();
/** Those of the graph that was built last: searches look at a graph once. */
let latest: { readonly nodes: readonly Node[]; readonly found: ReadonlyMap<string, Shape> } = {
  nodes: [],
  found: new Map(),
};
/** Keeps the shapes that a builder has computed of its nodes, which it freezes. */
export function keepShapes(nodes: readonly Node[], found: ReadonlyMap<string, Shape>): void {
  latest = { nodes, found };
}
