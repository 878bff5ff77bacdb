/** @file Converts a net to an ONNX model for inference: channels first inside but around attention in windows, dynamic batch, no dropout. */
import { match } from 'ts-pattern';
import { defined, first, get } from '../access.ts';
import { MoonletError, UsageError } from '../errors.ts';
import {
  type Activation,
  ancestors,
  type Conv,
  channelsOf,
  firstInput,
  type Graph,
  inputShapes,
  isDepthwise,
  isMap,
  type Node,
  nodesById,
  type OpOf,
  type Slot,
  shapes,
  shiftTap,
} from '../graph/index.ts';
import { float, int, ints, type OnnxModel, string } from '../onnx/index.ts';
import type { Net, WeightKey } from '../weights/index.ts';
import { integerNorms } from './integer-norm.ts';
import { emitAttention } from './onnx-attention.ts';
import { type Draft, draft, type Emission } from './onnx-draft.ts';
import {
  emitQuantize,
  groupsToJoin,
  type LinearSite,
  linearOperands,
  readsFloatKernel,
  repeats,
} from './onnx-integer.ts';
import {
  channelVector,
  emitConvTranspose,
  emitGroupNorm,
  emitLayerNorm,
  emitNorm,
  emitPad,
  emitPool,
  emitPositions,
  emitResize,
  emitResponseNorm,
  padsOf,
} from './onnx-ops.ts';
import { emitRows, Forms } from './onnx-rows.ts';
import { rowSections } from './row-sections.ts';
import { fingerprint, type TensorNames } from './tensor-names.ts';

export interface ToOnnxOptions {
  /** Ids of the nodes that become outputs, each under its own name; the graph's outputs by default. */
  readonly values?: readonly string[];
  /** Layout of inputs and outputs that are maps, NHWC by default; inside, maps are NCHW in both cases, and rows of places around attention in windows. */
  readonly layout?: 'NHWC' | 'NCHW';
  /** A fixed batch size; any batch size by default. */
  readonly batch?: number;
  /** Names of initializers, for weights that have the values of the file which the names are from; see `tensorNames`. */
  readonly tensors?: TensorNames;
  /** Stores kernels of codes of at most 4 bits as int4, which needs operator set 21; as 8 bits or floats by default. */
  readonly int4?: boolean;
  /**
   * Neighbouring groups of integer convs are joined up to so many channels, with zeros between them. onnxruntime's integer convs of small
   * groups are several times as fast so, and as exact; their kernels take more bytes. Groups stay as they are by default.
   */
  readonly joinGroups?: number;
}

/** ONNX operator set of the models: the oldest that has every operator needed here. */
export const opset = 18;
/** Of models with int4. */
const int4Form = { opset: 21, irVersion: 10 } as const;

/**
 * A net as an ONNX model for inference (operator set 18). Inputs and outputs have the names of their nodes, shapes
 * [batch, h, w, c] by default; ONNX nodes have the paths of the net's nodes, from which `fromOnnx` makes the same paths. Batch norms stay separate; fold them first for speed (`foldNorms`).
 * @throws MoonletError when no value is requested, or a requested one is not a node of the graph; UsageError when `joinGroups` is no whole
 * number from 1 up.
 */
