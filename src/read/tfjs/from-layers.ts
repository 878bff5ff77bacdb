/**
 * @file Converts a functional or sequential tf.LayersModel to a net. Layers that we cannot mirror exactly are refused
 * by name.
 */
import type * as tfl from '@tensorflow/tfjs-layers';
import { first, get, item } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import {
  check,
  inputShapes,
  isLinear,
  isStatistic,
  type Node,
  type Op,
  type Pad,
  type Shape,
  type Slot,
  shapeFrom,
  shapeOf,
  slots,
} from '../../graph/index.ts';
import { float, type Net, net, type Weight, type WeightKey } from '../../weights/index.ts';
import { isOpLayer } from './layer.ts';
import { layerOps, type Ops, takesZeros } from './layer-ops.ts';
import type { Memory } from './to-layers.ts';

/** A call of a layer: what tf's graph is made of. */
interface Call {
  readonly layer: tfl.layers.Layer;
  readonly index: number;
  readonly inputs: readonly tfl.SymbolicTensor[];
  /** tf counts its symbolic tensors: later ones have larger numbers. */
  readonly born: number;
}

/** What tf's models have in common: whole ones, and those that stand within another as a layer. */
interface Container {
  readonly inputs: readonly tfl.SymbolicTensor[];
  readonly outputs: readonly tfl.SymbolicTensor[];
}
const isContainer = (layer: object): layer is Container =>
  'layers' in layer && Array.isArray(layer.layers) && 'inputs' in layer && Array.isArray(layer.inputs);

/** The inputs, and every call that the outputs need, in the order of their making: a layer's first call comes first. */
function calls(model: Container): Call[] {
  const found = new Map<string, Call>();
  const todo = [...model.inputs, ...model.outputs];
  for (let tensor = todo.pop(); tensor; tensor = todo.pop()) {
    const key = callKey(tensor);
    if (found.has(key)) continue;
    const layer = tensor.sourceLayer;
    const inputs =
      layer.getClassName() === 'InputLayer' ? [] : (layer.inboundNodes[tensor.nodeIndex]?.inputTensors ?? []);
    todo.push(...inputs);
    found.set(key, { layer, index: tensor.nodeIndex, inputs, born: tensor.id });
  }
  return [...found.values()].sort((a, b) => a.born - b.born);
}
const callKey = (tensor: tfl.SymbolicTensor): string => `${tensor.sourceLayer.name}#${tensor.nodeIndex}`;

/** A layer's name as a path: the dots of `layerName` are slashes again; other strangers become '_'. */
const pathOf = (name: string): string =>
  name
    .replace(/[^A-Za-z0-9_\-./]/g, '_')
    .split(/[./]+/)
    .filter(Boolean)
    .join('/');

/**
 * A tf.LayersModel as a net with copies of its weights. Models within it are read as the layers that they hold.
 *
 * @throws MoonletError that names the layer and its setting that has no counterpart here.
 * @example
 * import '@tensorflow/tfjs-backend-cpu';
 * import * as tfl from '@tensorflow/tfjs-layers';
 * import { fromLayers } from 'moonlet/tfjs';
 *
 * const model = tfl.sequential({ layers: [tfl.layers.dense({ units: 3, inputShape: [4], name: 'dense' })] });
 * fromLayers(model).weights.get('dense:kernel')?.shape; // [4, 3]
 */
export function fromLayers(model: tfl.LayersModel): Net {
  const memory = memoryOf(model);
  const reading = new Reading(memory);
  const outputs = reading.run(model, '');
  const { weights } = reading;
  const nodes = reading.nodesOf(outputs);
  refuseMisread(nodes, memory);
  return net(check({ name: memory?.name ?? model.name, nodes: ordered(nodes, memory), outputs }), weights);
}

class Reading {
  readonly nodes: Node[] = [];
  readonly weights = new Map<WeightKey, Weight>();
  readonly #memory: Memory | undefined;
  readonly #shapes = new Map<string, Shape>();
  /** Of each ZeroPadding2D: what it pads, and the zeros that it adds. */
  readonly #paddings = new Map<string, { readonly padded: string; readonly zeros: Pad['pads'] }>();
  readonly #owners = new Map<tfl.layers.Layer, { id: string; uses: number }>();

