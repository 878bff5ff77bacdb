/** @file Talking heads, which files have as 1x1 convs over heads: of the scores of an attention, and of its weights. */
import { float, materialize } from '../../../weights/index.ts';
import type { Draft, Layer } from '../draft.ts';

/** A 1x1 conv over the heads of scores or weights: what it mixes, its kernel and its offsets; undefined for other values. */
export function mixOf(draft: Draft, id: string): { readonly of: string; readonly mix: Mix } | undefined {
  const { op, inputs, layer } = draft.node(id);
  const [of] = inputs;
  const kernel = layer?.slots.kernel;
  if (op.kind !== 'conv' || of === undefined || !kernel || op.groups !== 1) return undefined;
  const isPoint = [...op.kernel, ...op.stride].every((n) => n === 1) && op.out === draft.channels(of);
  const kind = draft.node(of).op.kind;
  if (!isPoint || (kind !== 'scores' && kind !== 'weights' && kind !== 'affine')) return undefined;
  const bias = layer?.slots.bias;
  const offsets = bias ? materialize(bias) : new Float32Array(op.out);
  return { of, mix: { kernel: materialize(kernel), offsets } };
}
export interface Mix {
  readonly kernel: Float32Array;
  readonly offsets: Float32Array;
}

/** Mixes of heads, those before the softmax and those after it, as one kernel and one offset. */
export const mixSlots = (heads: number, mixes: readonly Mix[]): Layer['slots'] => ({
  kernel: float([mixes.length, heads, heads], Float32Array.from(mixes.flatMap(({ kernel }) => [...kernel]))),
  beta: float([mixes.length, heads], Float32Array.from(mixes.flatMap(({ offsets }) => [...offsets]))),
});

/** Of heads that are not mixed. */
const same = (heads: number): Mix => ({
  kernel: Float32Array.from({ length: heads ** 2 }, (_, i) => (i % (heads + 1) ? 0 : 1)),
  offsets: new Float32Array(heads),
});

/** The slots of the weights with the mix after them as those of a whole attention; undefined where no heads are mixed. */
export function bothMixes(
  heads: number,
  layer: Layer | undefined,
  after: Mix | undefined,
): Layer | undefined {
  const { kernel, beta, ...others } = layer?.slots ?? {};
  const before = kernel && beta && { kernel: materialize(kernel), offsets: materialize(beta) };
  if (!before && !after) return undefined;
  return {
    slots: { ...others, ...mixSlots(heads, [before ?? same(heads), after ?? same(heads)]) },
    names: {},
  };
}
