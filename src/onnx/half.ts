/** @file Stores the large constants of a model in half precision: half of the bytes, the same operators in float32. */
import { setFloat16 } from '@petamoriken/float16';
import type { OnnxModel, OnnxNode } from './model.ts';
import { int } from './model.ts';

/** Constants of fewer values stay as they are: they weigh nothing, and some are bounds and scales. */
const least = 64;

/** Magnitudes from which half precision is infinite; such constants stay in float32. */
const infinite = 65_520;

/** Each large float32 constant becomes a float16 one and a Cast, which runtimes fold when they load the model. */
export function halved(model: OnnxModel): OnnxModel {
  const casts: OnnxNode[] = [];
  // a scale of codes is no weight: rounded, it would move all that it multiplies
  const scales = new Set(
    model.nodes.flatMap((n) =>
      n.opType.endsWith('quantizeLinear') || n.opType === 'QuantizeLinear' ? n.inputs : [],
    ),
  );
  const initializers = model.initializers.map((tensor) => {
    if (tensor.dtype !== 'float32' || tensor.data.length < least || scales.has(tensor.name)) return tensor;
    if (tensor.data.some((v) => Math.abs(v) >= infinite)) return tensor;
    const name = `${tensor.name}:half`;
    casts.push({
      name: tensor.name,
      opType: 'Cast',
      inputs: [name],
      outputs: [tensor.name],
      attributes: { to: int(1) },
    });
    const bits = new Uint16Array(tensor.data.length);
    const view = new DataView(bits.buffer);
    tensor.data.forEach((v, i) => {
      setFloat16(view, 2 * i, v, true);
    });
    return { ...tensor, name, dtype: 'float16' as const, data: bits };
  });
  return { ...model, nodes: [...casts, ...model.nodes], initializers };
}
