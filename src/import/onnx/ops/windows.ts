/** @file Windows over maps: their size and their padding in every form of ONNX. */
import { type FeatureMap, isMap, type Padding, type Pair, type Shape, slide } from '../../../graph/index.ts';
import type { Call, Live, Value } from '../call.ts';
import { channelAxis } from '../layout.ts';
import { isWhole, whole } from '../view.ts';

export interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly padding: Padding;
}
export type Sides = readonly [top: number, right: number, bottom: number, left: number];

export const pair = (call: Call, name: string, otherwise: Pair = [1, 1]): Pair => {
  const list = call.ints(name);
  if (!list) return otherwise;
  const [h, w] = list;
  return h === undefined || w === undefined || list.length !== 2
    ? call.fail(`${name} has ${list.length} numbers; only windows over height and width are read`)
    : [h, w];
};

/** The window of a node over a map of this shape. */
export function windowOf(call: Call, kernel: Pair, shape: Shape): Window {
  const [stride, dilation] = [pair(call, 'strides'), pair(call, 'dilations')];
  const mode = call.text('auto_pad', 'NOTSET');
  const window = { kernel, stride, dilation };
  if (mode === 'VALID') return { ...window, padding: 'valid' };
  if (mode === 'SAME_UPPER') return { ...window, padding: 'same' };
  const [h, w] = isMap(shape) ? shape : [1, 1];
  const reach = ([0, 1] as const).map((i) => dilation[i] * (kernel[i] - 1) + 1);
  if (mode === 'SAME_LOWER') {
    const sides = [h, w].map((n, i) => {
      const s = stride[i] ?? 1;
      const sum = Math.max(0, (Math.ceil(n / s) - 1) * s + (reach[i] ?? 1) - n);
      return [Math.ceil(sum / 2), Math.floor(sum / 2)];
    });
    const [[top = 0, bottom = 0] = [], [left = 0, right = 0] = []] = sides;
    return { ...window, padding: simplest({ ...window, padding: [top, right, bottom, left] }) };
  }
  if (mode !== 'NOTSET') call.fail(`auto_pad ${mode} is not one of ONNX`);
  const [top = 0, left = 0, bottom = 0, right = 0] = call.ints('pads') ?? [];
  return { ...window, padding: simplest({ ...window, padding: [top, right, bottom, left] }) };
}

/** `same` where it means these sides for every input size, `valid` for none. */
export function simplest({ kernel, stride, dilation, padding }: Window): Padding {
  if (typeof padding === 'string') return padding;
  const same = ([0, 1] as const).every((i) => {
    const sum = dilation[i] * (kernel[i] - 1);
    const [before, after] = i ? [padding[3], padding[1]] : [padding[0], padding[2]];
    return (stride[i] === 1 || sum === 0) && before === sum / 2 && after === sum / 2;
  });
  if (same) return 'same';
  return padding.every((side) => side === 0) ? 'valid' : padding;
}

/** Padding in numbers. */
export function sidesIn(map: readonly number[], window: Window): Sides {
  const { top, right, bottom, left } = slide(map, window).pads;
  return [top, right, bottom, left];
}

/** A window that takes up the padding of a `pad` before it. */
export function withPads(call: Call, id: string, window: Window): { id: string; window: Window } {
  const { op, inputs } = call.draft.node(id);
  const [source] = inputs;
  if (op.kind !== 'pad' || source === undefined || Math.min(...op.pads) < 0) return { id, window };
  const own = sidesIn(call.draft.shape(id), window);
  const [top, right, bottom, left] = op.pads;
  const padding = [top + own[0], right + own[1], bottom + own[2], left + own[3]] as const;
  return { id: source, window: { ...window, padding: simplest({ ...window, padding }) } };
}

/** Pad with zeros; negative pads cut. */
export function pad(call: Call): readonly Value[] {
  const x = call.live(0);
  const mode = call.text('mode', 'constant');
  const pads = call.intsOrInput('pads', 1) ?? [];
  const value = call.float('value', call.inputs[2] ? (call.numbers(2)?.[0] ?? 0) : 0);
  const rank = x.axes.length;
  if (pads.every((p) => p === 0)) return [x];
  if (mode !== 'constant') return call.fail(`mode ${mode} has no counterpart; only zeros are read`);
  if (value !== 0) return call.fail(`pads with ${value}; only zeros are read`);
  const axes = call.numbers(3) ?? x.axes.map((_, i) => i);
  const half = pads.length / 2;
  const around = (at: number): readonly [number, number] => {
    const index = axes.findIndex((axis) => call.axis(axis, rank) === at);
    return index < 0 ? [0, 0] : [pads[index] ?? 0, pads[index + half] ?? 0];
  };
  const { draft, path } = call;
  const shape = draft.shape(x.id);
  const sides: readonly number[] = isMap(shape) ? sideAxes(call, x, shape) : [];
  const isOther = (i: number): boolean => !sides.includes(i) && around(i).some((n) => n !== 0);
  if (!isMap(shape) || x.axes.some((_, i) => isOther(i)))
    return call.fail('pads the batch, the channels or a vector; only maps are padded');
  const [[top, bottom], [left, right]] = [around(sides[0] ?? -1), around(sides[1] ?? -1)];
  const id = draft.emit(path, { kind: 'pad', pads: [top, right, bottom, left] }, [x.id]);
  const [h, w] = draft.shape(id);
  const grown = x.axes.map((axis, i) =>
    i === sides[0] ? whole('h', h) : i === sides[1] ? whole('w', w ?? 1) : axis,
  );
  return call.result(id, grown);
}

/** Which axes are the rows and the columns of a map; -1 where none is. One row is an axis of no size: it stands where maps have it. */
function sideAxes(call: Call, x: Live, shape: FeatureMap): readonly [h: number, w: number] {
  const at = (base: 'h' | 'w', size: number, place: number): number => {
    const found = x.axes.findIndex((axis) => axis.length > 0 && isWhole(axis, base, size));
    return found < 0 && x.axes[place]?.length === 0 ? place : found;
  };
  const isLine = (shape[0] === 1 || shape[1] === 1) && x.axes.length === 4;
  const first = isLine ? (channelAxis(call, x) === 1 ? 2 : 1) : -2;
  return [at('h', shape[0], first), at('w', shape[1], first + 1)];
}
