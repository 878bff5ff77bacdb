/** @file Converts a net to a tf.LayersModel: tf's own layers where they exist, and Moonlet's otherwise. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { match, P } from 'ts-pattern';
import { first, get } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import {
  type Conv,
  channelsOf,
  type Graph,
  inputShapes,
  isDepthwise,
  type Node,
  type Op,
  type Shape,
  shapes,
  slots,
} from '../../graph/index.ts';
import { mendTf } from '../../kernels/index.ts';
import { materialize, type Net } from '../../weights/index.ts';
import { OpLayer } from './layer.ts';
import { sizesOf } from './ranks.ts';

export interface ToLayersOptions {
  /** Norms (by node id) that keep their running statistics when the model is trained. */
  readonly frozen?: (node: string) => boolean;
}

/** A path as a tf layer's name, and back. Paths hold no dot, so this loses nothing. */
export const layerName = (id: string): string => id.replaceAll('/', '.');
export const padName = (name: string): string => `${name}..pad`;
const againName = (name: string, index: number): string => `${name}..again${index}`;

/**
 * What a node reads; a value that it reads again comes through an identity. tf counts the readers of a value by their names,
 * but each of their reads, and would free a value that one node reads twice before its next reader runs.
 */
function valuesOf(
  { id, inputs }: Node,
  values: ReadonlyMap<string, tfl.SymbolicTensor>,
): tfl.SymbolicTensor[] {
  return inputs.map((from, i) => {
    const value = get(values, from);
    if (inputs.indexOf(from) === i) return value;
    const identity = tfl.layers.activation({ activation: 'linear', name: againName(layerName(id), i) });
    return applied(identity, value);
  });
}

/** Metadata of a model that its layers do not contain: the order of nodes, and the inputs of each call of a shared layer. */
export interface Memory {
  readonly version: 1;
  readonly name: string;
  readonly order: readonly string[];
  readonly calls: Readonly<Record<string, readonly string[]>>;
  readonly reads: Readonly<Record<string, readonly string[]>>;
}

/**
 * A net as a tf.LayersModel with its weights. `model.save` writes it, `fromLayers` turns it back into a net; loading a model
 * that has layers of ours needs `moonlet/tfjs` imported, which registers them. The caller disposes of the model.
 *
 * @throws MoonletError when tf has no backend, or nodes that share weights have different options.
 * @example
 * import '@tensorflow/tfjs-backend-cpu';
 * import { init } from 'moonlet';
 * import { lenet5 } from 'moonlet/architectures';
 * import { fromLayers, toLayers } from 'moonlet/tfjs';
 *
 * const model = toLayers(init(lenet5()));
 * model.countParams(); // 61706
 * fromLayers(model).graph.name; // 'lenet-5'
 */
export function toLayers(
  { graph, weights }: Net,
  { frozen = () => false }: ToLayersOptions = {},
): tfl.LayersModel {
  if (!tf.getBackend() && !Object.keys(tf.engine().registryFactory).length) {
    throw new MoonletError(
      "toLayers: tf has no backend; import '@tensorflow/tfjs-backend-cpu' or another first",
    );
  }
  mendTf();
  const shapeById = shapes(graph);
  const layers = new Map<string, tfl.layers.Layer>();
  const calls: Record<string, string[]> = {};
  const values = new Map<string, tfl.SymbolicTensor>();
  for (const node of graph.nodes) {
    const ins = inputShapes(node, shapeById);
    const xs = valuesOf(node, values);
    if (node.op.kind === 'input') {
      values.set(node.id, tfl.input({ shape: [...node.op.shape], name: layerName(node.id) }));
      continue;
    }
    const owner = node.weightsOf ?? node.id;
    const layer = layers.get(owner) ?? layerOf(node, ins, frozen(node.id));
    if (node.weightsOf) sameLayer(graph, node, calls, owner);
    layers.set(owner, layer);
    values.set(node.id, applied(layer, padded(node, node.op, xs)));
  }
  const inputs = graph.nodes.flatMap((n) => (n.op.kind === 'input' ? get(values, n.id) : []));
  const outputs = graph.outputs.map((id) => get(values, id));
  const model = tfl.model({ inputs, outputs, name: graph.name });
  for (const [id, layer] of layers) setWeights(layer, id, { graph, weights });
  const shared = new Set(Object.entries(calls).flatMap(([owner, more]) => [owner, ...more]));
  const memory: Memory = {
    version: 1,
    name: graph.name,
    order: graph.nodes.map((n) => n.id),
    calls,
    reads: Object.fromEntries(graph.nodes.filter((n) => shared.has(n.id)).map((n) => [n.id, n.inputs])),
  };
  model.setUserDefinedMetadata({ moonlet: memory });
  disposeShared(
    model,
    Object.entries(calls).map(([id, more]) => [get(layers, id), more.length]),
  );
  return model;
}

