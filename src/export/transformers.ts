/** @file A net as the folder that transformers.js loads: an image classifier with its labels and its image processor. */

import { foldBranches } from '../edit/index.ts';
import { MoonletError } from '../errors.ts';
import { classesOf, type Graph, inputShape, isMap } from '../graph/index.ts';
import { encodeModel, int, ints, type OnnxModel, withSafeConvs } from '../onnx/index.ts';
import { logitsAt } from '../read/class-logits.ts';
import { toOnnx } from '../read/onnx.ts';
import type { Net } from '../weights/index.ts';
import { byChannel, checkedCard, type ExportCard, type ExportPreprocessing, onnxCard } from './card.ts';
import { version } from './version.ts';

export interface TransformersOptions {
  /** Its preprocessing is needed; without labels, classes are called by their numbers. */
  readonly card: ExportCard;
  /** The same net of integers, such as `quantizeByData` of `moonlet/compress` makes, for `onnx/model_quantized.onnx`. */
  readonly quantized?: Net;
}
export interface TransformersFiles {
  /** Contents by their paths in the folder. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Where transformers.js prepares images otherwise than the card says. */
  readonly notes: readonly string[];
}

/**
 * The files of a folder that `pipeline('image-classification', folder)` of `@huggingface/transformers` runs: config.json,
 * preprocessor_config.json, onnx/model.onnx and, with `quantized`, onnx/model_quantized.onnx (`dtype: 'q8'`). The model takes
 * `pixel_values`, [batch, 3, height, width], and gives `logits`, [batch, classes]. A net of grey images gets a first layer that
 * makes grey of colours, since the pipeline gives every net three channels.
 *
 * @throws MoonletError when the net is no classifier of images, or the card does not say how images become its input.
 * @example
 * import { init } from 'moonlet';
 * import { lcnet } from 'moonlet/architectures';
 * import { toTransformers } from 'moonlet/export';
 *
 * const net = init(lcnet({ width: 0.5, classes: 2, size: 32 }), { seed: 1 });
 * const card = { labels: ['cat', 'dog'], preprocessing: { mean: 0.5, std: 0.5, crop: 0.875, interpolation: 'bicubic' } };
 * const { files } = toTransformers(net, { card });
 * console.log(Object.keys(files).join(', ')); // config.json, preprocessor_config.json, onnx/model.onnx
 */
export function toTransformers(net: Net, { card, quantized }: TransformersOptions): TransformersFiles {
  const { graph } = net;
  const shape = inputShape(graph);
  if (!isMap(shape) || (shape[2] !== 3 && shape[2] !== 1))
    throw new MoonletError(
      `${graph.name}: takes ${shape.join(' x ')}; transformers' image classifiers take images of 3 channels, or 1`,
    );
  const { preprocessing } = checkedCard(graph, card);
  if (!preprocessing)
    throw new MoonletError(
      `${graph.name}: the card does not say how images become the input; add preprocessing { mean, std } to it`,
    );
  const processor = processorOf(preprocessing, shape);
  const model = (of: Net): Uint8Array => encodeModel({ ...withSafeConvs(classifier(of)), ...onnxCard(card) });
  return {
    files: {
      'config.json': json(configOf(graph, card)),
      'preprocessor_config.json': json(processor.config),
      'onnx/model.onnx': model(foldBranches(net)),
      ...(quantized ? { 'onnx/model_quantized.onnx': model(quantized) } : {}),
    },
    notes: processor.notes,
  };
}
const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

/** Types that transformers and transformers.js both know; neither looks at more than the type of a classifier in ONNX. */
const types: readonly (readonly [begins: string, type: string, name: string])[] = [
  ['mobilenet-v1', 'mobilenet_v1', 'MobileNetV1'],
  ['mobilenet-v2', 'mobilenet_v2', 'MobileNetV2'],
  ['efficientnet', 'efficientnet', 'EfficientNet'],
  ['', 'resnet', 'ResNet'],
];

function configOf(graph: Graph, { labels, license, source }: ExportCard): object {
  const names = labels ?? Array.from({ length: classesOf(graph) }, (_, i) => String(i));
  const [, type = '', name = ''] = types.find(([begins]) => graph.name.startsWith(begins)) ?? [];
  return {
    moonlet: { version, net: graph.name, ...(source === undefined ? {} : { source }) },
    ...(license === undefined ? {} : { license }),
    architectures: [`${name}ForImageClassification`],
    model_type: type,
    num_labels: names.length,
    id2label: Object.fromEntries(names.map((label, i) => [String(i), label])),
    label2id: Object.fromEntries(names.map((label, i) => [label, i])),
  };
}

