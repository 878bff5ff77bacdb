/** @file Linear maps of a net as numbers in double precision: what folding adds and multiplies. Kernels are HWIO. */
import { consumers, type Graph, type Norm } from '../../graph/index.ts';
import { float, materialize, type Weight, type WeightKey } from '../../weights/index.ts';

export type Store = Map<WeightKey, Weight>;

/** y_o = sum of kernel[..., i, o] x_i + bias_o */
export interface Linear {
  readonly shape: readonly number[];
  readonly kernel: Float64Array;
  readonly bias: Float64Array;
}
/** y_c = scale_c x_c + offset_c */
export interface Affine {
  readonly scale: Float64Array;
  readonly offset: Float64Array;
}

export function linearOf(store: Store, id: string, out: number): Linear {
  const kernel = store.get(`${id}:kernel`) as Weight;
  const bias = store.get(`${id}:bias`);
  return {
    shape: kernel.shape,
    kernel: Float64Array.from(materialize(kernel)),
    bias: bias ? Float64Array.from(materialize(bias)) : new Float64Array(out),
  };
}

/** A norm in inference. */
export function affineOf(store: Store, id: string, { eps }: Norm): Affine {
  const of = (slot: 'gamma' | 'beta' | 'mean' | 'variance'): Float32Array | undefined => {
    const weight = store.get(`${id}:${slot}`);
    return weight && materialize(weight);
  };
  const mean = of('mean') as Float32Array;
  const gamma = of('gamma');
  const beta = of('beta');
  const scale = Float64Array.from(
    of('variance') as Float32Array,
    (v, c) => (gamma ? (gamma[c] as number) : 1) / Math.sqrt(v + eps),
  );
  const offset = scale.map((s, c) => (beta ? (beta[c] as number) : 0) - (mean[c] as number) * s);
  return { scale, offset };
}

export function put(store: Store, id: string, { shape, kernel, bias }: Linear): void {
  store.set(`${id}:kernel`, float(shape, Float32Array.from(kernel)));
  store.set(`${id}:bias`, float([bias.length], Float32Array.from(bias)));
}

export function forget(store: Store, ...ids: readonly string[]): void {
  for (const id of ids) {
    for (const slot of ['kernel', 'bias', 'gamma', 'beta', 'mean', 'variance'] as const)
      store.delete(`${id}:${slot}`);
  }
}

/** Whether a value has one reader and is no output: then what it was may be forgotten. */
export function readOnce(graph: Graph): (id: string) => boolean {
  const readers = consumers(graph);
  return (id) => {
    const users = readers.get(id) ?? [];
    return (
      users.length === 1 &&
      users[0]?.inputs.filter((i) => i === id).length === 1 &&
      !graph.outputs.includes(id)
    );
  };
}

/** Whether any of these uses another's weights, or lends its own. */
export const isSharing = (graph: Graph, ...ids: readonly string[]): boolean =>
  graph.nodes.some((n) => n.weightsOf !== undefined && (ids.includes(n.id) || ids.includes(n.weightsOf)));