  constructor(memory: Memory | undefined) {
    this.#memory = memory;
  }
  /** The nodes of the net: without paddings that only layers with padding read. */
  nodesOf(outputs: readonly string[]): readonly Node[] {
    const read = new Set([...outputs, ...this.nodes.flatMap(({ inputs }) => inputs)]);
    return this.nodes.filter(({ id }) => read.has(id) || !this.#paddings.has(id));
  }

  /** Appends a model's nodes; `fed` are the nodes that its inputs are, of a model within another. Gives its outputs. */
  run(model: Container, prefix: string, fed?: readonly string[]): readonly string[] {
    const outputOf = new Map<string, string>(); // call -> the node that gives its value
    model.inputs.forEach((x, i) => {
      const id = fed?.[i];
      if (id !== undefined) outputOf.set(callKey(x), id);
    });
    const idOf = (x: tfl.SymbolicTensor): string => get(outputOf, callKey(x));
    for (const { layer, index, inputs } of calls(model)) {
      const key = `${layer.name}#${index}`;
      if (outputOf.has(key)) continue;
      const values = inputs.map(idOf);
      const output = isContainer(layer)
        ? this.#within(layer, prefix, values)
        : this.#layer(layer, prefix, values);
      outputOf.set(key, output);
    }
    return model.outputs.map(idOf);
  }

  #within(model: tfl.layers.Layer & Container, prefix: string, values: readonly string[]): string {
    const [output, ...more] = this.run(model, `${prefix}${pathOf(model.name)}/`, values);
    if (output !== undefined && !more.length) return output;
    throw new MoonletError(`${model.name}: a model of several outputs within another has no counterpart`);
  }

  #layer(layer: tfl.layers.Layer, prefix: string, values: readonly string[]): string {
    const owner = this.#owners.get(layer);
    const id = owner
      ? (this.#memory?.calls[owner.id]?.[owner.uses - 1] ?? `${owner.id}_call${owner.uses + 1}`)
      : `${prefix}${pathOf(layer.name)}`;
    if (owner) owner.uses++;
    else this.#owners.set(layer, { id, uses: 1 });
    const padding = this.#paddingOf(layer, values);
    const inputs = padding ? [padding.padded] : values;
    const shapes = inputs.map((x) => get(this.#shapes, x));
    const read = layerOps(layer, padding?.zeros, shapes);
    if (read === 'input') {
      this.#push({ id, op: { kind: 'input', shape: inputShape(layer) }, inputs: [] });
      return id;
    }
    const [op] = read.ops;
    if (op?.kind === 'pad' && layer.getClassName() === 'ZeroPadding2D')
      this.#paddings.set(id, { padded: first(inputs), zeros: op.pads });
    if (!owner) for (const [k, w] of weightsOf(layer, id, read)) this.weights.set(k, w);
    return this.#chain(id, read.ops, inputs, owner?.id);
  }

  /** The ZeroPadding2D that a layer reads, where both are one op. */
  #paddingOf(
    layer: tfl.layers.Layer,
    values: readonly string[],
  ): { readonly padded: string; readonly zeros: Pad['pads'] } | undefined {
    const padding = this.#paddings.get(values[0] ?? '');
    if (!padding) return undefined;
    const before = this.nodes.find(({ id }) => id === padding.padded)?.op;
    const positive = before?.kind === 'act' && (before.fn === 'relu' || before.fn === 'relu6');
    return takesZeros(layer, padding.zeros, positive) ? padding : undefined;
  }

  /** A layer's ops one after another; the first with its own id, the others below it. No op: the input itself. */
  #chain(id: string, ops: readonly Op[], inputs: readonly string[], owner: string | undefined): string {
    let last = ops.length ? id : first(inputs);
    ops.forEach((op, i) => {
      const weighted = slotsOf(op).length > 0;
      const below = (base: string): string => (i ? `${base}/${op.kind}` : base);
      const node: Node = { id: below(id), op, inputs: i ? [last] : inputs };
      this.#push(owner && weighted ? { ...node, weightsOf: below(owner) } : node);
      last = node.id;
    });
    return last;
  }