/**
 * Pillow's numbers of filters. Lanczos stands for all but the nearest pixel: it is the only filter by which transformers.js
 * smooths before it makes an image smaller, as Pillow does for all of them. On photographs pixels are then off by 0.4 to 0.8
 * of 255 in the mean where the card says bicubic (0.7 to 2.3 for bilinear), and by 1 to 7 with the card's own filter.
 */
const filterOf = (interpolation: string): number => (interpolation === 'nearest' ? 0 : 1);

/** preprocessor_config.json, in the words of transformers' BitImageProcessor: shorter side, crop, scale, normalize. */
function processorOf(
  { mean, std, range = [0, 1], channels, interpolation = 'bilinear', crop, cropMode }: ExportPreprocessing,
  [height, width, depth]: readonly [number, number, number],
): { readonly config: object; readonly notes: readonly string[] } {
  const resized = (side: number): number => Math.floor(side / (crop ?? 1) + 1e-9);
  const squashed = crop === undefined || cropMode === 'squash';
  const flips = channels === 'bgr';
  const spread = (v: number | readonly number[], shift: number): readonly number[] => {
    const each = byChannel(v, 3).map((value) => value - shift);
    const three = each.length === 3 ? each : byChannel(each[0] ?? 0, 3);
    return flips ? [...three].reverse() : three; // channels are turned after they are normalized
  };
  const config = {
    image_processor_type: 'BitImageProcessor',
    do_convert_rgb: true,
    do_resize: true,
    size: squashed
      ? { height: resized(height), width: resized(width) }
      : { shortest_edge: resized(Math.min(height, width)) },
    resample: filterOf(interpolation),
    do_center_crop: crop !== undefined,
    crop_size: { height, width },
    do_rescale: true,
    rescale_factor: (range[1] - range[0]) / 255,
    do_normalize: true,
    image_mean: spread(mean, range[0]),
    image_std: spread(std, 0),
    ...(flips && depth === 3 ? { do_flip_channel_order: true } : {}),
  };
  const notes = [
    ...(cropMode === 'border'
      ? ['transformers has no crop mode "border": images are cropped in the middle']
      : []),
    ...(interpolation === 'nearest' || interpolation === 'lanczos'
      ? []
      : [
          `images are resized by Lanczos, the only filter by which transformers.js smooths, not by ${interpolation}: scores differ a little`,
        ]),
  ];
  return { config, notes };
}

/** The ONNX model with the names and the layout of transformers. */
function classifier({ graph, weights }: Net): OnnxModel {
  const logits = logitsAt(graph);
  const model = toOnnx({ graph, weights }, { layout: 'NCHW', values: [logits] });
  const [input, output] = [model.inputs[0], model.outputs[0]];
  if (!input || !output) throw new Error(`internal: ${graph.name} has no input or output`);
  const [batch = 'batch', channels, height = 0, width = 0] = input.shape;
  const grey = channels === 1;
  const called = new Map([
    [input.name, grey ? 'grey' : 'pixel_values'],
    [output.name, 'logits'],
  ]);
  const to = (name: string): string => called.get(name) ?? name;
  const nodes = model.nodes.map((node) => ({
    ...node,
    ...(node.name === undefined ? {} : { name: to(node.name) }),
    inputs: node.inputs.map(to),
    outputs: node.outputs.map(to),
  }));
  const toGrey = {
    name: 'grey',
    opType: 'Conv',
    inputs: ['pixel_values', 'luma'],
    outputs: ['grey'],
    attributes: { kernel_shape: ints([1, 1]), group: int(1) },
  };
  return {
    ...model,
    nodes: grey ? [toGrey, ...nodes] : nodes,
    initializers: grey ? [...model.initializers, luma] : model.initializers,
    inputs: [{ ...input, name: 'pixel_values', shape: [batch, 3, height, width] }],
    outputs: [{ ...output, name: 'logits' }],
  };
}

/** Grey of red, green and blue as Pillow's mode L has it (ITU-R 601-2). */
const luma = {
  name: 'luma',
  dtype: 'float32',
  shape: [1, 3, 1, 1],
  data: Float32Array.of(0.299, 0.587, 0.114),
} as const;