/** tf counts the calls of a layer as its owners, and a model gives back one: a shared layer would never be freed. */
function disposeShared(
  model: tfl.LayersModel,
  shared: readonly (readonly [layer: tfl.layers.Layer, moreCalls: number])[],
): void {
  const dispose = model.dispose.bind(model);
  model.dispose = () => {
    const result = dispose();
    for (const [layer, moreCalls] of shared) for (let i = 0; i < moreCalls; i++) layer.dispose();
    return result;
  };
}

function sameLayer(graph: Graph, node: Node, calls: Record<string, string[]>, owner: string): void {
  const op = graph.nodes.find((n) => n.id === owner)?.op;
  if (JSON.stringify(op) !== JSON.stringify(node.op)) {
    throw new MoonletError(
      `${node.id}: shares weights with "${owner}" but has other options; one tf layer cannot do both`,
    );
  }
  calls[owner] = [...(calls[owner] ?? []), node.id];
}

/** Whether tf's own conv layers compute this conv and its gradients. */
const isStock = (op: Conv, channels: number): boolean =>
  op.dilation.every((d) => d === 1) &&
  (op.groups === 1 || (isDepthwise(op, channels) && op.stride[0] === op.stride[1]));

/** Explicit padding is a layer of its own before a stock conv. */
function padded(node: Node, op: Op, xs: tfl.SymbolicTensor[]): tfl.SymbolicTensor | tfl.SymbolicTensor[] {
  const [x, ...others] = xs;
  if (!x || others.length) return xs;
  if (op.kind !== 'conv' || typeof op.padding === 'string' || !isStock(op, x.shape.at(-1) ?? 0)) return x;
  const [top, right, bottom, left] = op.padding;
  const name = padName(layerName(node.id));
  const padding: [[number, number], [number, number]] = [
    [top, bottom],
    [left, right],
  ];
  return applied(tfl.layers.zeroPadding2d({ padding, name }), x);
}

/** The value of a layer over values that it reads. */
function applied(
  layer: tfl.layers.Layer,
  inputs: tfl.SymbolicTensor | tfl.SymbolicTensor[],
): tfl.SymbolicTensor {
  const [value] = [layer.apply(inputs)].flat();
  if (value instanceof tfl.SymbolicTensor) return value;
  throw new Error(`internal: the layer ${layer.name} gave no symbolic tensor`);
}

const zeros = (): { kernelInitializer: 'zeros'; biasInitializer: 'zeros' } => ({
  kernelInitializer: 'zeros',
  biasInitializer: 'zeros',
});
const two = ([a, b]: readonly [number, number]): [number, number] => [a, b];

/** tf's own layer of a conv; explicit padding is a layer before it. */
function stockConv(op: Conv, channels: number, name: string): tfl.layers.Layer {
  const shared = {
    name,
    kernelSize: two(op.kernel),
    strides: two(op.stride),
    padding: typeof op.padding === 'string' ? op.padding : ('valid' as const),
    useBias: op.bias,
  };
  if (op.groups === 1) return tfl.layers.conv2d({ ...shared, ...zeros(), filters: op.out });
  return tfl.layers.depthwiseConv2d({
    ...shared,
    depthMultiplier: op.out / channels,
    depthwiseInitializer: 'zeros',
    biasInitializer: 'zeros',
  });
}

