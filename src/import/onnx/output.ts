/** @file An output as a node whose value has its channels in order. */
import { MoonletError, quote } from '../../errors.ts';
import { isMap } from '../../graph/index.ts';
import { Call, type Live, Unreadable } from './call.ts';
import type { Draft } from './draft.ts';
import { orderChannels, vectorSteps } from './layout.ts';
import { type Axes, isOnly, offsetsOf } from './view.ts';

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
    return { name, node: id, axes: lettersOf(axes) };
  } catch (e) {
    throw e instanceof Unreadable ? new MoonletError(`onnx output ${quote(name)}: ${e.message}`) : e;
  }
}

function flatOutput(draft: Draft, call: Call, name: string, value: Live, mixed: number): OnnxEnd {
  const steps = vectorSteps(draft.shape(value.id));
  const others = value.axes.filter((axis, i) => i !== mixed && !isOnly(axis, 'n'));
  if (others.length) return call.fail('its axes have a layout that is neither a map nor a vector');
  const order = offsetsOf(
    (value.axes[mixed] ?? []).map((atom) => ({ ...atom, step: atom.step * steps[atom.base] })),
  );
  const flat = draft.flat(call.path, value.id);
  const inOrder = order.every((from, i) => from === i);
  const node = inOrder ? flat : draft.emit(call.path, { kind: 'permute', order: [...order] }, [flat]);
  return { name, node, axes: 'nc' };
}

/** The letter of each axis; `1` for one of size 1. */
const lettersOf = (axes: Axes): string => axes.map(([atom]) => atom?.base ?? '1').join('');
