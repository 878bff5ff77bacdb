/** @file Products over channels with fixed weights. */
import { type Conv, isMap } from '../../../graph/index.ts';
import type { Call } from '../call.ts';

/** A 1x1 conv, or a dense layer, with these weights [in, out]. */
export function mixed(call: Call, id: string, out: number, data: Float32Array): string {
  const { draft, path } = call;
  const c = draft.channels(id);
  const isVector = !isMap(draft.shape(id));
  const shape = isVector ? [c, out] : [1, 1, c, out];
  const layer = { slots: { kernel: { encoding: 'float32', shape, data } }, names: {} } as const;
  return draft.emit(
    path,
    isVector ? { kind: 'dense', out, bias: false } : { ...pointwise, out },
    [id],
    layer,
  );
}
export const pointwise: Omit<Conv, 'out'> = {
  kind: 'conv',
  kernel: [1, 1],
  stride: [1, 1],
  dilation: [1, 1],
  groups: 1,
  padding: 'same',
  bias: false,
};

/** Repeats one channel: a conv, or a dense layer, of ones. */
export const repeated = (call: Call, id: string, c: number): string =>
  c === 1 ? id : mixed(call, id, c, new Float32Array(c).fill(1));