/** The tf layer of an op. */
function layerOf(node: Node, ins: readonly Shape[], frozen: boolean): tfl.layers.Layer {
  const name = layerName(node.id);
  const ours = (op: Op, trainable = true): tfl.layers.Layer => new OpLayer({ op, name, trainable });
  const { layers } = tfl;
  return match(node.op)
    .returnType<tfl.layers.Layer>()
    .with({ kind: 'conv' }, (op) => {
      const c = channelsOf(first(ins));
      return isStock(op, c) ? stockConv(op, c, name) : ours(op);
    })
    .with({ kind: 'dense' }, (op) => layers.dense({ name, units: op.out, useBias: op.bias, ...zeros() }))
    .with({ kind: 'norm' }, (op) =>
      frozen || !op.scale || !op.offset
        ? ours(op, !frozen)
        : layers.batchNormalization({ name, epsilon: op.eps, momentum: op.momentum }),
    )
    .with({ kind: 'layerNorm' }, (op) =>
      layers.layerNormalization({ name, epsilon: op.eps, scale: op.scale, center: op.offset }),
    )
    .with({ kind: 'act', fn: 'relu' }, () => layers.reLU({ name }))
    .with({ kind: 'act', fn: 'relu6' }, () => layers.reLU({ name, maxValue: 6 }))
    .with({ kind: 'act', fn: P.union('sigmoid', 'tanh', 'softmax', 'swish') }, ({ fn }) =>
      layers.activation({ name, activation: fn }),
    )
    .with({ kind: 'pool', padding: P.string }, ({ fn, size, stride, padding }) => {
      const args = { name, poolSize: two(size), strides: two(stride), padding };
      return fn === 'max' ? layers.maxPooling2d(args) : layers.averagePooling2d(args);
    })
    .with({ kind: 'globalPool', fn: 'avg' }, () => layers.globalAveragePooling2d({ name }))
    .with({ kind: 'globalPool', fn: 'max' }, () => layers.globalMaxPooling2d({ name }))
    .with({ kind: 'add' }, () => layers.add({ name }))
    .with({ kind: 'mul' }, (op) =>
      ins.every((s) => s.length === ins[0]?.length) ? layers.multiply({ name }) : ours(op),
    )
    .with({ kind: 'concat' }, () => layers.concatenate({ name }))
    .with({ kind: 'flatten' }, () => layers.flatten({ name }))
    .with({ kind: 'dropout' }, ({ rate }) => layers.dropout({ name, rate }))
    .with({ kind: 'upsample', fn: 'nearest' }, ({ factor }) =>
      layers.upSampling2d({ name, size: [factor, factor] }),
    )
    .with(
      { kind: 'act' },
      { kind: 'pool' },
      { kind: 'slice' },
      { kind: 'shuffle' },
      { kind: 'permute' },
      { kind: 'maxout' },
      { kind: 'shift' },
      { kind: 'upsample' },
      { kind: 'resize' },
      { kind: 'pixelShuffle' },
      { kind: 'convTranspose' },
      { kind: 'pad' },
      { kind: 'groupNorm' },
      { kind: 'responseNorm' },
      { kind: 'scale' },
      { kind: 'attention' },
      { kind: 'positions' },
      { kind: 'quantize' },
      { kind: 'dropPath' },
      { kind: 'input' },
      (op) => ours(op),
    )
    .exhaustive();
}

function setWeights(layer: tfl.layers.Layer, id: string, { weights }: Net): void {
  if (!layer.weights.length) return;
  // tf lists a layer's weights in the order of our slots
  const found = slots.flatMap((slot) => weights.get(`${id}:${slot}`) ?? []);
  tf.tidy(() =>
    layer.setWeights(found.map((w, i) => tf.tensor(materialize(w), sizesOf(layer.weights[i]?.shape ?? [])))),
  );
}
