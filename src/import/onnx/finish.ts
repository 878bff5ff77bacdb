/** @file A draft as a net: affine ops go into the layers before them, what is left becomes depthwise convs. */

import { MoonletError } from '../../errors.ts';
import {
  channelsOf,
  check,
  type Graph,
  isLinear,
  isMap,
  type Node,
  type Op,
  type Slot,
} from '../../graph/index.ts';
import {
  codesOf,
  float,
  materialize,
  type Net,
  net,
  pairsFit,
  type Weight,
  type WeightKey,
} from '../../weights/index.ts';
import { type Affine, type DraftNode, type Layer, uniform } from './draft.ts';
import { pointwise } from './ops/mix.ts';

/** A node of the net on its way. */
interface Ready {
  readonly id: string;
  readonly op: Op;
  readonly inputs: readonly string[];
  readonly layer?: Layer;
  readonly weightsOf?: string;
}
export interface Finished {
  readonly net: Net;
  /** The initializer of each weight that is one unchanged, up to the order of its axes. */
  readonly tensors: ReadonlyMap<WeightKey, string>;
  /** The node of each output that was asked for. */
  readonly outputs: readonly string[];
  /** The path of each node of the draft that is left. */
  readonly to: ReadonlyMap<string, string>;
}

/**
 * @param paths makes a path that no other node has.
 * @throws MoonletError when an op is left that has no counterpart.
 */
export function finish(
  name: string,
  drafted: readonly DraftNode[],
  outputs: readonly string[],
  paths: (wanted: string) => string,
): Finished {
  const nodes = needed(drafted, outputs);
  const readers = new Map<string, number>(outputs.map((id) => [id, 2]));
  for (const { inputs } of nodes) for (const id of inputs) readers.set(id, (readers.get(id) ?? 0) + 1);
  const uses = new Map<string, number>();
  for (const { layer } of nodes)
    if (layer?.names.kernel !== undefined)
      uses.set(layer.names.kernel, (uses.get(layer.names.kernel) ?? 0) + 1);
  const done = new Map<string, Ready>();
  const alias = new Map<string, string>();
  const known = (id: string): string => alias.get(id) ?? id;
  for (const node of nodes) {
    const { id, op, layer } = node;
    const inputs = node.inputs.map(known);
    const [source = ''] = inputs;
    const before = done.get(source);
    if (
      op.kind === 'affine' &&
      before &&
      readers.get(source) === 1 &&
      (uses.get(before.layer?.names.kernel ?? '') ?? 1) === 1
    ) {
      const merged = taken(before, op);
      if (merged) {
        done.set(source, merged);
        alias.set(id, source);
        readers.set(source, readers.get(id) ?? 1);
        continue;
      }
    }
    done.set(id, lowered({ ...node, inputs }, layer));
  }
  const wanted = new Map(nodes.map((node) => [node.id, node.wanted]));
  const { ready, to } = repathed(shared([...done.values()]), (id) => paths(wanted.get(id) ?? id));
  const ends = outputs.map(known).map((id) => to.get(id) ?? id);
  return { ...assembled(name, ready, [...new Set(ends)]), outputs: ends, to };
}

/** Paths of their own again, since most of the nodes that took one in the draft are not needed. */
function repathed(
  nodes: readonly Ready[],
  pathOf: (id: string) => string,
): { ready: readonly Ready[]; to: ReadonlyMap<string, string> } {
  const to = new Map(nodes.map(({ id }) => [id, pathOf(id)]));
  const placed = (id: string): string => to.get(id) ?? id;
  const ready = nodes.map((node) => ({
    ...node,
    id: placed(node.id),
    inputs: node.inputs.map(placed),
    ...(node.weightsOf === undefined ? {} : { weightsOf: placed(node.weightsOf) }),
  }));
  return { ready, to };
}

/** The nodes that the outputs need, and all inputs. */
function needed(nodes: readonly DraftNode[], outputs: readonly string[]): readonly DraftNode[] {
  const live = new Set(outputs);
  for (const { id, inputs } of nodes.toReversed())
    if (live.has(id)) for (const input of inputs) live.add(input);
  return nodes.filter(({ id, op }) => live.has(id) || op.kind === 'input');
}