export function toOnnx({ graph, weights }: Net, o: ToOnnxOptions = {}): OnnxModel {
  const { layout = 'NHWC', batch = 'batch', tensors = {}, int4 = false, joinGroups = 1 } = o;
  const values = [...new Set(o.values ?? graph.outputs)];
  if (!values.length)
    throw new MoonletError(
      `${graph.name}: toOnnx got no values; name one node or more, or leave values out for the outputs`,
    );
  if (!Number.isInteger(joinGroups) || joinGroups < 1)
    throw new UsageError(`joinGroups must be a whole number from 1 up, got ${joinGroups}`);
  const shapeById = shapes(graph);
  for (const id of values) {
    if (!shapeById.has(id)) throw new MoonletError(`${graph.name}: no node "${id}" whose value could be had`);
  }
  const needed = ancestors(graph, values);
  const byId = nodesById(graph);
  const inputs = graph.nodes.filter((n) => n.op.kind === 'input' && needed.has(n.id));
  const d = draft([...inputs.map((n) => n.id), ...values.map((id) => outputName(id, inputs))]);
  const owned = (node: Node, slot: Slot): WeightKey => `${node.weightsOf ?? node.id}:${slot}`;
  const named = (key: WeightKey): string => {
    const [weight, [name, sum] = []] = [weights.get(key), tensors[key] ?? []];
    return weight && name !== undefined && fingerprint(weight) === sum ? name : key;
  };
  const kept: Graph = { ...graph, nodes: graph.nodes.filter((n) => needed.has(n.id)) };
  const orders = rowSections(kept, shapeById, weights, values);
  const forms = new Forms(d, orders, shapeById);
  const norms = integerNorms({ ...kept, outputs: values }, shapeById);
  const isRounded = kept.nodes.some((n) => n.op.kind === 'quantize');
  for (const node of kept.nodes) {
    if (node.op.kind === 'input') {
      const isTurned = isMap(node.op.shape) && layout === 'NHWC';
      forms.keep(node.id, isTurned ? d.emit('Transpose', [node.id], { perm: ints(toNchw) }) : node.id);
      continue;
    }
    const from = d.nodes.length;
    const order = orders.get(node.id);
    const emission: Emission = {
      draft: d,
      ins: node.inputs.map((id) => (order ? forms.rows(id, order) : forms.map(id))),
      op: node.op,
      shapes: inputShapes(node, shapeById),
      source: byId.get(firstInput(node))?.op,
      isRounded,
      floats: readsFloatKernel(node, byId, (layer) => weights.get(owned(layer, 'kernel'))),
      integerNorm: order ? undefined : norms.get(node.id),
      weight: (slot) => weights.get(owned(node, slot)),
      named: (slot) => named(owned(node, slot)),
      int4,
      joinGroups,
    };
    forms.keep(node.id, order ? emitRows(emission, forms, order, emitOp) : emitOp(emission));
    d.name(from, node.id);
  }
  for (const id of values) {
    const turned = isMap(get(shapeById, id)) && layout === 'NHWC';
    const from = d.nodes.length;
    const inner = forms.map(id);
    d.emit(
      turned ? 'Transpose' : 'Identity',
      [inner],
      turned ? { perm: ints(toNhwc) } : {},
      outputName(id, inputs),
    );
    d.name(from, `${id}:out`);
  }
  const outer = (id: string): readonly (number | string)[] => {
    const shape = get(shapeById, id);
    return [batch, ...(isMap(shape) && layout === 'NCHW' ? [shape[2], shape[0], shape[1]] : shape)];
  };
  return {
    name: graph.name,
    nodes: d.nodes,
    initializers: d.initializers,
    inputs: inputs.map((n) => ({ name: n.id, dtype: 'float32', shape: outer(n.id) })),
    outputs: values.map((id) => ({ name: outputName(id, inputs), dtype: 'float32', shape: outer(id) })),
    ...(d.initializers.some((t) => t.dtype === 'int4') ? int4Form : { opset }),
  };
}

const toNchw = [0, 3, 1, 2] as const;
const toNhwc = [0, 2, 3, 1] as const;
/** An input that is also an output needs a second name. */
const outputName = (id: string, inputs: readonly Node[]): string =>
  inputs.some((n) => n.id === id) ? `${id}:value` : id;

