/** @file A net as an ONNX file. */
import { foldBranches } from '../edit/index.ts';
import { encodeModel, halved, withSafeConvs } from '../onnx/index.ts';
import { toOnnx as modelOf } from '../read/onnx.ts';
import type { TensorNames } from '../read/tensor-names.ts';
import type { Net } from '../weights/index.ts';
import { checkedCard, type ExportCard, onnxCard } from './card.ts';

export interface OnnxFileOptions {
  /** Of the input, and of outputs that are feature maps; `NHWC` by default. */
  readonly layout?: 'NHWC' | 'NCHW';
  /** A fixed batch; by default the file takes any batch. */
  readonly batch?: number;
  /** Ids of the nodes whose values are outputs; the graph's outputs by default. */
  readonly values?: readonly string[];
  /** Stores large constants in half precision: half of the bytes, computed in float32 all the same. */
  readonly half?: boolean;
  /**
   * Stores kernels of 2 to 4 bits as int4; true by default. Such files have operator set 21, which onnxruntime 1.30 reads; without,
   * the same kernels take 8 bits or, where the layer does not read rounded values of 8 bits, floats.
   */
  readonly int4?: boolean;
  /**
   * Neighbouring groups of integer convs are joined up to so many channels, with zeros between them, such as 32. onnxruntime's integer
   * convs of small groups are several times as fast so, and as exact; their kernels take more bytes. By default groups stay as they are.
   */
  readonly joinGroups?: number;
  /**
   * Writes convs that onnxruntime-web 1.30 computes wrongly on WebGPU in other forms, of the same values (docs/guides/browser.md). Such a
   * file is to be run; `fromOnnx` may not read it.
   */
  readonly webgpu?: boolean;
  /** Names of initializers, for weights that are still those of the file which the names are from; see `tensorNames`. */
  readonly tensors?: TensorNames;
  /** Goes into `metadata_props`: labels, preprocessing, licence, source. */
  readonly card?: ExportCard;
}

/**
 * The bytes of an ONNX file (operator set 18; 21 with kernels of 4 bits). Batch norms and parallel branches are folded into convs first, where that is
 * exact. Inputs and outputs have the names of their nodes. A net of integers, such as `quantizeByData` of `moonlet/compress`
 * makes, becomes integer layers that give the same numbers with and without VNNI.
 *
 * @throws MoonletError when a value is asked for that is no node of the graph, or the card has another number of labels than the
 * net has classes; UsageError when `joinGroups` is no whole number from 1 up.
 * @example
 * import { blocks, graph, init, input } from 'moonlet';
 * import { toOnnx } from 'moonlet/export';
 *
 * const tiny = graph('tiny', input(8, 8, 3).pipe('stem', blocks.convNormAct(4, { kernel: 3 })).globalPool().dense(2));
 * const bytes = toOnnx(init(tiny, { seed: 1 }), { layout: 'NCHW' });
 * console.log(bytes.length > 500); // true
 */
export function toOnnx(
  net: Net,
  { half = false, int4 = true, webgpu = false, values, card, ...options }: OnnxFileOptions = {},
): Uint8Array {
  const isRounded = net.graph.nodes.some((n) => n.op.kind === 'quantize');
  const folded = isRounded || values ? net : foldBranches(net);
  const said = card ? onnxCard(checkedCard(net.graph, card)) : {};
  const written = modelOf(folded, { ...options, int4, ...(values ? { values } : {}) });
  const model = { ...(webgpu ? withSafeConvs(written) : written), ...said };
  return encodeModel(half ? halved(model) : model);
}