/** A layer that does what an affine op after it does; undefined where it cannot. */
function taken(node: Ready, { scale, offset }: Affine): Ready | undefined {
  const { op, layer } = node;
  if (!layer || node.weightsOf !== undefined) return undefined;
  const scaledBy = (weight: Weight): Weight => {
    const data = materialize(weight);
    const c = scale.length;
    return float(
      weight.shape,
      data.map((v, i) => v * (scale[i % c] ?? 1)),
    );
  };
  const moved = (weight: Weight | undefined): Weight => {
    const data = weight ? materialize(weight) : new Float32Array(offset.length);
    return float(
      [offset.length],
      data.map((v, c) => v * (scale[c] ?? 1) + (offset[c] ?? 0)),
    );
  };
  const isShift = uniform(scale, 1);
  if (op.kind === 'norm') {
    const { gamma, beta } = layer.slots;
    const slots = {
      ...layer.slots,
      ...(gamma && !isShift ? { gamma: scaledBy(gamma) } : {}),
      beta: moved(beta),
    };
    return {
      ...node,
      layer: { slots, names: isShift ? without(layer.names, 'beta') : without(layer.names, 'gamma', 'beta') },
    };
  }
  if (op.kind === 'responseNorm')
    return isShift
      ? { ...node, layer: { slots: { ...layer.slots, beta: moved(layer.slots.beta) }, names: {} } }
      : undefined;
  if (op.kind === 'layerNorm' || op.kind === 'groupNorm') {
    const { gamma, beta } = layer.slots;
    const [hasScale, hasOffset] = [op.scale || !isShift, op.offset || !uniform(offset, 0)];
    const scaled = gamma
      ? isShift
        ? gamma
        : scaledBy(gamma)
      : float([scale.length], Float32Array.from(scale));
    const slots = { ...(hasScale ? { gamma: scaled } : {}), ...(hasOffset ? { beta: moved(beta) } : {}) };
    const names = isShift ? without(layer.names, 'beta') : {};
    return { ...node, op: { ...op, scale: hasScale, offset: hasOffset }, layer: { slots, names } };
  }
  if (op.kind !== 'conv' && op.kind !== 'dense') return undefined;
  const { kernel, bias } = layer.slots;
  if (!kernel || (kernel.encoding !== 'float32' && !isShift)) return undefined;
  const hasBias = op.bias || !uniform(offset, 0);
  const slots = { kernel: isShift ? kernel : scaledBy(kernel), ...(hasBias ? { bias: moved(bias) } : {}) };
  const names = isShift ? without(layer.names, 'bias') : {};
  return { ...node, op: { ...op, bias: hasBias }, layer: { slots, names } };
}
const without = (names: Layer['names'], ...slots: readonly Slot[]): Layer['names'] =>
  Object.fromEntries(Object.entries(names).filter(([slot]) => !slots.some((s) => s === slot)));

/** Affine ops as our own ops. */
function lowered(node: DraftNode, layer: Layer | undefined): Ready {
  const { id, op, inputs, shape } = node;
  const c = channelsOf(shape);
  const each = { ...pointwise, out: c, groups: c };
  switch (op.kind) {
    case 'affine': {
      const [scale, offset] = [Float32Array.from(op.scale), Float32Array.from(op.offset)];
      if (!isMap(shape)) return { id, inputs, ...vectorAffine(scale, offset) };
      const hasBias = !uniform(op.offset, 0);
      const slots = { kernel: float([1, 1, 1, c], scale), ...(hasBias ? { bias: float([c], offset) } : {}) };
      return { id, inputs, op: { ...each, padding: 'same', bias: hasBias }, layer: { slots, names: {} } };
    }
    case 'erf':
      throw new MoonletError(`onnx node at ${id} (Erf): outside of a gelu it has no counterpart`);
    case 'round':
      throw new MoonletError(
        `onnx node at ${id} (Round): only round(x / scale), clipped to codes of 2 to 8 bits, has a counterpart`,
      );
    case 'sqrt':
      throw new MoonletError(`onnx node at ${id} (Sqrt): outside of a layer norm it has no counterpart`);
    case 'mapNorm':
    case 'floored':
    case 'unit':
    case 'share':
      throw new MoonletError(
        `onnx node at ${id} (${op.kind === 'share' || op.kind === 'unit' ? 'Div' : 'ReduceL2'}): outside of a global response norm, or an attention over channels, it has no counterpart`,
      );
    case 'scores':
    case 'weights':
    case 'shares':
    case 'sharedMean':
    case 'outer':
    case 'channelWeights':
    case 'numerator':
    case 'denominator':
      throw new MoonletError(`onnx node at ${id}: a part of an attention whose other parts are not there`);
    default:
      return { id, op, inputs, ...(layer ? { layer } : {}) };
  }
}