/** Writes one op; the name of its value. */
function emitOp(e: Emission): string {
  const { draft: d, op } = e;
  if (op.kind === 'input') throw new Error('internal: toOnnx itself writes inputs');
  const [x, shape] = [first(e.ins), first(e.shapes)];
  const c = channelsOf(shape);
  return match(op)
    .returnType<string>()
    .with({ kind: 'dropout' }, { kind: 'dropPath' }, () => x)
    .with({ kind: 'conv' }, (op) => emitConv({ ...e, op }))
    .with({ kind: 'dense' }, (op) =>
      d.emit('Gemm', operands(e, op, { depthwise: false, groups: 1, join: 1 })),
    )
    .with({ kind: 'convTranspose' }, (op) => emitConvTranspose({ ...e, op }))
    .with({ kind: 'layerNorm' }, (op) => emitLayerNorm({ ...e, op }))
    .with({ kind: 'groupNorm' }, (op) => emitGroupNorm({ ...e, op }))
    .with({ kind: 'responseNorm' }, ({ eps }) => emitResponseNorm(e, eps))
    .with({ kind: 'attention' }, (op) => emitAttention({ ...e, op }))
    .with({ kind: 'positions' }, (op) => emitPositions({ ...e, op }))
    .with({ kind: 'scale' }, () => d.emit('Mul', [x, channelVector(e, 'gamma')]))
    .with({ kind: 'quantize' }, (op) => emitQuantize(d, x, op, e.floats))
    .with({ kind: 'norm' }, (op) => emitNorm({ ...e, op }))
    .with({ kind: 'act' }, ({ fn }) => (e.isRounded && repeats(e.source, fn) ? x : emitActivation(d, x, fn)))
    .with({ kind: 'pool' }, (op) => emitPool({ ...e, op }))
    .with({ kind: 'pad' }, ({ pads }) => emitPad(d, x, shape, pads))
    .with({ kind: 'globalPool' }, ({ fn }) =>
      d.emit('Flatten', [d.emit(fn === 'avg' ? 'GlobalAveragePool' : 'GlobalMaxPool', [x])], channelAxis),
    )
    .with({ kind: 'add' }, () => e.ins.slice(1).reduce((sum, y) => d.emit('Add', [sum, y]), x))
    .with({ kind: 'mul' }, () =>
      e.ins.slice(1).reduce((product, y, i) => {
        const isGate = e.shapes[i + 1]?.length === 1 && isMap(shape);
        return d.emit('Mul', [product, isGate ? reshape(d, y, [c, 1, 1]) : y]);
      }, x),
    )
    .with({ kind: 'concat' }, () => d.emit('Concat', e.ins, channelAxis))
    .with(
      { kind: 'slice' },
      { kind: 'shuffle' },
      { kind: 'permute' },
      { kind: 'flatten' },
      { kind: 'maxout' },
      (op) => emitChannelOp({ ...e, op }),
    )
    .with({ kind: 'shift' }, ({ kernel }) => {
      const side = (kernel - 1) / 2;
      return d.emit('Conv', [x, d.constant('float32', [c, 1, kernel, kernel], shiftTaps(c, kernel))], {
        kernel_shape: ints([kernel, kernel]),
        group: int(c),
        pads: ints([side, side, side, side]),
      });
    })
    .with({ kind: 'pixelShuffle' }, ({ factor }) =>
      d.emit('DepthToSpace', [x], { blocksize: int(factor), mode: string('CRD') }),
    )
    .with({ kind: 'resize' }, (op) => emitResize({ ...e, op }))
    .with({ kind: 'upsample' }, ({ factor, fn }) =>
      d.emit('Resize', [x, '', d.constant('float32', [4], Float32Array.of(1, 1, factor, factor))], {
        mode: string(fn === 'nearest' ? 'nearest' : 'linear'),
        coordinate_transformation_mode: string(fn === 'nearest' ? 'asymmetric' : 'half_pixel'),
        ...(fn === 'nearest' ? { nearest_mode: string('floor') } : {}),
      }),
    )
    .exhaustive();
}

function emitConv(e: Emission<Conv>): string {
  const { op } = e;
  const shape = first(e.shapes);
  const c = channelsOf(shape);
  const join = groupsToJoin(op, c, e.joinGroups, e.source, defined(e.weight('kernel'), 'kernel'));
  const depthwise = isDepthwise(op, c) && op.out === op.groups;
  return e.draft.emit('Conv', operands(e, op, { depthwise, groups: op.groups, join }), {
    kernel_shape: ints(op.kernel),
    strides: ints(op.stride),
    dilations: ints(op.dilation),
    group: int(op.groups / join),
    pads: ints(padsOf(shape, op.kernel, op.stride, op.dilation, op.padding)),
  });
}