  #push(node: Node): void {
    this.nodes.push(node);
    this.#shapes.set(node.id, shapeOf(node.op, inputShapes(node, this.#shapes)));
  }
}

function inputShape(layer: tfl.layers.Layer): Shape {
  const shape = (layer.batchInputShape ?? []).slice(1);
  const known = shape.filter((n) => n !== null);
  if (known.length < shape.length || (shape.length !== 1 && shape.length !== 3)) {
    throw new MoonletError(
      `${layer.name}: an input must be [h, w, c] or [c] with sizes known, got [${shape.join(', ')}]`,
    );
  }
  return shapeFrom(known);
}

/** A layer's weights under the slots of its ops: its own order is that of our slots, op after op. */
function weightsOf(layer: tfl.layers.Layer, id: string, { ops, values }: Ops): [WeightKey, Weight][] {
  const tensors = layer.getWeights();
  const wanted = ops.flatMap((op, i) =>
    slotsOf(op).map((slot): [string, Op, Slot] => [i ? `${id}/${op.kind}` : id, op, slot]),
  );
  // a separable conv has its one bias last, behind both kernels, which is where our second conv has it
  return wanted.map(([node, op, slot], i) => {
    const own = values?.[i];
    if (own) return [`${node}:${slot}`, own];
    const tensor = item(tensors, i);
    const [kh = 1, kw = 1, c = 1, m = 1]: readonly number[] = tensor.shape;
    const depthwise = slot === 'kernel' && op.kind === 'conv' && op.groups > 1 && !isOpLayer(layer); // [kh, kw, c, m]
    const pointwise = slot === 'kernel' && op.kind === 'dense' && tensor.rank === 4; // a 1x1 conv of a pooled map
    const shape = depthwise ? [kh, kw, 1, c * m] : pointwise ? [c, m] : tensor.shape;
    return [`${node}:${slot}`, float(shape, Float32Array.from(tensor.dataSync()))];
  });
}

const slotsOf = (op: Op): readonly Slot[] =>
  slots.filter((slot) => {
    if (isLinear(op)) return slot === 'kernel' || (slot === 'bias' && op.bias);
    if (op.kind === 'scale') return slot === 'gamma';
    if (op.kind === 'positions') return slot === 'kernel' || slot === 'bias';
    if (op.kind === 'attention' && op.form === 'covariance') return slot === 'gamma';
    if (op.kind === 'attention')
      return slot === 'bias' ? op.bias : op.talking && (slot === 'kernel' || slot === 'beta');
    if (op.kind === 'responseNorm') return slot === 'gamma' || slot === 'beta';
    if (op.kind !== 'norm' && op.kind !== 'layerNorm' && op.kind !== 'groupNorm') return false;
    const isKept = op.kind === 'norm' && isStatistic(slot);
    return isKept || (slot === 'gamma' && op.scale) || (slot === 'beta' && op.offset);
  });

/** What `toLayers` wrote into the model, if it did. */
function memoryOf(model: tfl.LayersModel): Memory | undefined {
  const metadata: { moonlet?: Memory } | undefined = model.getUserDefinedMetadata();
  const memory = metadata?.moonlet;
  return memory?.version === 1 && Array.isArray(memory.order) && memory.reads ? memory : undefined;
}

/** tf loads the calls of a shared layer in the order in which their inputs appear, and may take one for another. */
function refuseMisread(nodes: readonly Node[], memory: Memory | undefined): void {
  for (const { id, inputs } of nodes) {
    const wanted = memory?.reads[id] ?? inputs;
    if (wanted.join() !== inputs.join()) {
      throw new MoonletError(
        `${id}: tf loaded this shared layer to read "${inputs.join(', ')}" where "${wanted.join(', ')}" was saved, and so computes something else; keep the net as graph.json and weights.safetensors`,
      );
    }
  }
}

/** The remembered order where it fits these nodes; tf's own otherwise. Both are topological. */
function ordered(nodes: readonly Node[], memory: Memory | undefined): readonly Node[] {
  const place = new Map((memory?.order ?? []).map((id, i) => [id, i]));
  if (place.size !== nodes.length || !nodes.every((n) => place.has(n.id))) return nodes;
  return [...nodes].sort((a, b) => get(place, a.id) - get(place, b.id));
}
