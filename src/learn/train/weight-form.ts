/**
 * @file The type of a form, which weights keep in training: masked, quantized, shared. The optimizer works on plain
 * arrays; the net sees what the form makes of them, and gradients come back through it (straight-through, or summed
 * over members).
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { Quantize } from '../../graph/index.ts';
import type { FloatWeight, Net, WeightKey } from '../../weights/index.ts';

export interface Form {
  readonly name: string;
  /** What `through` and `settle` hold in no other field, such as masks: a checkpoint of a run with others is refused. */
  readonly constants?: Readonly<Record<string, unknown>>;
  /** Numbers of its own that are trained along, by name, with their first values; they do not decay. */
  readonly parameters?: ReadonlyMap<string, FloatWeight>;
  /** What the net sees of a trained weight; the weight itself where the form has nothing to say. */
  through(key: WeightKey, weight: tf.Tensor, parameter: (name: string) => tf.Tensor): tf.Tensor;
  /** What a rounding op of the graph gives; undefined where the form has nothing to say. */
  readonly rounding?: (
    node: string,
    op: Quantize,
    x: tf.Tensor,
    parameter: (name: string) => tf.Tensor,
  ) => tf.Tensor | undefined;
  /** The trained net with its weights in that form. `parameters` are the trained ones. */
  settle(net: Net, parameters: ReadonlyMap<string, Float32Array>): Net;
}

/** One form after another: the net sees what the last makes of what the others made. */
export function inTurn(...forms: readonly Form[]): Form {
  return {
    name: forms.map((f) => f.name).join(', '),
    constants: Object.fromEntries(forms.map((f, i) => [`${i}`, f.constants ?? {}])),
    parameters: new Map(forms.flatMap((f) => [...(f.parameters ?? [])])),
    through: (key, weight, parameter) => forms.reduce((w, f) => f.through(key, w, parameter), weight),
    rounding: (node, op, x, parameter) => {
      for (const { rounding } of forms) {
        const y = rounding?.(node, op, x, parameter);
        if (y) return y;
      }
      return undefined;
    },
    settle: (net, parameters) => forms.reduce((n, f) => f.settle(n, parameters), net),
  };
}