/** A norm of mean 0 and variance 1, since vectors have no depthwise layer. */
function vectorAffine(gamma: Float32Array, beta: Float32Array): Pick<Ready, 'op' | 'layer'> {
  const c = gamma.length;
  return {
    op: { kind: 'norm', eps: 0, momentum: 0.9, scale: true, offset: true },
    layer: {
      slots: {
        gamma: float([c], gamma),
        beta: float([c], beta),
        mean: float([c], new Float32Array(c)),
        variance: float([c], new Float32Array(c).fill(1)),
      },
      names: {},
    },
  };
}

/**
 * Layers whose weights are the same initializers share them. Exporters join equal constants, and untrained norms are all
 * equal: these share only where the layers before them do.
 */
function shared(nodes: readonly Ready[]): readonly Ready[] {
  const owners = new Map<string, Ready>();
  const byId = new Map<string, Ready>();
  return nodes.map((node) => {
    const { op, layer, inputs } = node;
    const kernel = layer?.names.kernel ?? layer?.names.gamma;
    let made = node;
    if (layer && kernel !== undefined) {
      const before = byId.get(inputs[0] ?? '');
      const beside =
        (op.kind === 'norm' || op.kind === 'layerNorm' || op.kind === 'groupNorm') && isFresh(layer)
          ? (before?.weightsOf ?? before?.id)
          : '';
      const groups = op.kind === 'conv' || op.kind === 'convTranspose' ? op.groups : '';
      const key = [op.kind, beside, groups, ...Object.values(layer.names)].join(' ');
      const owner = owners.get(key);
      if (owner && equalWeights(owner.layer, layer)) made = { id: node.id, op, inputs, weightsOf: owner.id };
      else owners.set(key, node);
    }
    byId.set(node.id, made);
    return made;
  });
}
/** Statistics that no training has changed. */
function isFresh({ slots }: Layer): boolean {
  const holds = (weight: Weight | undefined, value: number): boolean =>
    weight !== undefined && materialize(weight).every((v) => v === value);
  if (!slots.mean) return holds(slots.gamma, 1) && (!slots.beta || holds(slots.beta, 0)); // a layer norm
  return holds(slots.mean, 0) && holds(slots.variance, 1);
}
function equalWeights(a: Layer | undefined, b: Layer): boolean {
  const entries = Object.entries(b.slots);
  return (
    a !== undefined &&
    entries.length === Object.keys(a.slots).length &&
    entries.every(([, weight], i) => {
      const other = Object.values(a.slots)[i];
      if (!other || other.shape.join() !== weight.shape.join()) return false;
      const [left, right] = [materialize(other), materialize(weight)];
      return left.every((v, k) => Object.is(v, right[k]));
    })
  );
}

function assembled(
  name: string,
  ready: readonly Ready[],
  outputs: readonly string[],
): Omit<Finished, 'outputs' | 'to'> {
  const weights = new Map<WeightKey, Weight>();
  const tensors = new Map<WeightKey, string>();
  const byId = new Map(ready.map((node) => [node.id, node]));
  let form: Graph['integers'];
  for (const { id, op, layer, inputs } of ready) {
    if (!layer) continue;
    for (const slot of slotsOf(op)) {
      const weight = layer.slots[slot];
      if (weight) weights.set(`${id}:${slot}`, weight);
      const tensor = layer.names[slot];
      if (weight && tensor !== undefined) tensors.set(`${id}:${slot}`, tensor);
      if (weight?.encoding !== 'quantized' || byId.get(inputs[0] ?? '')?.op.kind !== 'quantize') continue;
      // a depthwise layer is multiplied in 32 bits everywhere
      if (op.kind === 'conv' && op.groups === op.out && weight.shape.at(-2) === 1 && op.groups > 1) continue;
      form = form === 'full' || !pairsFit(codesOf(weight), weight.shape) ? 'full' : 'paired';
    }
  }
  const nodes = ready.map(
    ({ id, op, inputs, weightsOf }): Node => ({
      id,
      op,
      inputs,
      ...(weightsOf === undefined ? {} : { weightsOf }),
    }),
  );
  const graph = check({ name, nodes, outputs, ...(form ? { integers: form } : {}) });
  return { net: net(graph, weights), tensors };
}
const slotsOf = (op: Op): readonly Slot[] =>
  op.kind === 'norm'
    ? ['gamma', 'beta', 'mean', 'variance']
    : isLinear(op)
      ? ['kernel', 'bias']
      : op.kind === 'layerNorm' || op.kind === 'groupNorm' || op.kind === 'responseNorm'
        ? ['gamma', 'beta']
        : op.kind === 'attention'
          ? ['kernel', 'bias', 'gamma', 'beta']
          : op.kind === 'positions'
            ? ['kernel', 'bias']
            : [];