/** Ops that move channels, or choose among them. */
function emitChannelOp(e: Emission<OpOf<'slice' | 'shuffle' | 'permute' | 'flatten' | 'maxout'>>): string {
  const { draft: d, op } = e;
  const [x, shape] = [first(e.ins), first(e.shapes)];
  const c = channelsOf(shape);
  const spatial = isMap(shape) ? [shape[0], shape[1]] : [];
  switch (op.kind) {
    case 'slice': {
      const number = (n: number): string => d.constant('int64', [1], [n]);
      return d.emit('Slice', [x, number(op.from), number(op.to), number(1)]);
    }
    case 'shuffle': {
      const cells = reshape(d, x, [op.groups, c / op.groups, ...spatial]);
      const order = [0, 2, 1, ...spatial.map((_, i) => i + 3)];
      return reshape(d, d.emit('Transpose', [cells], { perm: ints(order) }), [c, ...spatial]);
    }
    case 'permute':
      return d.emit('Gather', [x, d.constant('int64', [c], op.order)], channelAxis);
    case 'flatten':
      return d.emit('Flatten', [d.emit('Transpose', [x], { perm: ints(toNhwc) })], channelAxis);
    case 'maxout': {
      // a vector's pieces with one more axis: OpenVINO takes wrong numbers for what follows the maxima of [n, c, pieces]
      const places = spatial.length ? spatial : [1];
      const axes = spatial.length ? [2] : [2, 3];
      const units = reshape(d, x, [c / op.pieces, op.pieces, ...places]);
      return d.emit('ReduceMax', [units, d.constant('int64', [axes.length], axes)], { keepdims: int(0) });
    }
  }
}

const channelAxis = { axis: int(1) };

/** The value in another shape, batch first. */
const reshape = (d: Draft, from: string, dims: readonly number[]): string =>
  d.emit('Reshape', [from, d.constant('int64', [dims.length + 1], [-1, ...dims])]);

/** Input, kernel and bias of a conv or a dense layer. */
const operands = (
  e: Emission,
  { bias }: { readonly bias: boolean },
  groups: Pick<LinearSite, 'depthwise' | 'groups' | 'join'>,
): readonly string[] =>
  linearOperands(
    e.draft,
    {
      ...{ source: e.source, x: first(e.ins), ...groups },
      ...{ named: e.named, int4: e.int4 },
    },
    defined(e.weight('kernel'), 'kernel'),
    bias ? e.weight('bias') : undefined,
  );

function emitActivation(d: Draft, x: string, fn: Activation): string {
  const scalar = (value: number): string => d.constant('float32', [], Float32Array.of(value));
  const sixth = { alpha: float(1 / 6), beta: float(0.5) };
  switch (fn) {
    case 'relu':
      return d.emit('Relu', [x]);
    case 'relu6':
      return d.emit('Clip', [x, scalar(0), scalar(6)]);
    case 'hardSigmoid':
      return d.emit('HardSigmoid', [x], sixth);
    case 'hardSwish':
      return d.emit('Mul', [x, d.emit('HardSigmoid', [x], sixth)]);
    case 'sigmoid':
      return d.emit('Sigmoid', [x]);
    case 'swish':
      return d.emit('Mul', [x, d.emit('Sigmoid', [x])]);
    case 'tanh':
      return d.emit('Tanh', [x]);
    case 'gelu': {
      // a division, as PyTorch writes it: onnxruntime fuses these five into one Gelu, and does not with a product
      const erf = d.emit('Erf', [d.emit('Div', [x, scalar(Math.SQRT2)])]);
      return d.emit('Mul', [d.emit('Mul', [x, d.emit('Add', [erf, scalar(1)])]), scalar(0.5)]);
    }
    case 'geluTanh': {
      const cube = d.emit('Mul', [d.emit('Mul', [x, x]), x]);
      const sum = d.emit('Add', [x, d.emit('Mul', [cube, scalar(0.044715)])]);
      const tanh = d.emit('Tanh', [d.emit('Mul', [sum, scalar(Math.sqrt(2 / Math.PI))])]);
      return d.emit('Mul', [d.emit('Mul', [x, d.emit('Add', [tanh, scalar(1)])]), scalar(0.5)]);
    }
    case 'negate':
      return d.emit('Neg', [x]);
    case 'softmax':
      return d.emit('Softmax', [x], { axis: int(1) });
  }
}

/** Depthwise filters [c, 1, kernel, kernel] of single ones; see the op `shift`. */
function shiftTaps(c: number, kernel: number): Float32Array {
  const taps = new Float32Array(c * kernel ** 2);
  for (let channel = 0; channel < c; channel++)
    taps[channel * kernel ** 2 + shiftTap(channel, c, kernel)] = 1;
  return taps;
}
