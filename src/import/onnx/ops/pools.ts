/** @file Pooling: MaxPool and AveragePool with every kind of padding, and whole maps. */
import { isMap, type Padding } from '../../../graph/index.ts';
import type { Call, Value } from '../call.ts';
import { asMap, channelsFirst } from '../layout.ts';
import type { Axes, Axis } from '../view.ts';
import { pair, sidesIn, simplest, type Window, windowOf, withPads } from './windows.ts';

/** MaxPool and AveragePool. */
export function pool(call: Call): readonly Value[] {
  const fn = call.node.opType === 'MaxPool' ? 'max' : 'avg';
  if (call.node.outputs.length > 1 && call.node.outputs[1])
    call.fail('the output Indices has no counterpart');
  const x = asMap(call, call.live(0));
  const kernel = pair(call, 'kernel_shape');
  const window = windowOf(call, kernel, x.shape);
  if (window.dilation.some((d) => d !== 1))
    call.fail(`dilations ${window.dilation.join(', ')} of a pool have no counterpart`);
  const { draft, path } = call;
  if (!isMap(x.shape)) {
    const single = window.padding === 'same' || (kernel[0] === 1 && kernel[1] === 1);
    return single ? call.result(x.id, x.axes) : call.fail('a pool over a vector');
  }
  const { padding, id } = poolPadding(call, fn, x.id, x.shape, window);

  const batch = x.axes[0] ?? [];

  const op = { kind: 'pool', fn, size: kernel, stride: window.stride, padding } as const;
  const pooled = draft.emit(path, op, [id]);
  return call.result(pooled, channelsFirst(batch, draft.shape(pooled)));
}

/** Padding that a pool does not count, after padding that it counts has become a `pad`. */
function poolPadding(
  call: Call,
  fn: 'max' | 'avg',
  id: string,
  [h, w]: readonly [number, number, number],
  window: Window,
): { readonly padding: Padding; readonly id: string } {
  const { kernel, stride } = window;
  const sides = sidesIn([h, w], window);
  const [top, right, bottom, left] = sides;
  const ceil = call.int('ceil_mode', 0) === 1;
  const extra = (n: number, before: number, after: number, i: 0 | 1): number => {
    if (!ceil) return 0;
    const room = n + before + after - kernel[i];
    let steps = Math.ceil(room / stride[i]);
    if (steps * stride[i] >= n + before) steps--; // a window that begins in the padding at the end is left out
    return Math.max(0, steps * stride[i] - room);
  };
  const [below, beside] = [extra(h, top, bottom, 0), extra(w, left, right, 1)];
  const { draft, path } = call;
  if (fn === 'avg' && call.int('count_include_pad', 0) === 1 && sides.some((side) => side > 0)) {
    const pads = draft.emit(`${path}/pad`, { kind: 'pad', pads: sides }, [id]);
    return { id: pads, padding: simplest({ ...window, padding: [0, beside, below, 0] }) };
  }
  if (!below && !beside) return nonNegativePads(call, fn, id, window);
  return { id, padding: [top, right + beside, bottom + below, left] };
}

/** A max pool over zeros around values from 0 up is one over nothing around them. */
function nonNegativePads(
  call: Call,
  fn: 'max' | 'avg',
  id: string,
  window: Window,
): { id: string; padding: Padding } {
  const { op, inputs } = call.draft.node(id);
  const [source = ''] = inputs;
  const before = op.kind === 'pad' ? call.draft.node(source).op : undefined;
  const isPositive = before?.kind === 'act' && /^(relu6?|sigmoid|hardSigmoid)$/.test(before.fn);
  if (fn !== 'max' || op.kind !== 'pad' || !isPositive) return { id, padding: window.padding };
  const merged = withPads(call, id, window);
  const sides = sidesIn(call.draft.shape(merged.id), merged.window);
  const [kh, kw] = window.kernel;
  const fits = Math.max(sides[0], sides[2]) < kh && Math.max(sides[1], sides[3]) < kw;
  return fits ? { id: merged.id, padding: merged.window.padding } : { id, padding: window.padding };
}

/** GlobalAveragePool and GlobalMaxPool. */
export function globalPool(call: Call): readonly Value[] {
  const x = asMap(call, call.live(0));
  const fn = call.node.opType === 'GlobalMaxPool' ? 'max' : 'avg';
  return call.result(...pooledAll(call, x.id, fn, x.axes[0] ?? []));
}
function pooledAll(call: Call, id: string, fn: 'avg' | 'max', batch: Axis): [string, Axes] {
  const { draft, path } = call;
  const all = isMap(draft.shape(id)) ? draft.emit(path, { kind: 'globalPool', fn }, [id]) : id;
  return [all, channelsFirst(batch, draft.shape(all))];
}
