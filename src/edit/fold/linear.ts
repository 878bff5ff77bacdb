/** @file The weights of linear layers and norms in double precision, for folding. Kernels are HWIO. */
import { get } from '../../access.ts';
import { consumers, type Graph, type Norm, type OpOf } from '../../graph/index.ts';
import { type Affine, normAffine } from '../../read/norm-affine.ts';
import { float, materialize, type Weight, type WeightKey } from '../../weights/index.ts';

export type Store = Map<WeightKey, Weight>;

/** y_o = sum of kernel[..., i, o] x_i + bias_o */
export interface Linear {
  readonly shape: readonly number[];
  readonly kernel: Float64Array;
  readonly bias: Float64Array;
}

/** The weights of a conv or dense layer with `out` channels; a layer without bias has zeros. */
export function linearOf(store: Store, id: string, out: number): Linear {
  const kernel = get(store, `${id}:kernel`);
  const bias = store.get(`${id}:bias`);
  return {
    shape: kernel.shape,
    kernel: Float64Array.from(materialize(kernel)),
    bias: bias ? Float64Array.from(materialize(bias)) : new Float64Array(out),
  };
}

/** A norm in inference, y = gamma (x - mean) / sqrt(variance + eps) + beta; or a scale, y = gamma x. */
export function affineOf(store: Store, id: string, op: Norm | OpOf<'scale'>): Affine {
  if (op.kind === 'norm') return normAffine((slot) => store.get(`${id}:${slot}`), op.eps);
  const scale = Float64Array.from(materialize(get(store, `${id}:gamma`)));
  return { scale, offset: new Float64Array(scale.length) };
}

/** Stores the kernel and the bias of a layer. */
export function put(store: Store, id: string, { shape, kernel, bias }: Linear): void {
  store.set(`${id}:kernel`, float(shape, Float32Array.from(kernel)));
  store.set(`${id}:bias`, float([bias.length], Float32Array.from(bias)));
}

/** Removes all weights of some nodes. */
export function forget(store: Store, ...ids: readonly string[]): void {
  for (const id of ids) {
    for (const slot of ['kernel', 'bias', 'gamma', 'beta', 'mean', 'variance'] as const)
      store.delete(`${id}:${slot}`);
  }
}

/** Whether a value has one reader and is no output; the node may then be merged into its reader. */
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

/** Whether any of these nodes shares weights with another node. */
export const isSharing = (graph: Graph, ...ids: readonly string[]): boolean =>
  graph.nodes.some((n) => n.weightsOf !== undefined && (ids.includes(n.id) || ids.includes(n.weightsOf)));
