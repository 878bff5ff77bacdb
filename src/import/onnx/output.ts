/** @file An output as a node whose value has its channels in order. */
import { MoonletError, quote } from '../../errors.ts';
import { isMap } from '../../graph/index.ts';
import { Call, type Live, Unreadable } from './call.ts';
import type { Draft } from './draft.ts';
import { orderChannels, vectorSteps } from './layout.ts';
import { type Axes, type Axis, isOnly, isWhole, offsetsOf, printAxes } from './view.ts';

export interface OnnxEnd {
  /** The name in the file. */
  readonly name: string;
  readonly node: string;
  /** The order of its axes in the file, such as `nchw`; `1` stands for an axis of size 1. */
  readonly axes: string;
}

/** @throws MoonletError when its axes are those of no map and no vector. */
export function outputOf(draft: Draft, name: string, value: Live): OnnxEnd {
  const node = { name, opType: 'output', inputs: [], outputs: [name] };
  const call = new Call({ node, draft, opset: 0, path: `${name}/out`, inputs: [] });
  const mixed = value.axes.findIndex((axis) => new Set(axis.map(({ base }) => base)).size > 1);
  try {
    if (mixed >= 0 && isMap(draft.shape(value.id))) return flatOutput(draft, call, name, value, mixed);
    const index = value.axes.findIndex((axis) => axis.length > 0 && isOnly(axis, 'c'));
    const { id, axes } = index < 0 ? value : orderChannels(call, value, index);
    return { name, node: id, axes: lettersOf(call, { ...value, id, axes }) };
  } catch (e) {
    throw e instanceof Unreadable ? new MoonletError(`onnx output ${quote(name)}: ${e.message}`) : e;
  }
}

function flatOutput(draft: Draft, call: Call, name: string, value: Live, mixed: number): OnnxEnd {
  const steps = vectorSteps(draft.shape(value.id));
  const isBatched = value.axes.every((axis, i) =>
    i !== mixed ? isOnly(axis, 'n') : axis.every(({ base }) => base !== 'n' && base !== '*'),
  );
  if (!isBatched) return call.fail(unlike(value.axes));
  const order = offsetsOf(
    (value.axes[mixed] ?? []).map((atom) => ({ ...atom, step: atom.step * steps[atom.base] })),
  );
  const flat = draft.flat(`${call.path}/flatten`, value.id);
  const inOrder = order.every((from, i) => from === i);
  const node = inOrder ? flat : draft.emit(call.path, { kind: 'permute', order: [...order] }, [flat]);
  const axes = value.axes.map((axis, i) => (i === mixed ? 'c' : letterOf(axis))).join('');
  return { name, node, axes };
}

const unlike = (axes: Axes): string =>
  `its axes have the layout ${printAxes(axes)}, which is neither a map nor a vector`;
const letterOf = ([atom]: Axis): string => atom?.base ?? '1';
/** The letter of each axis; `1` for one of size 1. @throws Unreadable where an axis is split, joined, cut or repeated. */
function lettersOf(call: Call, value: Live): string {
  const shape = call.draft.shape(value.id);
  const [h, w, c] = isMap(shape) ? shape : [1, 1, shape[0]];
  const isOne = (axis: Axis): boolean =>
    axis.length === 0 ||
    (axis.length === 1 && isOnly(axis, 'n')) ||
    isWhole(axis, 'h', h) ||
    isWhole(axis, 'w', w) ||
    isWhole(axis, 'c', c);
  const letters = value.axes.filter((axis) => axis.length > 0).map(letterOf);
  const needed = [h > 1 ? 'h' : '', w > 1 ? 'w' : '', c > 1 ? 'c' : ''];
  const isWholeValue = needed.every((letter) => letter === '' || letters.includes(letter));
  if (!value.axes.every(isOne) || new Set(letters).size < letters.length || !isWholeValue)
    return call.fail(unlike(value.axes));
  return value.axes.map(letterOf).join('');
}
